/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <stdlib.h>
#include <string.h>

enum { PARTS = 7 };

static size_t parts_of(struct wshub_message *message, struct wshub_bytes *parts[PARTS]) {
    struct wshub_bytes *const all[PARTS] = {&message->channel,     &message->payload, &message->sender,
                                            &message->sender_user, &message->exclude, &message->epoch,
                                            &message->key};
    size_t total = 0;
    for (size_t i = 0; i < PARTS; i++) {
        parts[i] = all[i];
        total += all[i]->length;
    }
    return total;
}

struct job *job_new(enum job_kind kind, wshub_token token, const struct wshub_message *message) {
    struct wshub_message copy = {.struct_size = sizeof copy};
    struct wshub_bytes *parts[PARTS];
    memcpy(&copy, message, message->struct_size < sizeof copy ? message->struct_size : sizeof copy);
    const size_t total = parts_of(&copy, parts);
    struct job *job = calloc(1, sizeof *job + total);
    if (!job) {
        return NULL;
    }
    char *next = job->bytes;
    for (size_t i = 0; i < PARTS; i++) {
        if (parts[i]->length) {
            memcpy(next, parts[i]->data, parts[i]->length);
        }
        parts[i]->data = next;
        next += parts[i]->length;
    }
    job->kind = kind;
    job->token = token;
    job->size = sizeof *job + total;
    job->message = copy;
    return job;
}

void job_free(struct job *job) {
    if (job) {
        natsMsg_Destroy(job->answer);
        free(job->found);
        free(job);
    }
}
