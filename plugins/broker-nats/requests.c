/* SPDX-License-Identifier: MIT */
#include "requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "driver.h"
#include "json.h"

#define HASH_NONFATAL_OOM 1 /* hh.tbl is NULL then */
#include <uthash.h>

enum { REPLY = 160, TEXT = 400 };

struct request {
    uint64_t id, due;
    request_fn fn;
    void *context;
    UT_hash_handle hh;
    char subject[];
};

/* err_code: what it means */
static const struct {
    unsigned code;
    int status;
} meanings[] = {
    {10037, WSHUB_NOT_FOUND},   {10059, WSHUB_NOT_FOUND},   {10014, WSHUB_NOT_FOUND},
    {10039, WSHUB_UNSUPPORTED}, {10076, WSHUB_UNSUPPORTED}, {10035, WSHUB_UNSUPPORTED},
    {10054, WSHUB_TOO_LARGE},   {10008, WSHUB_UNAVAILABLE}, {10009, WSHUB_UNAVAILABLE},
    {10093, WSHUB_UNAVAILABLE}, /* a filter outside of the stream: of an epoch that is over */
};

static int meaning_of(unsigned code) {
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].code == code) {
            return meanings[i].status;
        }
    }
    return WSHUB_DENIED;
}

/* Whoever is told may ask again: it is out of the table before. */
static void end(struct driver *driver, struct request *request, const struct answer *answer) {
    HASH_DEL(driver->requests.all, request);
    request->fn(driver, request->context, answer);
    free(request);
}

static struct request *remember(struct driver *driver, const char *subject, request_fn fn, void *context) {
    struct requests *requests = &driver->requests;
    const size_t length = strlen(subject) + 1;
    struct request *request = calloc(1, sizeof *request + length);
    if (!request) {
        return NULL;
    }
    request->id = requests->last;
    request->due = clock_ms() + driver->settings.timeout;
    request->fn = fn;
    request->context = context;
    memcpy(request->subject, subject, length);
    HASH_ADD(hh, requests->all, id, sizeof request->id, request);
    if (!request->hh.tbl) {
        free(request);
        return NULL;
    }
    return request;
}

const char *requests_reply(struct driver *driver, char reply[REPLY]) {
    snprintf(reply, REPLY, "%s%llu", driver->session->inbox, (unsigned long long)++driver->requests.last);
    return reply;
}

void requests_send(struct driver *driver, natsMsg *message, request_fn fn, void *context) {
    struct request *request = message ? remember(driver, natsMsg_GetSubject(message), fn, context) : NULL;
    if (!request) {
        fn(driver, context, &(struct answer){.status = WSHUB_NO_MEMORY});
    } else {
        const natsStatus status = natsConnection_PublishMsg(driver->session->connection, message);
        if (status != NATS_OK) {
            end(driver, request, &(struct answer){.status = driver_written(driver, status)});
        }
    }
    natsMsg_Destroy(message);
}

void requests_ask(struct driver *driver, const char *subject, const char *body, request_fn fn,
                  void *context) {
    char reply[REPLY];
    natsMsg *message = NULL;
    requests_reply(driver, reply);
    if (natsMsg_Create(&message, subject, reply, body, (int)strlen(body)) != NATS_OK) {
        message = NULL;
    }
    requests_send(driver, message, fn, context);
}

static struct answer read_answer(natsMsg *message) {
    struct answer answer = {.status = WSHUB_OK};
    const char *status;
    if (natsMsgHeader_Get(message, "Status", &status) == NATS_OK && status) {
        answer.status = strcmp(status, "503") == 0 ? WSHUB_UNSUPPORTED : WSHUB_NOT_FOUND;
        return answer;
    }
    answer.json = json_read(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    if (!answer.json) {
        answer.status = WSHUB_NO_MEMORY;
        return answer;
    }
    answer.code = (unsigned)json_number(answer.json, "error", "err_code");
    answer.text = json_text(answer.json, "error", "description");
    if (answer.code || answer.text) {
        answer.status = meaning_of(answer.code);
    }
    return answer;
}

void requests_answer(struct driver *driver, const char *id, natsMsg *message) {
    const uint64_t number = strtoull(id, NULL, 10);
    struct request *request;
    HASH_FIND(hh, driver->requests.all, &number, sizeof number, request);
    if (request) {
        struct answer answer = read_answer(message);
        end(driver, request, &answer);
        yajl_tree_free(answer.json);
    }
}

bool requests_deny(struct driver *driver, const char *text) {
    struct request *request, *next;
    HASH_ITER(hh, driver->requests.all, request, next) {
        if (denial_names(text, true, request->subject)) {
            end(driver, request, &(struct answer){.status = WSHUB_DENIED, .text = text});
            return true;
        }
    }
    return false;
}

void requests_fail(struct driver *driver, int status) {
    while (driver->requests.all) {
        end(driver, driver->requests.all, &(struct answer){.status = status});
    }
}

/* All wait equally long, so the first is the next. */
uint64_t requests_expire(struct driver *driver) {
    const uint64_t now = clock_ms();
    while (driver->requests.all && driver->requests.all->due <= now) {
        end(driver, driver->requests.all, &(struct answer){.status = WSHUB_TIMEOUT});
    }
    return driver->requests.all ? driver->requests.all->due : UINT64_MAX;
}

int requests_status(struct driver *driver, const struct answer *answer) {
    char text[TEXT];
    if (answer->status == WSHUB_UNSUPPORTED) {
        driver_complain(driver, COMPLAINT_JETSTREAM,
                        "registry and histories need JetStream, which this server or account has not: enable "
                        "it there, or set `jetstream: off`");
    } else if (answer->status == WSHUB_DENIED && answer->text) {
        snprintf(text, sizeof text, "JetStream refuses: %.200s (%u)", answer->text, answer->code);
        driver_complain(driver, COMPLAINT_JETSTREAM, text);
    }
    return answer->status;
}
