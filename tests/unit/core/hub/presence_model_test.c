// SPDX-License-Identifier: MIT
// Presence whatever happens in whatever order: members of this and of other instances come and go, what they
// announce is lost, repeated or late, instances die and come back, the broker forgets. Nobody is told to join
// who is there already, or to leave who is still there; and in the end all that are there are known.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "presence_fixture.h"

enum {
    STEPS = 100,
    LOCALS = 4,
    INSTANCES = 3,
    EACH = 4, // connections of an instance
    CONNECTIONS = LOCALS + INSTANCES * EACH,
    BEAT_MS = 60,
    DEAD_MS = 120, // patience
};

struct instance_model {
    bool alive;               // it beats
    bool is_listed;           // its entry is there
    unsigned process, number; // its incarnation
    uint64_t died;            // ns; 0: the others may take it for dead by now
    uint64_t back;            // ns: when it notices that the broker has forgotten it; 0: it need not
    uint64_t seen;            // ns: when a list last had it
};

struct model {
    struct fixture f;
    struct table table;
    uint64_t random;
    const char *name; // ROOM; gcc 12 warns of the hash of a literal
    unsigned beat;
    struct membership *locals[LOCALS];
    struct instance_model instances[INSTANCES];
    struct {
        bool there;               // in truth
        bool entered;             // in the registry
        unsigned process, number; // with this incarnation
        bool told;                // to have joined, and not to have left
        uint64_t left;            // ns
    } connections[CONNECTIONS];
    uint64_t until;
    uint64_t lost; // ns: when it has forgotten last
    size_t beats;  // so many heartbeats of this hub were answered before the broker forgot
    bool forgot;
};

static unsigned dice(struct model *m, unsigned sides) {
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (unsigned)(m->random >> 33) % sides;
}

static struct instance_model *instance_of(struct model *m, unsigned connection) {
    return connection < LOCALS ? NULL : &m->instances[(connection - LOCALS) / EACH];
}

static void name_of(const struct model *m, const struct instance_model *instance, char name[8]) {
    snprintf(name, 8, "i%u", (unsigned)(instance - m->instances));
}

static void incarnation_of(unsigned process, unsigned number, char text[32]) {
    snprintf(text, 32, "%016x.%u", process, number);
}

// ---- what the registry has, made anew for each list: so heartbeats go on while the test waits

static void fill_registry(void *context) {
    struct model *m = context;
    char name[8], incarnation[32];
    m->f.fake->entry_count = 0;
    for (unsigned i = 0; i < INSTANCES; i++) {
        struct instance_model *instance = &m->instances[i];
        if (instance->is_listed) {
            instance->seen = clock_ns();
            name_of(m, instance, name);
            incarnation_of(instance->process, instance->number, incarnation);
            m->beat += instance->alive;
            put_instance(&m->f, &m->table, name, incarnation, instance->alive ? m->beat : 7);
        }
    }
    for (unsigned c = LOCALS; c < CONNECTIONS; c++) {
        if (m->connections[c].entered) {
            name_of(m, instance_of(m, c), name);
            incarnation_of(m->connections[c].process, m->connections[c].number, incarnation);
            put_member(&m->f, &m->table, name, incarnation, c);
        }
    }
}

// ---- what the subscribers are told

// A member may only be told to leave that has left, or whose instance has stood still; or could not be seen
// for long enough, because this whole test stood still.
static bool may_leave(struct model *m, unsigned c) {
    const struct instance_model *instance = instance_of(m, c);
    return !m->connections[c].there ||
           (instance && (!instance->alive || instance->died > 0 ||
                         clock_ns() - instance->seen > DEAD_MS * UINT64_C(1000000)));
}

static void on_told(struct worker *worker, const struct message *message) {
    struct model *m = worker->fixture->test;
    struct span text = message_payload(message), sender = message_sender(message);
    char number[3] = {0};
    if (worker->index != 0 || message->kind == MESSAGE_GAP) {
        return;
    }
    assert_int_equal(sender.length, 32);
    assert_non_null(memmem(text.data, text.length, sender.data, sender.length));
    memcpy(number, sender.data + 30, 2);
    unsigned c = (unsigned)strtoul(number, NULL, 16);
    bool joins = message->kind == MESSAGE_JOIN;
    if (m->connections[c].told == joins) {
        fail_msg("connection %u: %s, twice", c, joins ? "join" : "leave");
    }
    if (!joins && !may_leave(m, c)) {
        fail_msg("connection %u is still there, and was told to leave", c);
    }
    m->connections[c].told = joins;
}

// ---- what other instances say

static void say(struct model *m, unsigned c, const char *word, unsigned process, unsigned number) {
    char name[8], incarnation[32];
    if (m->f.fake->down) {
        return;
    }
    name_of(m, instance_of(m, c), name);
    incarnation_of(process, number, incarnation);
    announce(&m->f, name, incarnation, word, c, "");
}

static void tell_loss(struct model *m) {
    if (!m->f.fake->down) {
        m->f.fake->host->lose(m->f.fake->host->self, (struct wshub_bytes){NULL, 0});
    }
}

static void say_or_lose(struct model *m, unsigned c, const char *word) {
    const struct instance_model *instance = instance_of(m, c);
    unsigned times = dice(m, 4); // often once
    if (times == 0) {
        tell_loss(m);
    }
    for (unsigned i = 0; i < (times == 3 ? 2 : 1) && times > 0; i++) {
        say(m, c, word, instance->process, instance->number);
    }
}

static void enter(struct model *m, unsigned c, bool there) {
    const struct instance_model *instance = instance_of(m, c);
    m->connections[c].there = m->connections[c].entered = there;
    m->connections[c].process = instance->process;
    m->connections[c].number = instance->number;
}

static void come_or_go(struct model *m) {
    unsigned c = dice(m, CONNECTIONS);
    struct instance_model *instance = instance_of(m, c);
    if (c == 0) {
        return; // stays, so that the channel is looked at all the time
    }
    if (!instance && m->locals[c]) {
        m->connections[c].there = false;
        quits(&m->f, m->locals[c]);
        m->locals[c] = NULL;
    } else if (!instance) {
        m->connections[c].there = true;
        m->locals[c] = joins(&m->f, c);
    } else if (instance->alive && instance->back == 0) {
        enter(m, c, !m->connections[c].there);
        say_or_lose(m, c, m->connections[c].there ? "join" : "leave");
    }
}

// What was true once, or is true already.
static void repeat(struct model *m) {
    unsigned c = LOCALS + dice(m, CONNECTIONS - LOCALS);
    const struct instance_model *instance = instance_of(m, c);
    if (!instance->alive) {
        say(m, c, dice(m, 2) ? "join" : "leave", instance->process, instance->number);
    } else if (instance->back == 0) {
        say(m, c, m->connections[c].there ? "join" : "leave", instance->process, instance->number);
    }
    if (instance->number > 1) {
        say(m, c, "leave", instance->process, instance->number - 1);
    }
}

// ---- instances die and come back

static void look_around(struct model *m);

static bool is_dead_by_now(void *context) {
    struct model *m = context;
    bool told = false;
    look_around(m);
    for (unsigned c = LOCALS; c < CONNECTIONS; c++) {
        told |= !instance_of(m, c)->alive && m->connections[c].told;
    }
    return !told;
}

static bool is_over(void *context) {
    struct model *m = context;
    look_around(m);
    return clock_ns() > m->until;
}

static void die(struct model *m) {
    struct instance_model *instance = &m->instances[dice(m, INSTANCES)];
    if (instance->alive && instance->back == 0 && !m->f.fake->down) {
        instance->alive = false;
        instance->died = clock_ns();
        run_until(m->f.loop, is_dead_by_now, m);
        m->until =
            clock_ns() + 2 * DEAD_MS * UINT64_C(1000000); // also for those whose members nobody knew of
        run_until(m->f.loop, is_over, m);
    }
}

static void announce_all(struct model *m, struct instance_model *instance) {
    for (unsigned c = LOCALS; c < CONNECTIONS; c++) {
        if (instance_of(m, c) == instance && m->connections[c].there) {
            enter(m, c, true);
            say(m, c, "join", instance->process, instance->number);
        }
    }
    if (m->f.fake->down) {
        return;
    }
    instance->died = 0;
}

static void come_back(struct model *m) {
    struct instance_model *instance = &m->instances[dice(m, INSTANCES)];
    if (instance->alive || m->f.fake->down) {
        return;
    }
    bool anew = dice(m, 2) == 0;
    instance->alive = instance->is_listed = true;
    instance->process += anew ? INSTANCES : 0;
    instance->number = anew ? 1 : instance->number + 1;
    for (unsigned c = LOCALS; c < CONNECTIONS; c++) {
        if (instance_of(m, c) == instance && (anew || dice(m, 3) == 0)) {
            m->connections[c].there = false; // what is left of it in the registry is stale
        }
    }
    announce_all(m, instance);
}

// ---- the broker

static void look_around(struct model *m) {
    if (m->forgot && m->f.fake->counts[FAKE_HEARTBEAT] > m->beats) {
        m->forgot = false;
        fake_behave(m->f.fake, FAKE_HEARTBEAT, FAKE_AT_ONCE, WSHUB_OK);
    }
    for (unsigned i = 0; i < INSTANCES; i++) {
        struct instance_model *instance = &m->instances[i];
        if (instance->back > 0 && clock_ns() > instance->back && !m->f.fake->down) {
            instance->back = 0;
            instance->number++;
            instance->is_listed = true;
            announce_all(m, instance);
        }
    }
}

static void forget(struct model *m) {
    if (m->lost > 0 && clock_ns() - m->lost < 2 * DEAD_MS * UINT64_C(1000000)) {
        return; // again and again, before anybody has had a heartbeat: that looks like death
    }
    m->lost = clock_ns();
    m->forgot = true;
    m->beats = m->f.fake->counts[FAKE_HEARTBEAT];
    fake_behave(m->f.fake, FAKE_HEARTBEAT, FAKE_AT_ONCE, WSHUB_NOT_FOUND);
    for (unsigned i = 0; i < INSTANCES; i++) {
        m->instances[i].is_listed = false;
        if (m->instances[i].alive && m->instances[i].back == 0) {
            m->instances[i].back = clock_ns() + dice(m, BEAT_MS) * UINT64_C(1000000);
        }
    }
    for (unsigned c = LOCALS; c < CONNECTIONS; c++) {
        m->connections[c].entered = false;
    }
}

static void break_link(struct model *m) {
    link_is(&m->f, WSHUB_LINK_DOWN);
    for (unsigned i = dice(m, 4); i > 0; i--) {
        come_or_go(m);
    }
    bool forgets = dice(m, 2) == 0;
    if (forgets) {
        forget(m);
    }
    link_is(&m->f, forgets || dice(m, 2) ? WSHUB_LINK_UP : WSHUB_LINK_RESUBSCRIBED);
}

// ---- the end of each part: what is known is what is there

static bool is_settled(void *context) {
    struct model *m = context;
    look_around(m);
    for (unsigned c = 0; c < CONNECTIONS; c++) {
        const struct instance_model *instance = instance_of(m, c);
        bool there = m->connections[c].there && (!instance || instance->alive);
        if (there != m->connections[c].told || (instance && instance->back > 0)) {
            return false;
        }
    }
    return true;
}

static void check(struct model *m) {
    char wanted[256] = "";
    run_until(m->f.loop, is_settled, m);
    for (unsigned c = 0; c < CONNECTIONS; c++) {
        if (m->connections[c].told) {
            sprintf(wanted + strlen(wanted), "%s%u", wanted[0] ? " " : "", c);
        }
    }
    assert_string_equal(who_is_there(&m->f, ROOM), wanted);
}

static void act(struct model *m) {
    switch (dice(m, 16)) {
    case 0:
        die(m);
        break;
    case 1:
    case 2:
        come_back(m);
        break;
    case 3:
        break_link(m);
        break;
    case 4:
        forget(m);
        break;
    case 5:
    case 6:
        repeat(m);
        break;
    case 7:
        tell_loss(m);
        break;
    default:
        come_or_go(m);
    }
}

static void begin(struct model *m) {
    prepare_presence(&m->f);
    m->f.config.registry.heartbeat = BEAT_MS;
    m->f.config.registry.instance_ttl = BEAT_MS + DEAD_MS;
    m->f.on_message = on_told;
    m->f.test = m;
    m->f.fake->before_list = fill_registry;
    m->f.fake->list_context = m;
    for (unsigned i = 0; i < INSTANCES; i++) {
        m->instances[i] =
            (struct instance_model){.alive = true, .is_listed = true, .process = i + 1, .number = 1};
    }
    assert_true(hub_start(m->f.instance.hub, fake_load, on_failure, &m->f));
    run_rounds(m->f.loop);
}

static void play(uint64_t seed) {
    static struct model model;
    struct model *m = &model;
    model = (struct model){.random = seed, .name = ROOM};
    print_message("seed %llu (WSHUB_TEST_SEED repeats it)\n", (unsigned long long)seed);
    begin(m);
    struct claim *claim = subscribed(&m->f, 0, m->name);
    m->connections[0].there = true;
    m->locals[0] = joins(&m->f, 0);
    for (int step = 0; step < STEPS; step++) {
        act(m);
        look_around(m);
        run_rounds(m->f.loop);
        if (dice(m, 8) == 0) {
            check(m);
        }
    }
    check(m);
    for (unsigned c = 0; c < LOCALS; c++) {
        m->connections[c].there = false;
        if (m->locals[c]) {
            quits(&m->f, m->locals[c]);
        }
    }
    leave(claim);
    run_rounds(m->f.loop);
    tear_down(&m->f);
}

static void each_is_told_once_and_all_are_known(void **state) {
    const char *seed = getenv("WSHUB_TEST_SEED");
    (void)state;
    if (seed) {
        play(strtoull(seed, NULL, 10) | 1);
        return;
    }
    play(1);
    play(random_u64() | 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_is_told_once_and_all_are_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
