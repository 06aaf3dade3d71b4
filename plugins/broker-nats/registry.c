/* SPDX-License-Identifier: MIT
 * A bucket has one TTL for all its keys, so there is a bucket for each TTL, and a key that is set with
 * another TTL moves: it is put into its new bucket, then looked for in the others and taken out. */
#include "registry.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "subject.h"

enum {
    FRESH_MS = 1000, /* how old the list of buckets may be: that another hub uses a new TTL is rare */
    REPLY = 160,
};

#define OPERATION "KV-Operation"
#define REMOVED "DEL"
#define MARK "$wshub/mark" /* a key that is nobody's, and always removed */

typedef void (*step_fn)(struct driver *driver, struct job *job);

static const struct wshub_bytes *key_of(const struct job *job) {
    return &job->message.channel;
}

/* ---- writing a key into a bucket; what is removed is marked, and expires like the rest ---- */

static void write_to(struct driver *driver, struct job *job, const char *subject, bool removed,
                     request_fn fn) {
    char reply[REPLY];
    natsMsg *message = NULL;
    requests_reply(driver, reply);
    const struct wshub_bytes value = removed ? (struct wshub_bytes){"", 0} : job->message.payload;
    natsStatus status = natsMsg_Create(&message, subject, reply, value.data, (int)value.length);
    if (status == NATS_OK && removed) {
        status = natsMsgHeader_Set(message, OPERATION, REMOVED);
    }
    if (status != NATS_OK) {
        natsMsg_Destroy(message);
        message = NULL;
    }
    requests_send(driver, message, fn, job);
}

static void write_key(struct driver *driver, struct job *job, const struct stream *bucket, bool removed,
                      request_fn fn) {
    char subject[SUBJECT_SIZE];
    subject_write_key(subject, bucket->head, *key_of(job));
    write_to(driver, job, subject, removed, fn);
}

/* ---- whole buckets ----
 * nats-server 2.9 falls over a question about a stream that another hub is just making: it has a name
 * already, and no store yet. What is published is taken by a whole one alone, so a mark goes first, once in a
 * session. */

static void on_marked(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    if (answer->status == WSHUB_OK) {
        job->bucket->whole = true;
        job->step(driver, job);
    } else {
        job->looked(driver, job, answer); /* UNSUPPORTED: nobody listens, there is nothing to look into yet */
    }
}

/* Then `step`; or `otherwise`, with what has come of the mark. */
static void when_whole(struct driver *driver, struct job *job, struct stream *bucket, step_fn step,
                       request_fn otherwise) {
    char subject[SUBJECT_SIZE];
    job->bucket = bucket;
    job->step = step;
    job->looked = otherwise;
    if (bucket->whole) {
        step(driver, job);
        return;
    }
    subject_write_key(subject, bucket->head, (struct wshub_bytes){MARK, sizeof MARK - 1});
    write_to(driver, job, subject, true, on_marked);
}

/* ---- looking into a bucket ---- */

struct found {
    bool there;
    uint64_t time;       /* ns since 1970 */
    unsigned char *data; /* to be freed */
    size_t length;
    int status;
};

static bool is_removed(yajl_val json) {
    const char *text = json_text(json, "message", "hdrs");
    unsigned char headers[512];
    if (!text || strlen(text) > sizeof headers) {
        return false;
    }
    const size_t length = json_base64(text, headers);
    return memmem(headers, length, OPERATION ": ", sizeof OPERATION + 1) != NULL; /* DEL or PURGE */
}

static struct found read_found(struct driver *driver, const struct answer *answer, bool value) {
    struct found found = {.status = answer->status};
    if (answer->status == WSHUB_NOT_FOUND || answer->status == WSHUB_UNSUPPORTED) {
        found.status =
            WSHUB_OK; /* no such key, or bucket; that JetStream is missing shows when it is listed */
    } else if (answer->status != WSHUB_OK) {
        found.status = requests_status(driver, answer);
    } else if (!is_removed(answer->json)) {
        const char *data = json_text(answer->json, "message", "data");
        found.there = true;
        found.time = json_time(json_text(answer->json, "message", "time"));
        found.data = value && data ? malloc(strlen(data) + 1) : NULL;
        found.length = found.data ? json_base64(data, found.data) : 0;
        found.status = value && data && !found.data ? WSHUB_NO_MEMORY : WSHUB_OK;
    }
    return found;
}

static void ask_key(struct driver *driver, struct job *job) {
    char subject[STREAM_NAME + 32], body[SUBJECT_SIZE + 32], key[SUBJECT_SIZE];
    subject_write_key(key, job->bucket->head, *key_of(job));
    snprintf(subject, sizeof subject, "$JS.API.STREAM.MSG.GET.%s", job->bucket->name);
    snprintf(body, sizeof body, "{\"last_by_subj\":\"%s\"}", key);
    requests_ask(driver, subject, body, job->looked, job);
}

static void look(struct driver *driver, struct job *job, struct stream *bucket, request_fn fn) {
    when_whole(driver, job, bucket, ask_key, fn);
}

/* ---- taking a key out of all buckets but its home, NULL: out of all ---- */

static void remove_next(struct driver *driver, struct job *job);

static void on_removed(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    if (answer->status != WSHUB_OK && answer->status != WSHUB_UNSUPPORTED) {
        driver_complete(driver, job, requests_status(driver, answer));
        return;
    }
    job->at++;
    remove_next(driver, job);
}

static void on_looked(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    const struct found found = read_found(driver, answer, false);
    const struct stream *bucket = streams_bucket(driver, job->at);
    if (found.status != WSHUB_OK) {
        driver_complete(driver, job, found.status);
    } else if (found.there) {
        job->status = WSHUB_OK; /* a heartbeat with another TTL than before: it was there */
        write_key(driver, job, bucket, true, on_removed);
    } else {
        job->at++;
        remove_next(driver, job);
    }
}

static void remove_next(struct driver *driver, struct job *job) {
    struct stream *bucket = streams_bucket(driver, job->at);
    if (bucket && bucket == job->home) {
        bucket = streams_bucket(driver, ++job->at);
    }
    if (bucket) {
        look(driver, job, bucket, on_looked);
    } else {
        driver_complete(driver, job, job->status);
    }
}

static void on_buckets_known(struct driver *driver, struct job *job, struct stream *stream, int status) {
    (void)stream;
    if (status == WSHUB_OK) {
        remove_next(driver, job);
    } else {
        driver_complete(driver, job, status);
    }
}

static void take_out(struct driver *driver, struct job *job) {
    const uint64_t now = clock_ms();
    job->at = 0;
    streams_list(driver, now > FRESH_MS ? now - FRESH_MS : 1, job, on_buckets_known);
}

/* ---- set ---- */

static void put(struct driver *driver, struct job *job, struct stream *home, int status);

static void on_put(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    if (answer->status == WSHUB_OK) {
        job->home->whole = true;
        take_out(driver, job);
    } else if (answer->status == WSHUB_UNSUPPORTED && !job->again) {
        job->again = true; /* nobody listens: the bucket is gone since */
        streams_doubt(job->home);
        streams_ensure(driver, job->home, job, put);
    } else {
        driver_complete(driver, job, requests_status(driver, answer));
    }
}

static void put(struct driver *driver, struct job *job, struct stream *home, int status) {
    (void)home;
    if (status == WSHUB_OK) {
        write_key(driver, job, job->home, false, on_put);
    } else {
        driver_complete(driver, job, status);
    }
}

static bool find_home(struct driver *driver, struct job *job) {
    job->home = streams_get(driver, false, 0, job->ttl);
    if (!job->home) {
        driver_complete(driver, job, WSHUB_NO_MEMORY);
    }
    return job->home != NULL;
}

void registry_on_set(struct driver *driver, struct job *job) {
    if (find_home(driver, job)) {
        streams_ensure(driver, job->home, job, put);
    }
}

/* ---- heartbeat: a look, then a set ---- */

static void on_beat_looked(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    const struct found found = read_found(driver, answer, false);
    if (found.status != WSHUB_OK) {
        driver_complete(driver, job, found.status);
        return;
    }
    job->status = found.there ? WSHUB_OK : WSHUB_NOT_FOUND;
    streams_ensure(driver, job->home, job, put);
}

void registry_on_heartbeat(struct driver *driver, struct job *job) {
    if (find_home(driver, job)) {
        look(driver, job, job->home, on_beat_looked);
    }
}

/* ---- delete ---- */

void registry_on_delete(struct driver *driver, struct job *job) {
    take_out(driver, job);
}

/* ---- get: the newest of what the buckets have ---- */

static void get_next(struct driver *driver, struct job *job);

static void keep(struct job *job, struct found *found) {
    const struct wshub_message entry = {.channel = *key_of(job), .payload = {found->data, found->length}};
    if (!found->there || found->time < job->age) {
        return;
    }
    free(job->found);
    job->age = found->time;
    job->found = note_new(NOTE_ENTRY, job->token, &entry);
    if (!job->found) {
        found->status = WSHUB_NO_MEMORY;
    }
}

static void on_got(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    struct found found = read_found(driver, answer, true);
    keep(job, &found);
    free(found.data);
    if (found.status != WSHUB_OK) {
        driver_complete(driver, job, found.status);
        return;
    }
    job->at++;
    get_next(driver, job);
}

static void on_buckets_listed(struct driver *driver, struct job *job, struct stream *stream, int status) {
    (void)stream;
    if (status != WSHUB_OK) {
        driver_complete(driver, job, status);
        return;
    }
    job->at = 0;
    get_next(driver, job);
}

static void end_get(struct driver *driver, struct job *job) {
    if (job->found) {
        outbox_put(&driver->outbox, job->found);
        job->found = NULL;
        driver_finish(driver, job, WSHUB_OK);
    } else if (job->again) {
        driver_complete(driver, job, WSHUB_NOT_FOUND);
    } else { /* another hub may have made its bucket just now */
        job->again = true;
        streams_list(driver, clock_ms() + 1, job, on_buckets_listed);
    }
}

static void get_next(struct driver *driver, struct job *job) {
    struct stream *bucket = streams_bucket(driver, job->at);
    if (bucket) {
        look(driver, job, bucket, on_got);
    } else {
        end_get(driver, job);
    }
}

void registry_on_get(struct driver *driver, struct job *job) {
    get_next(driver, job);
}

/* ---- list ---- */

static void list_next(struct driver *driver, struct job *job);

static bool on_entry(struct driver *driver, struct reading *reading, natsMsg *message, uint64_t sequence) {
    struct job *job = reading->job;
    const struct wshub_bytes prefix = *key_of(job);
    char key[SUBJECT_NAME_MOST];
    size_t length;
    const char *operation;
    (void)sequence;
    if (natsMsgHeader_Get(message, OPERATION, &operation) == NATS_OK ||
        !subject_read_key(natsMsg_GetSubject(message), strlen(reading->stream->head), key, &length) ||
        length < prefix.length || memcmp(key, prefix.data, prefix.length) != 0) {
        return true;
    }
    const struct wshub_message entry = {
        .channel = {key, length},
        .payload = {natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)}};
    struct note *note = note_new(NOTE_ENTRY, job->token, &entry);
    if (!note) {
        job->status = WSHUB_NO_MEMORY;
        return false;
    }
    outbox_put(&driver->outbox, note);
    return true;
}

static void on_bucket_read(struct driver *driver, struct reading *reading, int status) {
    struct job *job = reading->job;
    if (status == WSHUB_OK) {
        status = job->status;
    }
    if (status != WSHUB_OK && status != WSHUB_NOT_FOUND) {
        driver_finish(driver, job, status);
        return;
    }
    job->at++;
    list_next(driver, job);
}

static void read_bucket(struct driver *driver, struct job *job) {
    char filter[SUBJECT_SIZE];
    subject_write_keys(filter, job->bucket->head, *key_of(job));
    reading_start(driver,
                  &(struct reading){
                      .job = job, .stream = job->bucket, .on_message = on_entry, .on_end = on_bucket_read},
                  filter, 1, true);
}

static void on_not_whole(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    if (answer->status == WSHUB_UNSUPPORTED) {
        job->at++;
        list_next(driver, job);
    } else {
        driver_finish(driver, job, requests_status(driver, answer));
    }
}

static void list_next(struct driver *driver, struct job *job) {
    struct stream *bucket = streams_bucket(driver, job->at);
    if (bucket) {
        when_whole(driver, job, bucket, read_bucket, on_not_whole);
    } else {
        driver_finish(driver, job, WSHUB_OK);
    }
}

static void on_list_known(struct driver *driver, struct job *job, struct stream *stream, int status) {
    (void)stream;
    if (status == WSHUB_OK) {
        list_next(driver, job);
    } else {
        driver_complete(driver, job, status);
    }
}

void registry_on_list(struct driver *driver, struct job *job) {
    streams_list(driver, clock_ms() + 1, job, on_list_known);
}
