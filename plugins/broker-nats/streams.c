/* SPDX-License-Identifier: MIT */
#include "streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    snprintf(stream->head, STREAM_NAME, "%s_history.%llu_%llu.", prefix, size, ttl);
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

/* A history that was made anew is another, whose offsets say nothing of the old ones. */
static void take_epoch(struct stream *stream, const struct answer *answer) {
    char epoch[STREAM_EPOCH];
    const uint64_t created = json_time(json_text(answer->json, "created", NULL));
    snprintf(epoch, sizeof epoch, "%llx", (unsigned long long)created);
    if (strcmp(epoch, stream->epoch) != 0) {
        snprintf(stream->epoch, sizeof stream->epoch, "%s", epoch);
        stream->last = 0;
    }
}

static void on_there(struct driver *driver, void *context, const struct answer *answer) {
    struct stream *stream = context;
    if (answer->status == WSHUB_OK) {
        take_epoch(stream, answer);
    }
    release(driver, stream, requests_status(driver, answer));
}

static void on_made(struct driver *driver, void *context, const struct answer *answer) {
    struct stream *stream = context;
    char subject[STREAM_NAME + 32], text[STREAM_NAME + 160];
    if (answer->code != JETSTREAM_OTHER_CONFIG) {
        on_there(driver, context, answer);
        return;
    }
    snprintf(text, sizeof text,
             "stream %s is there with other settings than this hub's, and is used as it is", stream->name);
    driver_complain(driver, COMPLAINT_STREAM, text);
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.%s", stream->name);
    requests_ask(driver, subject, "", on_there, stream);
}

/* A history's messages go on to the channel's own subject, with their offsets. */
static void write_history(char body[BODY], const struct driver *driver, const struct stream *stream) {
    snprintf(
        body, BODY,
        "{\"name\":\"%s\",\"subjects\":[\"%s>\"],\"retention\":\"limits\",\"discard\":\"old\",\"storage\":"
        "\"%s\",\"num_replicas\":%u,\"max_msgs_per_subject\":%llu,\"max_age\":%llu,\"max_consumers\":-1,"
        "\"max_msgs\":-1,\"max_bytes\":-1,\"max_msg_size\":-1,\"allow_direct\":true,"
        "\"republish\":{\"src\":\"%s>\",\"dest\":\"%s.>\"}}",
        stream->name, stream->head, driver->settings.memory ? "memory" : "file", driver->settings.replicas,
        (unsigned long long)stream->size, (unsigned long long)stream->ttl * NANOSECONDS, stream->head,
        driver->settings.prefix);
}

/* As other clients of NATS make a bucket. */
static void write_bucket(char body[BODY], const struct driver *driver, const struct stream *stream) {
    snprintf(
        body, BODY,
        "{\"name\":\"%s\",\"subjects\":[\"%s>\"],\"retention\":\"limits\",\"discard\":\"new\",\"storage\":"
        "\"%s\",\"num_replicas\":%u,\"max_msgs_per_subject\":1,\"max_age\":%llu,\"max_consumers\":-1,"
        "\"max_msgs\":-1,\"max_bytes\":-1,\"max_msg_size\":-1,\"allow_direct\":true,"
        "\"allow_rollup_hdrs\":true,\"deny_delete\":true}",
        stream->name, stream->head, driver->settings.memory ? "memory" : "file", driver->settings.replicas,
        (unsigned long long)stream->ttl * NANOSECONDS);
}

void streams_ensure(struct driver *driver, struct stream *stream, struct job *job, streams_fn then) {
    char subject[STREAM_NAME + 32], body[BODY];
    if (stream->ready) {
        then(driver, job, stream, WSHUB_OK);
        return;
    }
    wait_in(&stream->first, &stream->last_job, job, then);
    if (!stream->asked) {
        stream->asked = true;
        (stream->history ? write_history : write_bucket)(body, driver, stream);
        snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.%s", stream->name);
        requests_ask(driver, subject, body, on_made, stream);
    }
}

void streams_doubt(struct stream *stream) {
    stream->ready = false;
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
    }
}
