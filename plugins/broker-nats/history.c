/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "tail.h"
#include "wire.h"

bool history_find(struct driver *driver, struct job *job, uint64_t size, uint64_t ttl) {
    job->home = streams_get(driver, true, size, ttl);
    if (!job->home) {
        driver_complain(driver, COMPLAINT_STREAM, "too many different sizes and TTLs of histories");
        driver_complete(driver, job, WSHUB_UNSUPPORTED);
    }
    return job->home != NULL;
}

/* ---- reading ---- */

static bool is_backwards(const struct job *job) {
    return job->query.flags & WSHUB_HISTORY_BACKWARDS;
}

/* The epoch that it reads of: another job may have found out meanwhile. */
static bool is_over(const struct job *job) {
    return job->era != job->home->era;
}

static struct note *note_of(struct job *job, natsMsg *from, uint64_t sequence, bool *memory) {
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
    return note;
}

static bool on_message(struct driver *driver, struct reading *reading, natsMsg *from, uint64_t sequence) {
    struct job *job = reading->job;
    bool memory;
    if (is_over(job)) {
        job->status = WSHUB_UNAVAILABLE;
        return false;
    }
    if (job->tail && sequence >= job->tail->upper) {
        return false;
    }
    if (!job->tail && sequence <= job->query.after) {
        job->age = sequence; /* it is known: what comes next says that it is before it */
        return true;
    }
    struct note *note = note_of(job, from, sequence, &memory);
    if (!memory) {
        job->status = WSHUB_NO_MEMORY;
        return false;
    }
    job->age = sequence;
    job->newest = sequence > job->newest ? sequence : job->newest;
    if (job->tail) {
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
    status = status == WSHUB_OK && is_over(job) ? WSHUB_UNAVAILABLE : status;
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

static void end_reading(struct driver *driver, struct job *job, int status) {
    tail_free(job->tail);
    job->tail = NULL;
    if (status == WSHUB_OK) {
        ask_oldest(driver, job);
    } else {
        end_query(driver, job, status);
    }
}

static void start_reading(struct driver *driver, const struct reading *reading, uint64_t from) {
    char filter[SUBJECT_SIZE];
    subject_write(filter, reading->stream->head, reading->job->message.channel);
    reading->job->age = 0; /* the offset before the next */
    reading_start(driver, reading, filter, from, false);
}

/* ---- forwards ---- */

static void on_read(struct driver *driver, struct reading *reading, int status) {
    end_reading(driver, reading->job, status == WSHUB_OK ? reading->job->status : status);
}

static void read_forwards(struct driver *driver, struct job *job) {
    job->at = 0; /* messages so far */
    start_reading(driver,
                  &(struct reading){.job = job,
                                    .stream = job->home,
                                    .wanted = job->query.limit + 1,
                                    .on_message = on_message,
                                    .on_end = on_read},
                  job->query.after);
}

/* ---- backwards ---- */

static void read_window(struct driver *driver, struct job *job);

static void on_window(struct driver *driver, struct reading *reading, int status) {
    struct job *job = reading->job;
    status = status == WSHUB_OK ? job->status : status;
    if (status == WSHUB_OK) {
        tail_put(job->tail, &driver->outbox);
        read_window(driver, job);
    } else {
        end_reading(driver, job, status);
    }
}

static void read_window(struct driver *driver, struct job *job) {
    const uint64_t from = tail_next(job->tail);
    if (from) {
        start_reading(
            driver,
            &(struct reading){.job = job, .stream = job->home, .on_message = on_message, .on_end = on_window},
            from);
    } else {
        tail_end(job->tail, &driver->outbox);
        end_reading(driver, job, WSHUB_OK);
    }
}

static void on_lowest(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    if (answer->status != WSHUB_OK && answer->status != WSHUB_NOT_FOUND) {
        end_query(driver, job, requests_status(driver, answer));
        return;
    }
    const uint64_t after = job->query.after, lower = json_number(answer->json, "message", "seq");
    const uint64_t upper = after && after <= job->newest ? after : job->newest + 1;
    job->tail = tail_new(&job->query, lower ? lower : upper, upper);
    if (job->tail) {
        read_window(driver, job);
    } else {
        end_query(driver, job, WSHUB_NO_MEMORY);
    }
}

static void read_messages(struct driver *driver, struct job *job) {
    const bool none = job->query.limit == 0 || job->query.size == 0 || job->newest == 0;
    if (none || (!is_backwards(job) && job->query.after >= job->newest)) {
        ask_oldest(driver, job);
    } else if (is_backwards(job)) {
        ask_edge(driver, job, false, on_lowest);
    } else {
        read_forwards(driver, job);
    }
}

/* ---- where it begins and ends ---- */

static void ask_newest(struct driver *driver, struct job *job, struct stream *home, int status);

static void on_newest(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    if (answer->status == WSHUB_NOT_FOUND && !job->again) {
        job->again = true; /* no such message, or stream: this epoch may be over */
        streams_doubt(job->home);
        streams_ensure(driver, job->home, job, ask_newest);
    } else if (answer->status == WSHUB_OK) {
        job->newest = json_number(answer->json, "message", "seq");
        job->home->last = job->newest > job->home->last ? job->newest : job->home->last;
        read_messages(driver, job);
    } else if (answer->status == WSHUB_NOT_FOUND) {
        read_messages(driver, job); /* nothing was published, or all of it is forgotten */
    } else {
        driver_complete(driver, job, requests_status(driver, answer));
    }
}

static void ask_newest(struct driver *driver, struct job *job, struct stream *home, int status) {
    job->era = home->era;
    if (status == WSHUB_OK) {
        ask_edge(driver, job, true, on_newest);
    } else {
        driver_complete(driver, job, status);
    }
}

void history_on_query(struct driver *driver, struct job *job) {
    if (history_find(driver, job, job->query.size, job->query.ttl)) {
        streams_ensure(driver, job->home, job, ask_newest);
    }
}
