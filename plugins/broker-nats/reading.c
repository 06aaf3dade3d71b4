/* SPDX-License-Identifier: MIT */
#include "reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "driver.h"
#include "json.h"

enum { BATCH = 256, BODY = 1400, SUBJECT = 2 * STREAM_NAME + 64, IDLE_S = 30, SILENCE_MS = 250 };

static void touch(struct driver *driver, struct reading *reading) {
    reading->due = clock_ms() + driver->settings.timeout;
    reading->again = clock_ms() + SILENCE_MS;
}

static void unlink_it(struct driver *driver, struct reading *reading) {
    struct reading **place = &driver->readings;
    while (*place != reading) {
        place = &(*place)->next;
    }
    *place = reading->next;
}

static void forget_answer(struct driver *driver, void *context, const struct answer *answer) {
    (void)driver;
    (void)context;
    (void)answer;
}

/* The server would find out by itself, after IDLE_S. */
static void end_consumer(struct driver *driver, const struct reading *reading) {
    char subject[SUBJECT];
    if (driver->phase == PHASE_UP && reading->consumer[0]) {
        snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.%s.%s", reading->stream->name,
                 reading->consumer);
        requests_ask(driver, subject, "", forget_answer, NULL);
    }
}

static void end(struct driver *driver, struct reading *reading, int status) {
    unlink_it(driver, reading);
    end_consumer(driver, reading);
    reading->on_end(driver, reading, status);
    free(reading);
}

/* Answered by so many messages as there are; by none, at once, when there are none. */
static void ask(struct driver *driver, struct reading *reading) {
    char subject[SUBJECT], reply[SESSION_INBOX + 24], body[64];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", reading->stream->name,
             reading->consumer);
    snprintf(reply, sizeof reply, "%sr%llu", driver->session->inbox, (unsigned long long)reading->id);
    reading->left = reading->wanted && reading->wanted < BATCH ? (unsigned)reading->wanted : BATCH;
    snprintf(body, sizeof body, "{\"batch\":%u,\"no_wait\":true}", reading->left);
    const int status = driver_written(
        driver, natsConnection_PublishRequestString(driver->session->connection, subject, reply, body));
    if (status != WSHUB_OK) {
        end(driver, reading, status);
    }
}

static void ask_batch(struct driver *driver, struct reading *reading) {
    touch(driver, reading);
    ask(driver, reading);
}

/* The server has promised messages, which expired before they were sent: it waits for others, and says
 * nothing. Asked again, it says that there are none. */
static void ask_again(struct driver *driver, struct reading *reading) {
    reading->again = clock_ms() + SILENCE_MS;
    ask(driver, reading);
}

/* ---- beginning ---- */

static struct reading *find(struct driver *driver, uint64_t id) {
    struct reading *reading = driver->readings;
    while (reading && reading->id != id) {
        reading = reading->next;
    }
    return reading;
}

static void on_made(struct driver *driver, void *context, const struct answer *answer) {
    struct reading *reading = context;
    const char *name = json_text(answer->json, "name", NULL);
    if (answer->status != WSHUB_OK || !name || strlen(name) >= READING_NAME) {
        end(driver, reading, answer->status != WSHUB_OK ? requests_status(driver, answer) : WSHUB_INTERNAL);
        return;
    }
    snprintf(reading->consumer, READING_NAME, "%s", name);
    if (json_number(answer->json, "num_pending", NULL) == 0) {
        end(driver, reading, WSHUB_OK);
    } else {
        ask_batch(driver, reading);
    }
}

static void make_consumer(struct driver *driver, struct reading *reading, const char *filter, uint64_t from,
                          bool latest) {
    char subject[SUBJECT], body[BODY], start[96];
    snprintf(start, sizeof start, "\"by_start_sequence\",\"opt_start_seq\":%llu", (unsigned long long)from);
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.CREATE.%s", reading->stream->name);
    snprintf(body, sizeof body,
             "{\"stream_name\":\"%s\",\"config\":{\"deliver_policy\":%s,\"ack_policy\":\"none\",\"filter_"
             "subject\":\"%s\","
             "\"replay_policy\":\"instant\",\"inactive_threshold\":%d000000000,\"num_replicas\":1,\"mem_"
             "storage\":true}}",
             reading->stream->name,
             latest     ? "\"last_per_subject\""
             : from > 1 ? start
                        : "\"all\"",
             filter, IDLE_S);
    requests_ask(driver, subject, body, on_made, reading);
}

void reading_start(struct driver *driver, const struct reading *what, const char *filter, uint64_t from,
                   bool latest) {
    struct reading *reading = malloc(sizeof *reading);
    if (!reading) {
        struct reading copy = *what;
        what->on_end(driver, &copy, WSHUB_NO_MEMORY);
        return;
    }
    *reading = *what;
    reading->id = ++driver->requests.last;
    reading->consumer[0] = 0;
    reading->left = 0;
    reading->due = reading->again = UINT64_MAX; /* the question has a deadline of its own */
    reading->next = driver->readings;
    driver->readings = reading;
    make_consumer(driver, reading, filter, from, latest);
}

/* ---- messages ---- */

/* $JS.ACK.stream.consumer.delivered.sequence.consumer's.time.pending, or with a domain and an account before
 * the stream and something random at the end. */
struct place {
    char consumer[READING_NAME];
    uint64_t sequence, pending;
};

static bool read_place(const char *reply, struct place *place) {
    enum { TOKENS = 13, OLD = 9, NEW = 11, EXTRA = 2 };
    char text[512], *tokens[TOKENS], *rest = text;
    unsigned count = 0;
    if (!reply || strncmp(reply, "$JS.ACK.", 8) != 0 || strlen(reply) >= sizeof text) {
        return false;
    }
    strcpy(text, reply);
    for (char *token; count < TOKENS && (token = strsep(&rest, "."));) {
        tokens[count++] = token;
    }
    if (count != OLD && count < NEW) {
        return false;
    }
    char **first = tokens + (count == OLD ? 2 : 2 + EXTRA);
    snprintf(place->consumer, READING_NAME, "%s", first[1]);
    place->sequence = strtoull(first[3], NULL, 10);
    place->pending = strtoull(first[6], NULL, 10);
    return true;
}

static void take_message(struct driver *driver, struct reading *reading, natsMsg *message,
                         const struct place *place) {
    touch(driver, reading);
    reading->left -= reading->left > 0;
    reading->wanted -= reading->wanted > 1;
    if (!reading->on_message(driver, reading, message, place->sequence) || place->pending == 0) {
        end(driver, reading, WSHUB_OK);
    } else if (reading->left == 0) {
        ask_batch(driver, reading);
    }
}

/* There are no more, or the consumer is gone. */
static void take_status(struct driver *driver, natsMsg *message) {
    const size_t inbox = strlen(driver->session->inbox);
    struct reading *reading = find(driver, strtoull(natsMsg_GetSubject(message) + inbox + 1, NULL, 10));
    const char *status = NULL;
    if (!reading || natsMsgHeader_Get(message, "Status", &status) != NATS_OK || !status || status[0] == '1') {
        return;
    }
    const bool over = strcmp(status, "404") == 0 || strcmp(status, "408") == 0;
    end(driver, reading, over ? WSHUB_OK : WSHUB_UNAVAILABLE);
}

bool reading_take(struct driver *driver, natsMsg *message) {
    const char *inbox = driver->session->inbox, *subject = natsMsg_GetSubject(message);
    struct place place;
    if (strncmp(subject, inbox, strlen(inbox)) == 0) {
        if (subject[strlen(inbox)] != 'r') {
            return false;
        }
        take_status(driver, message);
    } else if (read_place(natsMsg_GetReply(message), &place)) {
        struct reading *reading = driver->readings;
        while (reading && strcmp(reading->consumer, place.consumer) != 0) {
            reading = reading->next;
        }
        if (reading) {
            take_message(driver, reading, message, &place);
        }
    }
    return true;
}

void reading_fail(struct driver *driver, int status) {
    while (driver->readings) {
        end(driver, driver->readings, status);
    }
}

uint64_t reading_expire(struct driver *driver) {
    uint64_t next = UINT64_MAX;
    const uint64_t now = clock_ms();
    for (struct reading *reading = driver->readings, *after; reading; reading = after) {
        after = reading->next;
        if (reading->due <= now) {
            end(driver, reading, WSHUB_TIMEOUT);
            continue;
        }
        const uint64_t again = reading->again, due = reading->due;
        next = again < next ? again : next;
        next = due < next ? due : next;
        if (again <= now) {
            next = now; /* when to look again is told then */
            ask_again(driver, reading);
        }
    }
    return next;
}
