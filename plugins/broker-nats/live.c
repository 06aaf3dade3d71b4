/* SPDX-License-Identifier: MIT */
#include "live.h"

#include <stdio.h>
#include <string.h>

#include "wire.h"

natsStatus live_subscribe(struct driver *driver, struct wshub_bytes channel,
                          natsSubscription **subscription) {
    char subject[SUBJECT_SIZE];
    subject_write(subject, driver->session->head, channel);
    return session_subscribe(driver->session, subject, subscription);
}

/* Asked again for a channel that is subscribed, the answer is the first one's. */
void live_on_subscribe(struct driver *driver, struct job *job) {
    const struct wshub_bytes channel = job->message.channel;
    natsSubscription **subscription = channels_find(&driver->channels, channel);
    if (!subscription) {
        subscription = channels_add(&driver->channels, channel);
        const natsStatus status =
            subscription ? live_subscribe(driver, channel, subscription) : NATS_NO_MEMORY;
        if (status != NATS_OK) {
            channels_remove(&driver->channels, channel);
            driver_complete(driver, job, driver_written(driver, status));
            return;
        }
    }
    unconfirmed_push(&driver->unconfirmed, job);
}

void live_on_unsubscribe(struct driver *driver, struct job *job) {
    channels_remove(&driver->channels, job->message.channel);
    unconfirmed_push(&driver->unconfirmed, job);
}

void live_on_publish(struct driver *driver, struct job *job) {
    char subject[SUBJECT_SIZE];
    subject_write(subject, driver->session->head, job->message.channel);
    natsMsg *message = wire_write(subject, NULL, NULL, &job->message);
    const natsStatus status =
        message ? natsConnection_PublishMsg(driver->session->connection, message) : NATS_NO_MEMORY;
    natsMsg_Destroy(message);
    if (status == NATS_OK) {
        unconfirmed_push(&driver->unconfirmed, job);
    } else {
        driver_complete(driver, job, driver_written(driver, status));
    }
}

void live_confirm(struct driver *driver, struct job *job) {
    if (job->denied && job->kind == JOB_SUBSCRIBE) {
        channels_remove(&driver->channels, job->message.channel);
    }
    driver_complete(driver, job, job->denied ? WSHUB_DENIED : WSHUB_OK);
}

/* ---- what the server refuses ---- */

struct refused {
    const struct driver *driver;
    const char *text;
    struct wshub_bytes channel; /* found */
};

static bool look_for(void *context, struct wshub_bytes name, natsSubscription **subscription) {
    struct refused *refused = context;
    char subject[SUBJECT_SIZE];
    (void)subscription;
    subject_write(subject, refused->driver->session->head, name);
    if (denial_names(refused->text, false, subject)) {
        refused->channel = name;
        return false;
    }
    return true;
}

/* One that was allowed in an earlier session, and is not in this one: the hub is to ask again for all. */
static bool deny_old(struct driver *driver, const char *text) {
    struct refused refused = {.driver = driver, .text = text};
    if (channels_each(&driver->channels, look_for, &refused)) {
        return false;
    }
    channels_remove(&driver->channels, refused.channel);
    if (driver->phase == PHASE_PROVING) {
        driver->lacking = true;
    } else {
        driver_lose(driver, text); /* revoked: nothing else tells the hub */
    }
    return true;
}

bool live_deny(struct driver *driver, const char *text) {
    const bool ours = unconfirmed_deny(&driver->unconfirmed, driver->session->head, text);
    if (ours) {
        driver_complain(driver, COMPLAINT_DENIED, text);
    }
    return ours || deny_old(driver, text);
}
