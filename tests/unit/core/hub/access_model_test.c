// SPDX-License-Identifier: MIT
// Anything in any order: clients that operate, refresh and go, a plugin that says yes, no or nothing useful,
// a broker that is late, messages, revocations. Each operation is answered exactly once, unless its
// connection ends, and nothing is left of anything.
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scripted_auth.h"

#include "hub_threads.h"

#define CONFIG                                                                            \
    "auth: [{plugin: scripted}]\n"                                                        \
    "channels: [{match: '*', subscribe: granted, publish: granted, last_value: false}]\n" \
    "timeouts: {auth: 1m, connect: 1m}\n"                                                 \
    "drain: {window: 0s}\n"

enum { SEEDS = 60, STEPS = 300, CLIENTS = 3, OPERATIONS_MAX = STEPS + 8 };

struct actor {
    struct client client;
    bool is_there;
    unsigned sent;
    unsigned char answers[OPERATIONS_MAX]; // by id
};

struct play {
    struct setup s;
    uint64_t random; // xorshift
    struct actor actors[CLIENTS];
    atomic_bool is_over;
};

static unsigned draw(struct play *play, unsigned below) {
    play->random ^= play->random << 13;
    play->random ^= play->random >> 7;
    play->random ^= play->random << 17;
    return (unsigned)(play->random >> 33) % below;
}

// ---- the plugin

static int do_answer(struct setup *s, void *argument) {
    struct play *play = argument;
    static const struct wshub_grant grants[] = {
        {{"room", 4}, WSHUB_VERB_SUBSCRIBE | WSHUB_VERB_PUBLISH, 0},
        {{"other", 5}, WSHUB_VERB_SUBSCRIBE, 0},
    };
    static const int statuses[] = {WSHUB_OK,     WSHUB_OK,      WSHUB_OK,         WSHUB_OK,
                                   WSHUB_DENIED, WSHUB_EXPIRED, WSHUB_UNAVAILABLE};
    (void)s;
    if (scripted.count == 0) {
        return 0;
    }
    char slot = scripted.questions[0].slot;
    int status = statuses[draw(play, slot == 'c' ? 4 : 7)];
    const struct wshub_identity identity = {
        .struct_size = sizeof identity,
        .user = {"ann", 3},
        .grants = grants,
        .grant_count = draw(play, 3),
        .ask = draw(play, 4),
    };
    scripted_answer(status, status == WSHUB_OK && slot != 'o' ? &identity : NULL);
    return 1;
}

// ---- what happens

static void come(struct play *play, struct actor *actor) {
    static const char shake[] =
        "GET /ws?token=x HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    *actor = (struct actor){.client = {.fd = connect_to(&play->s)}, .is_there = true};
    assert_true(actor->client.fd >= 0);
    send_all(actor->client.fd, shake, sizeof shake - 1);
}

static void leave(struct actor *actor) {
    client_free(&actor->client);
    actor->is_there = false;
}

// Many in one piece, now and then: they are read at once, and wait together.
static void operate(struct play *play, struct actor *actor) {
    static const char *const operations[] = {
        "\"subscribe\",\"channel\":\"room\"",
        "\"subscribe\",\"channel\":\"other\"",
        "\"unsubscribe\",\"channel\":\"room\"",
        "\"unsubscribe\",\"channel\":\"other\"",
        "\"publish\",\"channel\":\"room\",\"data\":1",
        "\"refresh\",\"token\":\"x\"",
        "\"ping\"",
        "\"what\"",
    };
    char frames[6 * (6 + 126)], text[126];
    size_t length = 0;
    for (unsigned i = 1 + draw(play, 5); i > 0 && actor->sent < OPERATIONS_MAX - 1; i--) {
        int size =
            snprintf(text, sizeof text, "{\"id\":%u,\"op\":%s}", ++actor->sent, operations[draw(play, 8)]);
        length += write_frame(frames + length, TEXT, text, (size_t)size);
    }
    send(actor->client.fd, frames, length, MSG_NOSIGNAL); // it may have been closed
}

static int do_revoke(struct setup *s, void *argument) {
    char text[128];
    uint64_t now = clock_wall_ms(); // over at once: who comes next is let in
    (void)argument;
    snprintf(text, sizeof text, "{\"revoke\":{\"user\":\"ann\"},\"at\":%" PRIu64 ",\"until\":%" PRIu64 "}",
             now, now + 1);
    return fake_deliver(s->fake, "$wshub:control", text);
}

static int do_complete_any(struct setup *s, void *argument) {
    return (int)fake_complete_all(s->fake, *(int *)argument);
}

static void step(struct play *play) {
    struct actor *actor = &play->actors[draw(play, CLIENTS)];
    unsigned kind = draw(play, 100);
    if (!actor->is_there) {
        come(play, actor);
    } else if (kind < 40) {
        operate(play, actor);
    } else if (kind < 75) {
        on_hub(&play->s, do_answer, play);
    } else if (kind < 85) {
        on_hub(&play->s, do_deliver, NULL);
    } else if (kind < 90) {
        on_hub(&play->s, do_complete_any, &(int){draw(play, 3) ? WSHUB_OK : WSHUB_UNAVAILABLE});
    } else if (kind < 95) {
        behave(&play->s, FAKE_SUBSCRIBE, draw(play, 2) ? FAKE_HOLD : FAKE_AT_ONCE, 0);
    } else if (kind < 98) {
        leave(actor);
    } else {
        on_hub(&play->s, do_revoke, NULL);
    }
}

// ---- the end: all is answered

static void count(struct actor *actor, const char *payload) {
    const char *id = strstr(payload, "\"id\":");
    if (id) {
        unsigned long which = strtoul(id + 5, NULL, 10);
        assert_in_range(which, 1, actor->sent);
        assert_int_equal(actor->answers[which]++, 0);
    }
}

static bool is_answered(const struct actor *actor) {
    for (unsigned i = 1; i <= actor->sent; i++) {
        if (!actor->answers[i]) {
            return false;
        }
    }
    return true;
}

static void *answer_all(void *context) {
    struct play *play = context;
    while (!atomic_load(&play->is_over)) {
        on_hub(&play->s, do_answer, play);
        on_hub(&play->s, do_complete_any, &(int){WSHUB_OK});
        sched_yield();
    }
    return NULL;
}

static void read_all(struct actor *actor) {
    struct client *client = &actor->client;
    const char *payload, *end;
    size_t length;
    do {
        assert_true(receive(client));
    } while (!(end = strstr(client->data, "\r\n\r\n")));
    bool is_in = strncmp(client->data, "HTTP/1.1 101 ", 13) == 0;
    consume(client, (size_t)(end + 4 - client->data));
    while (is_in && !is_answered(actor)) {
        int opcode = client_next(client, &payload, &length);
        if (opcode == -1 || opcode == CLOSE) {
            break;
        }
        count(actor, payload);
    }
}

static int nobody_is_there(struct setup *s, void *argument) {
    (void)argument;
    return TOTAL(s, connections) == 0 && atomic_load(&s->instance.connections) == 0 &&
           TOTAL(s, channels) == 0 && TOTAL(s, subscriptions) == 0;
}

// Answers whatever is asked until all have read what they were owed.
static void settle(struct play *play) {
    pthread_t answering;
    behave(&play->s, FAKE_SUBSCRIBE, FAKE_AT_ONCE, 0);
    assert_int_equal(pthread_create(&answering, NULL, answer_all, play), 0);
    for (int i = 0; i < CLIENTS; i++) {
        if (play->actors[i].is_there) {
            read_all(&play->actors[i]);
            leave(&play->actors[i]);
        }
    }
    wait_until(&play->s, nobody_is_there, NULL);
    atomic_store(&play->is_over, true);
    pthread_join(answering, NULL);
}

static void everything_is_answered_once(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct play play = {.random = seed * 0x9e3779b97f4a7c15u};
        bool drains = seed % 3 == 0;
        start_with(&play.s, 1 + seed % 2, CONFIG);
        for (int i = 0; i < STEPS; i++) {
            step(&play);
        }
        if (drains) {
            on_hub(&play.s, do_drain, NULL);
        }
        settle(&play);
        if (drains) {
            wait_for(&play.s.ended);
        }
        stop(&play.s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything_is_answered_once)};
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
