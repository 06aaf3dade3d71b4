/* SPDX-License-Identifier: MIT */
#include "unconfirmed.h"

#include <string.h>

#include "subject.h"

enum { TEXT_MOST = 254 }; /* of an error that nats.c hands on: the rest is cut off */

void unconfirmed_push(struct unconfirmed *unconfirmed, struct job *job) {
    job->next = NULL;
    job->fence = UINT64_MAX;
    job->denied = false;
    *(unconfirmed->last ? &unconfirmed->last->next : &unconfirmed->first) = job;
    unconfirmed->last = job;
    if (!unconfirmed->open) {
        unconfirmed->open = job;
    }
}

void unconfirmed_seal(struct unconfirmed *unconfirmed, uint64_t number) {
    for (struct job *job = unconfirmed->open; job; job = job->next) {
        job->fence = number;
    }
    unconfirmed->open = NULL;
}

struct job *unconfirmed_pop(struct unconfirmed *unconfirmed, uint64_t fenced) {
    struct job *job = unconfirmed->first;
    if (!job || job->fence > fenced) {
        return NULL;
    }
    if (unconfirmed->open == job) {
        unconfirmed->open = job->next;
    }
    unconfirmed->first = job->next;
    if (!job->next) {
        unconfirmed->last = NULL;
    }
    return job;
}

/* ---- what the server names: Permissions Violation for Publish to "subject" ---- */

bool denial_names(const char *text, bool publish, const char *subject) {
    const char *verb = strstr(text, publish ? "Publish to \"" : "Subscription to \"");
    const char *named = verb ? strchr(verb, '"') + 1 : NULL;
    const size_t length = strlen(subject);
    if (!named) {
        return false;
    }
    if (strncmp(named, subject, length) == 0) {
        return named[length] == '"' || named[length] == 0;
    }
    return strlen(text) >= TEXT_MOST && strncmp(named, subject, strlen(named)) == 0;
}

static bool names(const char *text, const char *head, const struct job *job) {
    char subject[SUBJECT_SIZE];
    if (job->denied || job->kind == JOB_UNSUBSCRIBE) {
        return false;
    }
    subject_write(subject, head, job->message.channel);
    return denial_names(text, job->kind == JOB_PUBLISH, subject);
}

bool unconfirmed_deny(struct unconfirmed *unconfirmed, const char *head, const char *text) {
    for (struct job *job = unconfirmed->first; job; job = job->next) {
        if (names(text, head, job)) {
            job->denied = true;
            return true;
        }
    }
    return false;
}
