// SPDX-License-Identifier: MIT
// Last values whatever comes in whatever order: workers come and go, the broker answers late or not at all,
// messages are lost, the link breaks. No worker ever knows an old one, and where the hub can know the latest
// they do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub_fixture.h"

#define CHANNEL "tick"

enum { STEPS = 1000, NEVER = 0 };

struct model {
    struct fixture f;
    uint64_t random;
    const char *name; // CHANNEL; gcc 12 warns of the hash of a literal
    struct claim *claims[WORKERS];
    unsigned published; // the broker keeps the latest of these numbers
    unsigned due;       // what it has kept is still to come, behind the confirmation
    bool known;         // the hub can know the latest
    bool missed;        // something was published since the link broke
};

static unsigned dice(struct model *m, unsigned sides) {
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (unsigned)(m->random >> 33) % sides;
}

static void deliver(struct model *m, unsigned number, bool is_last) {
    char payload[16];
    snprintf(payload, sizeof payload, "%u", number);
    (is_last ? fake_deliver_last : fake_deliver)(m->f.fake, CHANNEL, payload);
}

// ---- what the broker does

static void bring_due(struct model *m) {
    if (m->due != NEVER) {
        deliver(m, m->due, true);
        m->known |= m->due == m->published;
        m->due = NEVER;
    }
}

static void publish(struct model *m) {
    bool arrives = !m->f.fake->down && fake_is_subscribed(m->f.fake, CHANNEL);
    if (arrives) {
        bring_due(m);
    }
    m->published++;
    m->missed = true;
    m->known = arrives;
    if (arrives) {
        deliver(m, m->published, false);
    }
}

static void lose(struct model *m) {
    if (!m->f.fake->down && fake_is_subscribed(m->f.fake, CHANNEL)) {
        m->published++;
        m->known = false;
        m->f.fake->host->lose(m->f.fake->host->self, (struct wshub_bytes){CHANNEL, strlen(CHANNEL)});
    }
}

static void take_subscribe(struct model *m, struct fake_call *call) {
    bool early = dice(m, 2) == 0;
    m->due = m->published;
    m->known = false;
    if (early) {
        bring_due(m);
    }
    fake_complete(m->f.fake, call, WSHUB_OK);
}

static void answer_one(struct model *m) {
    struct fake_call *call = m->f.fake->held;
    if (!call) {
        return;
    }
    if (m->f.fake->down || call->session != m->f.fake->session) {
        fake_complete(m->f.fake, call, WSHUB_UNAVAILABLE);
    } else if (dice(m, 6) == 0) {
        bool subscribed = dice(m, 2) == 0; // either may be the truth
        m->due = NEVER;
        m->known = false;
        fake_complete(m->f.fake, call, WSHUB_TIMEOUT);
        fake_set_subscribed(m->f.fake, CHANNEL, subscribed);
    } else if (call->slot == FAKE_SUBSCRIBE) {
        take_subscribe(m, call);
    } else {
        m->due = NEVER;
        m->known = false;
        fake_complete(m->f.fake, call, WSHUB_OK);
    }
}

static void flap(struct model *m) {
    static const enum wshub_link_state states[] = {WSHUB_LINK_UP, WSHUB_LINK_RESUBSCRIBED,
                                                   WSHUB_LINK_RESUMED};
    if (!m->f.fake->down) {
        bring_due(m);
        m->missed = false;
        fake_link(m->f.fake, WSHUB_LINK_DOWN, "flap");
        while (m->f.fake->held && dice(m, 2) == 0) {
            answer_one(m);
        }
        return;
    }
    enum wshub_link_state state = states[dice(m, m->missed ? 2 : 3)];
    m->known &= state == WSHUB_LINK_RESUMED;
    fake_link(m->f.fake, state, NULL);
    bool again = state == WSHUB_LINK_RESUBSCRIBED && fake_is_subscribed(m->f.fake, CHANNEL);
    m->due = again && dice(m, 2) == 0 ? m->published : NEVER;
}

// ---- what the workers do

static void come_or_go(struct model *m) {
    struct claim **claim = &m->claims[dice(m, WORKERS)];
    if (!*claim) {
        *claim = come(&m->f, (unsigned)(claim - m->claims), m->name);
    } else if ((*claim)->answers > 0) {
        ((*claim)->status == WSHUB_OK ? leave : drop)(*claim);
        *claim = NULL;
    }
}

static void check(const struct model *m) {
    char latest[16];
    snprintf(latest, sizeof latest, "%u", m->published);
    for (unsigned i = 0; i < WORKERS; i++) {
        const struct worker *worker = &m->f.workers[i];
        const struct claim *claim = m->claims[i];
        assert_int_equal(worker->repeats, 0);
        if (!claim || claim->answers == 0 || claim->status != WSHUB_OK || is_lost(claim)) {
            continue;
        }
        if (m->known || worker->known[0] != '\0') {
            assert_string_equal(worker->known, latest);
        }
    }
}

static void act(struct model *m) {
    static void (*const deeds[])(struct model * m) = {
        come_or_go, come_or_go, come_or_go, come_or_go, answer_one, answer_one,
        answer_one, answer_one, publish,    publish,    bring_due,  lose,
    };
    if (dice(m, 40) == 0) {
        flap(m);
    } else {
        deeds[dice(m, sizeof deeds / sizeof *deeds)](m);
    }
}

static void end(struct model *m) {
    if (m->f.fake->down) {
        fake_link(m->f.fake, WSHUB_LINK_UP, NULL);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        struct claim *claim = m->claims[i];
        while (claim && claim->answers == 0) {
            fake_complete_all(m->f.fake, WSHUB_OK);
            run_rounds(m->f.loop);
        }
        if (claim) {
            (claim->status == WSHUB_OK ? leave : drop)(claim);
        }
    }
    fake_behave(m->f.fake, FAKE_UNSUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    m->f.config.unsubscribe_linger = 0;
    fake_complete_all(m->f.fake, WSHUB_OK);
    run_rounds(m->f.loop);
}

static void play(uint64_t seed) {
    struct model model = {.random = seed, .name = CHANNEL}, *m = &model;
    print_message("seed %llu (WSHUB_TEST_SEED repeats it)\n", (unsigned long long)seed);
    make(&m->f, "brokers: [{name: main, plugin: keeper}]\nregistry: {enabled: off}\n"
                "channels: [{match: " CHANNEL ", last_value: true}]\n");
    assert_true(hub_start(m->f.instance.hub, fake_load, on_failure, &m->f));
    fake_behave(m->f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    fake_behave(m->f.fake, FAKE_UNSUBSCRIBE, FAKE_HOLD, 0);
    for (int step = 0; step < STEPS; step++) {
        m->f.config.unsubscribe_linger = dice(m, 2) * LONG;
        act(m);
        if (dice(m, 3) > 0) {
            run_rounds(m->f.loop);
            check(m);
        }
    }
    run_rounds(m->f.loop);
    check(m);
    end(m);
    tear_down(&m->f);
}

static void no_worker_knows_an_old_one(void **state) {
    const char *seed = getenv("WSHUB_TEST_SEED");
    (void)state;
    if (seed) {
        play(strtoull(seed, NULL, 10) | 1);
        return;
    }
    play(1);
    play(0x9e3779b97f4a7c15);
    play(random_u64() | 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_worker_knows_an_old_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
