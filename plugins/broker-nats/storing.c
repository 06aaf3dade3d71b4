/* SPDX-License-Identifier: MIT */
#include "storing.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "generations.h"
#include "history.h"
#include "json.h"
#include "wire.h"

enum { REPLY = 160, DIGEST = 16, KEY_MOST = 64, ID = STREAM_EPOCH + 2 * DIGEST + 1 + KEY_MOST + 1 };

static void store(struct driver *driver, struct job *job, struct stream *home, int status);

static void end_stored(struct driver *driver, struct job *job) {
    const struct wshub_message message = {.epoch = {job->home->epoch, strlen(job->home->epoch)}};
    struct note *note = note_new(NOTE_STORED, job->token, &message);
    if (!note) {
        driver_complete(driver, job, WSHUB_NO_MEMORY);
        return;
    }
    note->newest = job->newest;
    outbox_put(&driver->outbox, note);
    driver_finish(driver, job, WSHUB_OK);
}

/* What was stored under an epoch that is over is lost again. */
static void judge(struct driver *driver, struct job *job, struct stream *home, int status) {
    if (status == WSHUB_OK && job->era == home->era) {
        end_stored(driver, job);
    } else {
        driver_complete(driver, job, status == WSHUB_OK ? WSHUB_UNAVAILABLE : status);
    }
}

/* An offset that is not beyond the one before: the stream may have lost what it had. */
static void take_offset(struct driver *driver, struct job *job, const struct answer *answer) {
    struct stream *home = job->home;
    const uint64_t offset = job->newest = json_number(answer->json, "seq", NULL);
    if (job->era == home->era && !json_true(answer->json, "duplicate")) {
        if (offset <= home->acked) {
            streams_doubt(home);
        }
        home->acked = offset;
        home->last = offset > home->last ? offset : home->last;
    }
    streams_ensure(driver, home, job, judge);
}

static void on_stored(struct driver *driver, void *context, const struct answer *answer) {
    struct job *job = context;
    if (answer->status == WSHUB_OK) {
        take_offset(driver, job, answer);
    } else if (answer->status == WSHUB_UNSUPPORTED && !job->again) {
        job->again = true; /* nobody listens: the stream is gone since, or has another epoch */
        streams_doubt(job->home);
        streams_ensure(driver, job->home, job, store);
    } else {
        driver_complete(driver, job, requests_status(driver, answer));
    }
}

/* A stream knows ids for all of its channels and epochs. Whoever chooses channels and keys must not meet
 * another's: the name goes in by its digest, which also keeps the id short. */
static bool write_id(char id[ID], const struct job *job) {
    const struct wshub_bytes channel = job->message.channel, key = job->message.key;
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (key.length > KEY_MOST ||
        EVP_Digest(channel.data, channel.length, digest, NULL, EVP_sha256(), NULL) != 1) {
        return false;
    }
    size_t length = (size_t)snprintf(id, ID, "%s-", job->home->epoch);
    for (size_t i = 0; i < DIGEST; i++) {
        length += (size_t)snprintf(id + length, ID - length, "%02x", digest[i]);
    }
    snprintf(id + length, ID - length, "-%.*s", (int)key.length, (const char *)key.data);
    return true;
}

static void send(struct driver *driver, struct job *job) {
    char subject[SUBJECT_SIZE], reply[REPLY], id[ID] = "";
    const bool keyed = job->message.key.length > 0;
    natsMsg *message = NULL;
    subject_write(subject, job->home->head, job->message.channel);
    requests_reply(driver, reply);
    if (!keyed || write_id(id, job)) {
        message = wire_write(subject, reply, keyed ? id : NULL, &job->message);
    }
    job->era = job->home->era;
    requests_send(driver, message, on_stored, job);
}

/* Another hub may know of shorter keys alone. */
static void store(struct driver *driver, struct job *job, struct stream *home, int status) {
    const bool narrow = job->message.key.length && home->window < job->message.key_ttl;
    if (status == WSHUB_OK && narrow && !job->widened) {
        job->widened = true;
        generations_want(home, job->message.key_ttl);
        streams_ensure(driver, home, job, store);
    } else if (status == WSHUB_OK && narrow) {
        driver_complain(driver, COMPLAINT_STREAM,
                        "JetStream remembers no key for longer than it keeps messages: a channel's "
                        "`key_window` must not exceed the `ttl` of its history");
        driver_complete(driver, job, WSHUB_UNSUPPORTED);
    } else if (status == WSHUB_OK) {
        send(driver, job);
    } else {
        driver_complete(driver, job, status);
    }
}

void storing_on_publish(struct driver *driver, struct job *job) {
    job->message.epoch = (struct wshub_bytes){NULL, 0}; /* it gets a position here */
    job->message.offset = 0;
    if (history_find(driver, job, job->message.history_size, job->message.history_ttl)) {
        generations_want(job->home, job->message.key.length ? job->message.key_ttl : 0);
        streams_ensure(driver, job->home, job, store);
    }
}
