/* SPDX-License-Identifier: MIT */
#include "streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "driver.h"
#include "generations.h"
#include "json.h"
#include "streams_priv.h"

enum {
    TTL_LEAST = 100, /* ms: JetStream takes no less */
};

/* ---- the table ---- */

static void name_registry(struct stream *stream, const char *prefix) {
    const unsigned long long ttl = stream->ttl;
    snprintf(stream->name, STREAM_NAME, "KV_%s_registry_%llu", prefix, ttl);
    snprintf(stream->head, STREAM_NAME, "$KV.%s_registry_%llu.", prefix, ttl);
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
        if (!history) {
            name_registry(stream, driver->settings.prefix);
        }
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

void streams_release(struct driver *driver, struct stream *stream, int status) {
    struct job *jobs = stream->first;
    stream->first = stream->last_job = NULL;
    stream->asked = false;
    stream->ready = status == WSHUB_OK;
    go_on(driver, jobs, stream, status);
}

/* ---- buckets ---- */

void streams_complain(struct driver *driver, const struct stream *stream, const char *what) {
    char text[STREAM_NAME + 256];
    snprintf(text, sizeof text, "stream %s %s", stream->name, what);
    driver_complain(driver, COMPLAINT_STREAM, text);
}

void streams_ask(struct driver *driver, struct stream *stream, const char *verb, const char *body,
                 request_fn fn) {
    char subject[STREAM_NAME + 32];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.%s.%s", verb, stream->name);
    requests_ask(driver, subject, body, fn, stream);
}

static void on_bucket_there(struct driver *driver, void *context, const struct answer *answer) {
    streams_release(driver, context, requests_status(driver, answer));
}

static void on_bucket_made(struct driver *driver, void *context, const struct answer *answer) {
    struct stream *stream = context;
    if (answer->code == JETSTREAM_OTHER_CONFIG) {
        streams_complain(driver, stream, STREAMS_OTHER_SETTINGS);
        streams_ask(driver, stream, "INFO", "", on_bucket_there);
    } else {
        on_bucket_there(driver, context, answer);
    }
}

/* As other clients of NATS make a bucket. */
static void make_bucket(struct driver *driver, struct stream *stream) {
    char body[STREAMS_BODY];
    snprintf(
        body, STREAMS_BODY,
        "{\"name\":\"%s\",\"subjects\":[\"%s>\"],\"retention\":\"limits\",\"discard\":\"new\",\"storage\":"
        "\"%s\",\"num_replicas\":%u,\"max_msgs_per_subject\":1,\"max_age\":%llu,\"max_consumers\":-1,"
        "\"max_msgs\":-1,\"max_bytes\":-1,\"max_msg_size\":-1,\"allow_direct\":true,"
        "\"allow_rollup_hdrs\":true,\"deny_delete\":true}",
        stream->name, stream->head, driver->settings.memory ? "memory" : "file", driver->settings.replicas,
        (unsigned long long)stream->ttl * STREAMS_NANOSECONDS);
    streams_ask(driver, stream, "CREATE", body, on_bucket_made);
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
        generations_ensure(driver, stream);
    } else {
        make_bucket(driver, stream);
    }
}

void streams_doubt(struct stream *stream) {
    stream->ready = stream->whole = false;
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
        driver->streams.all[i]->ready = driver->streams.all[i]->known = false;
        driver->streams.all[i]->whole = false;
        driver->streams.all[i]->refused = 0;
    }
}
