/* SPDX-License-Identifier: MIT */
#include "generations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "driver.h"
#include "json.h"
#include "streams_priv.h"

/* ---- names ---- */

static void name_history(char name[STREAM_NAME], const struct driver *driver, const struct stream *stream,
                         uint64_t generation) {
    const unsigned long long size = stream->size, ttl = stream->ttl, number = generation;
    snprintf(name, STREAM_NAME, "%s_history_%llu_%llu_%llu", driver->settings.prefix, size, ttl, number);
}

/* Where its epoch stands is known by the two dots before. */
static void write_head(char head[STREAM_NAME], const struct stream *stream, const char *prefix,
                       const char *epoch) {
    const unsigned long long size = stream->size, ttl = stream->ttl;
    snprintf(head, STREAM_NAME, "%s" SUBJECT_HISTORY "%llu_%llu.%s.", prefix, size, ttl, epoch);
}

/* ---- making ---- */

static void on_history(struct driver *driver, void *context, const struct answer *answer);
static void find_history(struct driver *driver, struct stream *stream);

/* No longer than it keeps messages: the server would refuse it. */
static uint64_t window_for(const struct stream *stream) {
    return stream->ttl && stream->wanted > stream->ttl ? stream->ttl : stream->wanted;
}

/* A history's messages go on to the channel's own subject, with their offsets. */
static void create_history(struct driver *driver, struct stream *stream, const char *epoch) {
    char body[STREAMS_BODY], head[STREAM_NAME], window[64] = "";
    write_head(head, stream, driver->settings.prefix, epoch);
    if (stream->wanted) {
        snprintf(window, sizeof window, ",\"duplicate_window\":%llu",
                 (unsigned long long)window_for(stream) * STREAMS_NANOSECONDS);
    }
    snprintf(
        body, STREAMS_BODY,
        "{\"name\":\"%s\",\"subjects\":[\"%s>\"],\"retention\":\"limits\",\"discard\":\"old\",\"storage\":"
        "\"%s\",\"num_replicas\":%u,\"max_msgs_per_subject\":%llu,\"max_age\":%llu,\"max_consumers\":-1,"
        "\"max_msgs\":-1,\"max_bytes\":-1,\"max_msg_size\":-1,\"allow_direct\":true%s,"
        "\"republish\":{\"src\":\"%s>\",\"dest\":\"%s.>\"}}",
        stream->name, head, driver->settings.memory ? "memory" : "file", driver->settings.replicas,
        (unsigned long long)stream->size, (unsigned long long)stream->ttl * STREAMS_NANOSECONDS, window, head,
        driver->settings.prefix);
    streams_ask(driver, stream, "CREATE", body, on_history);
}

/* The next generation. Hubs that do so at the same time make one: the name is taken by the first. */
static void make_history(struct driver *driver, struct stream *stream) {
    char epoch[STREAM_EPOCH];
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        random = clock_ms(); /* no other of this stream's is as old */
    }
    snprintf(epoch, sizeof epoch, "%016llx", (unsigned long long)random);
    name_history(stream->name, driver, stream, ++stream->generation);
    create_history(driver, stream, epoch);
}

static void forget_answer(struct driver *driver, void *context, const struct answer *answer) {
    (void)driver;
    (void)context;
    (void)answer;
}

/* Whoever still publishes to it notices. */
static void drop_history(struct driver *driver, const struct stream *stream, uint64_t generation) {
    char subject[STREAM_NAME + 32], name[STREAM_NAME];
    name_history(name, driver, stream, generation);
    snprintf(subject, sizeof subject, "$JS.API.STREAM.DELETE.%s", name);
    requests_ask(driver, subject, "", forget_answer, NULL);
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
    if (epoch.length + 1 != sizeof text) {
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
           json_number(json, "config", "max_age") == stream->ttl * STREAMS_NANOSECONDS &&
           json_number(json, "config", "num_replicas") == driver->settings.replicas && storage &&
           strcmp(storage, driver->settings.memory ? "memory" : "file") == 0;
}

/* What somebody has set otherwise may stand against it: whoever publishes with a key is told. */
static void on_widened(struct driver *driver, void *context, const struct answer *answer) {
    struct stream *stream = context;
    if (answer->status == WSHUB_OK) {
        stream->window = json_number(answer->json, "config", "duplicate_window") / STREAMS_NANOSECONDS;
    }
    stream->refused = stream->window < window_for(stream) ? window_for(stream) : 0;
    requests_status(driver, answer);
    streams_release(driver, stream, WSHUB_OK);
}

/* All other settings stay what they are. */
static void widen_history(struct driver *driver, struct stream *stream, yajl_val json) {
    char body[4 * STREAMS_BODY];
    const uint64_t window = window_for(stream) * STREAMS_NANOSECONDS;
    if (json_with_number(json, "config", "duplicate_window", window, body, sizeof body)) {
        streams_ask(driver, stream, "UPDATE", body, on_widened);
    } else {
        on_widened(driver, stream, &(struct answer){.status = WSHUB_TOO_LARGE});
    }
}

/* It is there: as it was? */
static void look_at_history(struct driver *driver, struct stream *stream, yajl_val json) {
    const unsigned era = stream->era;
    if (!take_epoch(driver, stream, json)) {
        streams_complain(driver, stream, "is not as this version makes it: delete it");
        streams_release(driver, stream, WSHUB_DENIED);
        return;
    }
    const uint64_t last = json_number(json, "state", "last_seq");
    if (era == stream->era && last < stream->last) {
        streams_complain(driver, stream, "has lost messages that it had taken: its histories begin anew");
        stream->over = stream->generation;
        make_history(driver, stream);
        return;
    }
    if (!fits(driver, stream, json)) {
        streams_complain(driver, stream, STREAMS_OTHER_SETTINGS);
    }
    if (era != stream->era && stream->over) {
        drop_history(driver, stream, stream->over);
    }
    stream->over = 0;
    stream->known = true;
    stream->last = last;
    stream->window = json_number(json, "config", "duplicate_window") / STREAMS_NANOSECONDS;
    if (stream->window < window_for(stream) && stream->refused < window_for(stream)) {
        widen_history(driver, stream, json);
    } else {
        streams_release(driver, stream, WSHUB_OK);
    }
}

static void on_history(struct driver *driver, void *context, const struct answer *answer) {
    struct stream *stream = context;
    if (answer->status == WSHUB_OK) {
        look_at_history(driver, stream, answer->json);
    } else if (answer->code == JETSTREAM_OTHER_CONFIG) { /* another hub was faster */
        streams_ask(driver, stream, "INFO", "", on_history);
    } else if (answer->code == JETSTREAM_NO_STREAM && stream->known) {
        find_history(driver, stream);
    } else {
        const bool gone = answer->code == JETSTREAM_NO_STREAM; /* since it was listed */
        streams_release(driver, stream, gone ? WSHUB_UNAVAILABLE : requests_status(driver, answer));
    }
}

/* ---- finding a history ---- */

static void on_names(struct driver *driver, void *context, const struct answer *answer);

static void ask_names(struct driver *driver, struct stream *stream) {
    char body[64];
    snprintf(body, sizeof body, "{\"offset\":%llu}", (unsigned long long)stream->listed);
    requests_ask(driver, "$JS.API.STREAM.NAMES", body, on_names, stream);
}

/* Of several, all but the newest are over: a hub that made the next ended before it dropped the last. */
static void take_generation(struct driver *driver, struct stream *stream, const char *name) {
    char again[STREAM_NAME];
    const char *number = name ? strrchr(name, '_') : NULL;
    const uint64_t generation = number ? strtoull(number + 1, NULL, 10) : 0;
    name_history(again, driver, stream, generation);
    if (!number || strcmp(again, name) != 0) {
        return;
    }
    if (stream->found && stream->found != generation) {
        drop_history(driver, stream, stream->found < generation ? stream->found : generation);
    }
    stream->found = generation > stream->found ? generation : stream->found;
}

static void end_names(struct driver *driver, struct stream *stream) {
    const bool older = stream->found < stream->generation; /* and the newer are lost */
    if (stream->found && older) {
        stream->over = stream->found;
        make_history(driver, stream);
    } else if (stream->found) {
        stream->generation = stream->found;
        name_history(stream->name, driver, stream, stream->generation);
        streams_ask(driver, stream, "INFO", "", on_history);
    } else {
        make_history(driver, stream);
    }
}

static void on_names(struct driver *driver, void *context, const struct answer *answer) {
    struct stream *stream = context;
    const char *path[] = {"streams", NULL};
    yajl_val names = answer->json ? yajl_tree_get(answer->json, path, yajl_t_array) : NULL;
    const size_t count = names ? names->u.array.len : 0;
    if (answer->status != WSHUB_OK) {
        streams_release(driver, stream, requests_status(driver, answer));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        take_generation(driver, stream, YAJL_GET_STRING(names->u.array.values[i]));
    }
    stream->listed += count;
    if (count && stream->listed < json_number(answer->json, "total", NULL)) {
        ask_names(driver, stream);
    } else {
        end_names(driver, stream);
    }
}

static void find_history(struct driver *driver, struct stream *stream) {
    stream->found = stream->listed = 0;
    stream->known = false;
    ask_names(driver, stream);
}

void generations_ensure(struct driver *driver, struct stream *stream) {
    if (stream->known) {
        streams_ask(driver, stream, "INFO", "", on_history);
    } else {
        find_history(driver, stream);
    }
}

void generations_want(struct stream *stream, uint64_t window) {
    stream->wanted = window > stream->wanted ? window : stream->wanted;
    const uint64_t most = stream->window > stream->refused ? stream->window : stream->refused;
    stream->ready = stream->ready && most >= window_for(stream);
}
