/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "wire.h"

enum { REPLY = 160 };

static bool find_home(struct driver *driver, struct job *job, uint64_t size, uint64_t ttl) {
    job->home = streams_get(driver, true, size, ttl);
    if (!job->home) {
        driver_complain(driver, COMPLAINT_STREAM, "too many different sizes and TTLs of histories");
        driver_complete(driver, job, WSHUB_UNSUPPORTED);
    }
    return job->home != NULL;
}

/* ---- publishing ---- */

static void store(struct driver *driver, struct job *job, struct stream *home, int status);

/* An offset that is not beyond all before it: the stream was made anew behind this hub's back. */
static void take_offset(struct stream *home, uint64_t offset) {
    if (offset <= home->last) {
        streams_doubt(home);
    }
    home->last = offset;
}

static void on_stored(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    if (answer->status == WSHUB_OK) {
        take_offset(job->home, json_number(answer->json, "seq", NULL));
        driver_complete(driver, job, WSHUB_OK);
    } else if (answer->status == WSHUB_UNSUPPORTED && !job->again) {
        job->again = true; /* nobody listens: the stream is gone since */
        streams_doubt(job->home);
        streams_ensure(driver, job->home, job, store);
    } else {
        driver_complete(driver, job, requests_status(driver, answer));
    }
}

static void store(struct driver *driver, struct job *job, struct stream *home, int status) {
    char subject[SUBJECT_SIZE], reply[REPLY];
    if (status != WSHUB_OK) {
        driver_complete(driver, job, status);
        return;
    }
    subject_write(subject, home->head, job->message.channel);
    requests_reply(driver, reply);
    job->message.epoch = (struct wshub_bytes){home->epoch, strlen(home->epoch)};
    natsMsg *message = wire_write(subject, reply, &job->message);
    requests_send(driver, message, on_stored, job);
}

void history_on_publish(struct driver *driver, struct job *job) {
    if (find_home(driver, job, job->message.history_size, job->message.history_ttl)) {
        streams_ensure(driver, job->home, job, store);
    }
}

/* ---- reading ---- */

/* What is read backwards is kept until its end is reached: the last `limit` notes. */
struct tail {
    struct note **notes;
    size_t count, size; /* the newest stands at (count - 1) % size */
};

static bool is_backwards(const struct job *job) {
    return job->query.flags & WSHUB_HISTORY_BACKWARDS;
}

static void tail_free(struct tail *tail) {
    for (size_t i = 0; tail && tail->notes && i < tail->size && i < tail->count; i++) {
        free(tail->notes[i]);
    }
    if (tail) {
        free(tail->notes);
        free(tail);
    }
}

static struct tail *tail_new(const struct job *job) {
    const uint64_t most = job->query.limit < job->query.size ? job->query.limit : job->query.size;
    struct tail *tail = calloc(1, sizeof *tail);
    if (tail) {
        tail->size = (size_t)most;
        tail->notes = calloc(tail->size, sizeof(struct note *));
        if (!tail->notes) {
            free(tail);
            return NULL;
        }
    }
    return tail;
}

static void tail_push(struct tail *tail, struct note *note) {
    struct note **place = &tail->notes[tail->count++ % tail->size];
    free(*place);
    *place = note;
}

static void tail_put(struct driver *driver, struct tail *tail) {
    const size_t first = tail->count > tail->size ? tail->count - tail->size : 0;
    for (size_t i = tail->count; i > first; i--) {
        outbox_put(&driver->outbox, tail->notes[(i - 1) % tail->size]);
        tail->notes[(i - 1) % tail->size] = NULL;
    }
}

static struct note *note_of(struct driver *driver, struct job *job, natsMsg *from, uint64_t sequence,
                            bool *memory) {
    struct wshub_message message;
    char *bytes;
    struct note *note = NULL;
    *memory = wire_read(from, &message, &bytes);
    if (*memory) {
        message.channel = job->message.channel;
        message.epoch = (struct wshub_bytes){job->home->epoch, strlen(job->home->epoch)};
        message.offset = sequence;
        message.previous = job->age;
        note = note_new(NOTE_MESSAGE, job->token, &message);
        *memory = note != NULL;
        free(bytes);
    }
    (void)driver;
    return note;
}

static bool on_message(struct driver *driver, struct reading *reading, natsMsg *from, uint64_t sequence) {
    struct job *job = reading->job;
    bool memory;
    if (is_backwards(job) && job->query.after && sequence >= job->query.after) {
        return false;
    }
    struct note *note = note_of(driver, job, from, sequence, &memory);
    if (!memory) {
        job->status = WSHUB_NO_MEMORY;
        return false;
    }
    job->age = sequence;
    job->newest = sequence > job->newest ? sequence : job->newest;
    if (is_backwards(job)) {
        tail_push(job->tail, note);
        return true;
    }
    outbox_put(&driver->outbox, note);
    return ++job->at < job->query.limit;
}

static void ask_edge(struct driver *driver, struct job *job, bool newest, request_fn fn) {
    char subject[STREAM_NAME + 32], body[SUBJECT_SIZE + 48], name[SUBJECT_SIZE];
    subject_write(name, job->home->head, job->message.channel);
    snprintf(subject, sizeof subject, "$JS.API.STREAM.MSG.GET.%s", job->home->name);
    snprintf(body, sizeof body, newest ? "{\"last_by_subj\":\"%s\"}" : "{\"seq\":1,\"next_by_subj\":\"%s\"}",
             name);
    requests_ask(driver, subject, body, fn, job);
}

static void end_query(struct driver *driver, struct job *job, int status) {
    const struct wshub_message message = {.epoch = {job->home->epoch, strlen(job->home->epoch)}};
    struct note *note = status == WSHUB_OK ? note_new(NOTE_POSITION, job->token, &message) : NULL;
    if (note) {
        note->oldest = job->oldest;
        note->newest = job->newest;
        outbox_put(&driver->outbox, note);
    } else if (status == WSHUB_OK) {
        status = WSHUB_NO_MEMORY;
    }
    driver_finish(driver, job, status);
}

static void on_oldest(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    if (answer->status == WSHUB_OK || answer->status == WSHUB_NOT_FOUND) {
        job->oldest = json_number(answer->json, "message", "seq");
        job->newest = job->oldest > job->newest ? job->oldest : job->newest;
        end_query(driver, job, WSHUB_OK);
    } else {
        end_query(driver, job, requests_status(driver, answer));
    }
}

/* Asked before the reading, it would be there though it was forgotten by then. */
static void ask_oldest(struct driver *driver, struct job *job) {
    if (job->newest) {
        ask_edge(driver, job, false, on_oldest);
    } else {
        end_query(driver, job, WSHUB_OK);
    }
}

static void on_read(struct driver *driver, struct reading *reading, int status) {
    struct job *job = reading->job;
    status = status == WSHUB_OK ? job->status : status;
    if (status == WSHUB_OK && job->tail) {
        tail_put(driver, job->tail);
    }
    tail_free(job->tail);
    job->tail = NULL;
    if (status == WSHUB_OK) {
        ask_oldest(driver, job);
    } else {
        end_query(driver, job, status);
    }
}

static void read_messages(struct driver *driver, struct job *job) {
    char filter[SUBJECT_SIZE];
    const bool backwards = is_backwards(job);
    const bool none = job->query.limit == 0 || job->query.size == 0 || job->newest == 0 ||
                      (!backwards && job->query.after >= job->newest);
    if (none) {
        ask_oldest(driver, job);
        return;
    }
    job->age = 0; /* the offset before the next */
    job->at = 0;  /* messages so far */
    job->tail = backwards ? tail_new(job) : NULL;
    if (backwards && !job->tail) {
        end_query(driver, job, WSHUB_NO_MEMORY);
        return;
    }
    subject_write(filter, job->home->head, job->message.channel);
    reading_start(
        driver,
        &(struct reading){.job = job, .stream = job->home, .on_message = on_message, .on_end = on_read},
        filter, backwards ? 1 : job->query.after + 1, false);
}

/* ---- where it begins and ends ---- */

static void ask_newest(struct driver *driver, struct job *job, struct stream *home, int status);

static void on_newest(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    if (answer->code == JETSTREAM_NO_STREAM && !job->again) {
        job->again = true;
        streams_doubt(job->home);
        streams_ensure(driver, job->home, job, ask_newest);
    } else if (answer->status == WSHUB_OK) {
        job->newest = json_number(answer->json, "message", "seq");
        read_messages(driver, job);
    } else if (answer->status == WSHUB_NOT_FOUND) {
        read_messages(driver, job); /* nothing was published, or all of it is forgotten */
    } else {
        driver_complete(driver, job, requests_status(driver, answer));
    }
}

static void ask_newest(struct driver *driver, struct job *job, struct stream *home, int status) {
    (void)home;
    if (status == WSHUB_OK) {
        ask_edge(driver, job, true, on_newest);
    } else {
        driver_complete(driver, job, status);
    }
}

void history_on_query(struct driver *driver, struct job *job) {
    if (find_home(driver, job, job->query.size, job->query.ttl)) {
        streams_ensure(driver, job->home, job, ask_newest);
    }
}
