/* SPDX-License-Identifier: MIT */
#include "streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "driver.h"
#include "json.h"

enum {
    TTL_LEAST = 100, /* ms: JetStream takes no less */
    BODY = 1024,
    NANOSECONDS = 1000000,
};

/* ---- the table ---- */

static void name_registry(struct stream *stream, const char *prefix) {
    const unsigned long long ttl = stream->ttl;
    snprintf(stream->name, STREAM_NAME, "KV_%s_registry_%llu", prefix, ttl);
    snprintf(stream->head, STREAM_NAME, "$KV.%s_registry_%llu.", prefix, ttl);
}

static void name_history(struct stream *stream, const char *prefix) {
    const unsigned long long size = stream->size, ttl = stream->ttl;
    snprintf(stream->name, STREAM_NAME, "%s_history_%llu_%llu", prefix, size, ttl);
}

/* Where its epoch stands is known by the two dots before. */
static void write_head(char head[STREAM_NAME], const struct stream *stream, const char *prefix,
                       const char *epoch) {
    const unsigned long long size = stream->size, ttl = stream->ttl;
    snprintf(head, STREAM_NAME, "%s" SUBJECT_HISTORY "%llu_%llu.%s.", prefix, size, ttl, epoch);
}

struct stream *streams_get(struct driver *driver, bool history, uint64_t size, uint64_t ttl) {
    struct streams *streams = &driver->streams;
    ttl = ttl > TTL_LEAST || (history && ttl == 0) ? ttl : TTL_LEAST;
    for (unsigned i = 0; i < streams->count; i++) {
        struct stream *stream = streams->all[i];
        if (stream->history == history && stream->size == size && stream->ttl == ttl) {
            return stream;
        }
    }
    struct stream *stream = streams->count < STREAMS_MOST ? calloc(1, sizeof *stream) : NULL;
    if (stream) {
        stream->history = history;
        stream->size = size;
        stream->ttl = ttl;
        (history ? name_history : name_registry)(stream, driver->settings.prefix);
        streams->all[streams->count++] = stream;
    }
    return stream;
}

struct stream *streams_bucket(struct driver *driver, unsigned n) {
    const struct streams *streams = &driver->streams;
    for (unsigned i = 0; i < streams->count; i++) {
        if (!streams->all[i]->history && n-- == 0) {
            return streams->all[i];
        }
    }
    return NULL;
}

void streams_free(struct streams *streams) {
    for (unsigned i = 0; i < streams->count; i++) {
        free(streams->all[i]);
    }
    *streams = (struct streams){0};
}

/* ---- jobs that wait ---- */

static void wait_in(struct job **first, struct job **last, struct job *job, streams_fn then) {
    job->next = NULL;
    job->then = then;
    *(*first ? &(*last)->next : first) = job;
    *last = job;
}

static void go_on(struct driver *driver, struct job *job, struct stream *stream, int status) {
    while (job) {
        struct job *next = job->next;
        job->then(driver, job, stream, status);
        job = next;
    }
}

/* ---- making ---- */

static void release(struct driver *driver, struct stream *stream, int status) {
    struct job *jobs = stream->first;
    stream->first = stream->last_job = NULL;
    stream->asked = false;
    stream->ready = status == WSHUB_OK;
    go_on(driver, jobs, stream, status);
}

/* ---- buckets ---- */

static void complain_of(struct driver *driver, const struct stream *stream, const char *what) {
    char text[STREAM_NAME + 256];
    snprintf(text, sizeof text, "stream %s %s", stream->name, what);
    driver_complain(driver, COMPLAINT_STREAM, text);
}

static void ask_stream(struct driver *driver, struct stream *stream, const char *verb, const char *body,
                       request_fn fn) {
    char subject[STREAM_NAME + 32];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.%s.%s", verb, stream->name);
    requests_ask(driver, subject, body, fn, stream);
}

static const char other_settings[] = "is there with other settings than this hub's, and is used as it is";

static void on_bucket_there(struct driver *driver, void *context, const struct answer *answer) {
    release(driver, context, requests_status(driver, answer));
}

static void on_bucket_made(struct driver *driver, void *context, const struct answer *answer) {
    struct stream *stream = context;
    if (answer->code == JETSTREAM_OTHER_CONFIG) {
        complain_of(driver, stream, other_settings);
        ask_stream(driver, stream, "INFO", "", on_bucket_there);
    } else {
        on_bucket_there(driver, context, answer);
    }
}

/* As other clients of NATS make a bucket. */
static void make_bucket(struct driver *driver, struct stream *stream) {
    char body[BODY];
    snprintf(
        body, BODY,
        "{\"name\":\"%s\",\"subjects\":[\"%s>\"],\"retention\":\"limits\",\"discard\":\"new\",\"storage\":"
        "\"%s\",\"num_replicas\":%u,\"max_msgs_per_subject\":1,\"max_age\":%llu,\"max_consumers\":-1,"
        "\"max_msgs\":-1,\"max_bytes\":-1,\"max_msg_size\":-1,\"allow_direct\":true,"
        "\"allow_rollup_hdrs\":true,\"deny_delete\":true}",
        stream->name, stream->head, driver->settings.memory ? "memory" : "file", driver->settings.replicas,
        (unsigned long long)stream->ttl * NANOSECONDS);
    ask_stream(driver, stream, "CREATE", body, on_bucket_made);
}

/* ---- histories ---- */

static void on_history(struct driver *driver, void *context, const struct answer *answer);

/* No longer than it keeps messages: the server would refuse it. */
static uint64_t window_for(const struct stream *stream) {
    return stream->ttl && stream->wanted > stream->ttl ? stream->ttl : stream->wanted;
}

/* A history's messages go on to the channel's own subject, with their offsets. */
static void create_history(struct driver *driver, struct stream *stream, const char *epoch) {
    char body[BODY], head[STREAM_NAME], window[64] = "";
    write_head(head, stream, driver->settings.prefix, epoch);
    if (stream->wanted) {
        snprintf(window, sizeof window, ",\"duplicate_window\":%llu",
                 (unsigned long long)window_for(stream) * NANOSECONDS);
    }
    snprintf(
        body, BODY,
        "{\"name\":\"%s\",\"subjects\":[\"%s>\"],\"retention\":\"limits\",\"discard\":\"old\",\"storage\":"
        "\"%s\",\"num_replicas\":%u,\"max_msgs_per_subject\":%llu,\"max_age\":%llu,\"max_consumers\":-1,"
        "\"max_msgs\":-1,\"max_bytes\":-1,\"max_msg_size\":-1,\"allow_direct\":true%s,"
        "\"republish\":{\"src\":\"%s>\",\"dest\":\"%s.>\"}}",
        stream->name, head, driver->settings.memory ? "memory" : "file", driver->settings.replicas,
        (unsigned long long)stream->size, (unsigned long long)stream->ttl * NANOSECONDS, window, head,
        driver->settings.prefix);
    ask_stream(driver, stream, "CREATE", body, on_history);
}

static void make_history(struct driver *driver, struct stream *stream) {
    char epoch[STREAM_EPOCH];
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        random = clock_ms(); /* no other of this stream's is as old */
    }
    snprintf(epoch, sizeof epoch, "%llx", (unsigned long long)random);
    create_history(driver, stream, epoch);
}

static const char *subject_of(yajl_val json) {
    const char *path[] = {"config", "subjects", NULL};
    yajl_val subjects = yajl_tree_get(json, path, yajl_t_array);
    return subjects && subjects->u.array.len ? YAJL_GET_STRING(subjects->u.array.values[0]) : NULL;
}

/* False: whoever made it was no hub, or one that wrote no epochs. */
static bool take_epoch(struct driver *driver, struct stream *stream, yajl_val json) {
    char head[SUBJECT_PREFIX_MOST + sizeof SUBJECT_HISTORY], text[STREAM_EPOCH];
    const char *subject = subject_of(json);
    snprintf(head, sizeof head, "%s" SUBJECT_HISTORY, driver->settings.prefix);
    const struct wshub_bytes epoch = subject ? subject_epoch(subject, head) : (struct wshub_bytes){NULL, 0};
    if (epoch.length == 0 || epoch.length >= sizeof text) {
        return false;
    }
    snprintf(text, sizeof text, "%.*s", (int)epoch.length, (const char *)epoch.data);
    if (strcmp(text, stream->epoch) != 0) {
        memcpy(stream->epoch, text, sizeof text);
        write_head(stream->head, stream, driver->settings.prefix, text);
        stream->era++;
        stream->last = stream->acked = 0;
    }
    return true;
}

static bool fits(const struct driver *driver, const struct stream *stream, yajl_val json) {
    const char *storage = json_text(json, "config", "storage");
    return json_number(json, "config", "max_msgs_per_subject") == stream->size &&
           json_number(json, "config", "max_age") == stream->ttl * NANOSECONDS &&
           json_number(json, "config", "num_replicas") == driver->settings.replicas && storage &&
           strcmp(storage, driver->settings.memory ? "memory" : "file") == 0;
}

static void on_deleted(struct driver *driver, void *context, const struct answer *answer) {
    if (answer->status == WSHUB_OK || answer->code == JETSTREAM_NO_STREAM) {
        make_history(driver, context);
    } else {
        release(driver, context, requests_status(driver, answer));
    }
}

/* What somebody has set otherwise may stand against it: whoever publishes with a key is told. */
static void on_widened(struct driver *driver, void *context, const struct answer *answer) {
    struct stream *stream = context;
    if (answer->status == WSHUB_OK) {
        stream->window = json_number(answer->json, "config", "duplicate_window") / NANOSECONDS;
    }
    stream->refused = stream->window < window_for(stream) ? window_for(stream) : 0;
    requests_status(driver, answer);
    release(driver, stream, WSHUB_OK);
}

/* All other settings stay what they are. */
static void widen_history(struct driver *driver, struct stream *stream, yajl_val json) {
    char body[4 * BODY];
    const uint64_t window = window_for(stream) * NANOSECONDS;
    if (json_with_number(json, "config", "duplicate_window", window, body, sizeof body)) {
        ask_stream(driver, stream, "UPDATE", body, on_widened);
    } else {
        on_widened(driver, stream, &(struct answer){.status = WSHUB_TOO_LARGE});
    }
}

/* It is there: as it was? */
static void look_at_history(struct driver *driver, struct stream *stream, yajl_val json) {
    const unsigned era = stream->era;
    if (!take_epoch(driver, stream, json)) {
        complain_of(driver, stream, "is not as this version makes it: delete it");
        release(driver, stream, WSHUB_DENIED);
        return;
    }
    const uint64_t last = json_number(json, "state", "last_seq");
    if (era == stream->era && last < stream->last) {
        complain_of(driver, stream, "has lost messages that it had taken: its histories begin anew");
        ask_stream(driver, stream, "DELETE", "", on_deleted);
        return;
    }
    if (!fits(driver, stream, json)) {
        complain_of(driver, stream, other_settings);
    }
    stream->last = last;
    stream->window = json_number(json, "config", "duplicate_window") / NANOSECONDS;
    if (stream->window < window_for(stream) && stream->refused < window_for(stream)) {
        widen_history(driver, stream, json);
    } else {
        release(driver, stream, WSHUB_OK);
    }
}

static void on_history(struct driver *driver, void *context, const struct answer *answer) {
    struct stream *stream = context;
    if (answer->status == WSHUB_OK) {
        look_at_history(driver, stream, answer->json);
    } else if (answer->code == JETSTREAM_NO_STREAM) {
        make_history(driver, stream);
    } else if (answer->code == JETSTREAM_OTHER_CONFIG) { /* another hub was faster */
        ask_stream(driver, stream, "INFO", "", on_history);
    } else {
        release(driver, stream, requests_status(driver, answer));
    }
}

void streams_ensure(struct driver *driver, struct stream *stream, struct job *job, streams_fn then) {
    if (stream->ready) {
        then(driver, job, stream, WSHUB_OK);
        return;
    }
    wait_in(&stream->first, &stream->last_job, job, then);
    if (stream->asked) {
        return;
    }
    stream->asked = true;
    if (stream->history) {
        ask_stream(driver, stream, "INFO", "", on_history);
    } else {
        make_bucket(driver, stream);
    }
}

void streams_doubt(struct stream *stream) {
    stream->ready = false;
}

void streams_want(struct stream *stream, uint64_t window) {
    stream->wanted = window > stream->wanted ? window : stream->wanted;
    const uint64_t most = stream->window > stream->refused ? stream->window : stream->refused;
    stream->ready = stream->ready && most >= window_for(stream);
}

/* ---- the list of buckets ---- */

static void on_listed(struct driver *driver, void *context, const struct answer *answer);

static void ask_list(struct driver *driver, uint64_t offset) {
    char body[64];
    snprintf(body, sizeof body, "{\"offset\":%llu}", (unsigned long long)offset);
    requests_ask(driver, "$JS.API.STREAM.NAMES", body, on_listed, (void *)(uintptr_t)offset);
}

static void take_name(struct driver *driver, const char *name) {
    char head[STREAM_NAME], *end;
    const int length = snprintf(head, sizeof head, "KV_%s_registry_", driver->settings.prefix);
    if (name && strncmp(name, head, (size_t)length) == 0) {
        const uint64_t ttl = strtoull(name + length, &end, 10);
        if (ttl && *end == 0) {
            streams_get(driver, false, 0, ttl);
        }
    }
}

/* One that came while the server was asked may need what was made meanwhile. */
static void go_on_listed(struct driver *driver, struct job *job, int status) {
    while (job) {
        struct job *next = job->next;
        if (status == WSHUB_OK) {
            streams_list(driver, job->since, job, job->then);
        } else {
            job->then(driver, job, NULL, status);
        }
        job = next;
    }
}

static void on_listed(struct driver *driver, void *context, const struct answer *answer) {
    struct streams *streams = &driver->streams;
    const char *path[] = {"streams", NULL};
    yajl_val names = answer->json ? yajl_tree_get(answer->json, path, yajl_t_array) : NULL;
    const size_t count = names ? names->u.array.len : 0;
    for (size_t i = 0; i < count; i++) {
        take_name(driver, YAJL_GET_STRING(names->u.array.values[i]));
    }
    const uint64_t seen = (uint64_t)(uintptr_t)context + count;
    if (answer->status == WSHUB_OK && count && seen < json_number(answer->json, "total", NULL)) {
        ask_list(driver, seen);
        return;
    }
    struct job *jobs = streams->first;
    streams->first = streams->last = NULL;
    streams->listing = false;
    streams->listed = answer->status == WSHUB_OK ? streams->listed : 0;
    go_on_listed(driver, jobs, requests_status(driver, answer));
}

void streams_list(struct driver *driver, uint64_t since, struct job *job, streams_fn then) {
    struct streams *streams = &driver->streams;
    if (streams->listed >= since && !streams->listing) {
        then(driver, job, NULL, WSHUB_OK);
        return;
    }
    job->since = since;
    wait_in(&streams->first, &streams->last, job, then);
    if (!streams->listing) {
        streams->listing = true;
        streams->listed = clock_ms();
        ask_list(driver, 0);
    }
}

void streams_on_lost(struct driver *driver) {
    driver->streams.listed = 0;
    for (unsigned i = 0; i < driver->streams.count; i++) {
        driver->streams.all[i]->ready = false;
        driver->streams.all[i]->refused = 0;
    }
}
