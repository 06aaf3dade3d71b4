// SPDX-License-Identifier: MIT
// Subscribers that come, go and come back, whatever happens in whatever order: messages overtake each other,
// come twice or not at all, links break, reads are late or fail, histories forget and are lost. A simple
// model knows all that was published. Everybody has each message once and in order, or was told; and where
// nothing is lost for good, nobody is told that it is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reader_fixture.h"

enum { STEPS = 900, PEOPLE = 12, EPOCHS = 64, MESSAGES_MAX = 4096, FLYING = 8 };

struct person {
    struct reader *reader; // NULL: it is away
    struct position at;    // what it has
    unsigned worker;
};

struct published { // under one epoch
    uint64_t offsets[MESSAGES_MAX];
    unsigned count;
};

static struct model {
    struct fixture f;
    uint64_t random;
    bool is_rough; // histories forget and are lost, reads fail
    unsigned epoch;
    struct published epochs[EPOCHS];
    struct person people[PEOPLE];
    struct claim *claims[WORKERS];
    struct position positions[WORKERS];
    uint64_t flying[FLYING]; // stored, and not delivered yet; 0: none
    unsigned lost;           // how often somebody was told
    unsigned received;
} model;

static unsigned dice(unsigned sides) {
    model.random ^= model.random << 13;
    model.random ^= model.random >> 7;
    model.random ^= model.random << 17;
    return (unsigned)(model.random >> 33) % sides;
}

// ---- what everybody is told, and what should come next

static void name_epoch(char name[16], unsigned epoch) {
    snprintf(name, 16, "e%u", epoch);
}

static unsigned epoch_of(const struct position *position) {
    char text[16];
    snprintf(text, sizeof text, "%.*s", (int)position->epoch_length, position->epoch);
    assert_int_equal(text[0], 'e');
    unsigned long epoch = strtoul(text + 1, NULL, 10);
    assert_true(epoch <= model.epoch);
    return (unsigned)epoch;
}

static uint64_t next_after(const struct position *position) {
    const struct published *published = &model.epochs[epoch_of(position)];
    for (unsigned i = 0; i < published->count; i++) {
        if (published->offsets[i] > position->offset) {
            return published->offsets[i];
        }
    }
    return 0;
}

static struct person *person_of(const struct reader *reader) {
    for (size_t i = 0; i < PEOPLE; i++) {
        if (model.people[i].reader == reader) {
            return &model.people[i];
        }
    }
    return NULL;
}

static void on_told(struct reader *reader, char what, const struct position *position) {
    struct person *person = person_of(reader);
    if (!person) {
        return; // it has gone meanwhile
    }
    if (what == 'm') {
        assert_int_equal(epoch_of(position), epoch_of(&person->at));
        assert_int_equal(position->offset, next_after(&person->at));
        model.received++;
    } else {
        assert_true(epoch_of(position) >= epoch_of(&person->at));
        model.lost++;
    }
    person->at = *position;
}

// ---- what the broker does

static void fly(uint64_t offset) {
    uint64_t *place = &model.flying[dice(FLYING)];
    if (*place && fake_is_subscribed(model.f.fake, ROOM)) {
        fake_deliver_stored(model.f.fake, ROOM, *place);
    }
    *place = offset;
}

static void publish(void) {
    struct published *published = &model.epochs[model.epoch];
    assert_true(published->count < MESSAGES_MAX);
    static char payload[40 * 1024]; // so that the hub can remember few
    memset(payload, 'x', sizeof payload - 1);
    payload[dice(4) ? sizeof payload - 1 : 1] = '\0';
    uint64_t offset = fake_store(model.f.fake, ROOM, payload);
    published->offsets[published->count++] = offset;
    switch (dice(8)) {
    case 0:
        break; // lost on the way
    case 1:
    case 2:
        fly(offset);
        break;
    case 3:
        fly(offset); // and now as well
        // fall through
    default:
        if (fake_is_subscribed(model.f.fake, ROOM)) {
            fake_deliver_stored(model.f.fake, ROOM, offset);
        }
    }
}

static void land(void) {
    uint64_t *place = &model.flying[dice(FLYING)];
    if (*place && fake_is_subscribed(model.f.fake, ROOM)) {
        fake_deliver_stored(model.f.fake, ROOM, *place);
        *place = 0;
    }
}

static void answer_read(void) {
    struct fake_call *call = fake_held(model.f.fake, FAKE_HISTORY, NULL);
    if (!call) {
        return;
    }
    if (model.f.fake->down || call->session != model.f.fake->session) {
        fake_complete(model.f.fake, call, WSHUB_UNAVAILABLE);
    } else {
        fake_complete(model.f.fake, call, model.is_rough && dice(10) == 0 ? WSHUB_TIMEOUT : WSHUB_OK);
    }
}

static void flap(void) {
    static const enum wshub_link_state states[] = {WSHUB_LINK_UP, WSHUB_LINK_RESUBSCRIBED};
    if (!model.f.fake->down) {
        memset(model.flying, 0, sizeof model.flying);
        fake_link(model.f.fake, WSHUB_LINK_DOWN, "flap");
        while (model.f.fake->held) {
            fake_complete(model.f.fake, model.f.fake->held, WSHUB_UNAVAILABLE);
        }
    } else {
        fake_link(model.f.fake, states[dice(2)], NULL);
    }
}

static void lose(void) {
    const char *channel = dice(2) ? ROOM : "";
    if (!model.f.fake->down) {
        model.f.fake->host->lose(model.f.fake->host->self, (struct wshub_bytes){channel, strlen(channel)});
    }
}

static void forget(void) {
    const struct published *published = &model.epochs[model.epoch];
    if (model.is_rough && published->count > 0 && dice(4) == 0) {
        unsigned keeps = dice(6);
        uint64_t oldest = published->count > keeps ? published->offsets[published->count - 1 - keeps] : 0;
        fake_trim(model.f.fake, ROOM, oldest + (keeps == 0));
    }
}

static void begin_epoch(void) {
    char name[16];
    if (model.is_rough && model.epoch + 1 < EPOCHS && dice(20) == 0) {
        memset(model.flying, 0, sizeof model.flying);
        name_epoch(name, ++model.epoch);
        fake_begin_epoch(model.f.fake, ROOM, name);
    }
}

// ---- what people do

static bool is_there(unsigned worker) {
    return model.claims[worker] && model.claims[worker]->answers > 0;
}

// Their connections come from anywhere: not everybody is at the same worker again.
static void arrive(struct person *person) {
    person->worker = dice(WORKERS);
    if (!model.claims[person->worker]) {
        model.claims[person->worker] =
            come_to(&model.f, person->worker, ROOM, &model.positions[person->worker]);
    }
    if (!is_there(person->worker) || model.claims[person->worker]->status != WSHUB_OK) {
        return;
    }
    char epoch[EPOCH_MAX + 1];
    snprintf(epoch, sizeof epoch, "%.*s", (int)person->at.epoch_length, person->at.epoch);
    person->reader = reader_new(&model.f, model.claims[person->worker], epoch, person->at.offset);
    person->reader->most = dice(3);
}

static void depart(struct person *person) {
    if (person->reader && !person->reader->is_asked) {
        reader_free(person->reader);
        person->reader = NULL;
    }
}

// One that came without a position begins where it was told that it stands.
static void look_after(struct person *person) {
    struct reader *reader = person->reader;
    if (reader && !reader->is_asked && !reader->is_live) { // it was refused
        reader_free(reader);
        person->reader = NULL;
    }
}

static bool is_wanted(unsigned worker) {
    for (size_t i = 0; i < PEOPLE; i++) {
        if (model.people[i].reader && model.people[i].worker == worker) {
            return true;
        }
    }
    return false;
}

static void look_after_claims(void) {
    for (unsigned i = 0; i < WORKERS; i++) {
        struct claim *claim = model.claims[i];
        if (claim && claim->answers > 0 && claim->status != WSHUB_OK) {
            drop(claim);
            model.claims[i] = NULL;
        } else if (is_there(i) && !is_wanted(i) && dice(10) == 0) {
            leave(claim);
            model.claims[i] = NULL;
        }
    }
}

static void move(void) {
    struct person *person = &model.people[dice(PEOPLE)];
    (person->reader ? depart : arrive)(person);
}

// ---- the play

static void act(void) {
    static void (*const deeds[])(void) = {
        publish, publish, publish, publish,     publish,     land,        land,        move,       move,
        move,    move,    forget,  begin_epoch, answer_read, answer_read, answer_read, answer_read};
    unsigned which = dice(60);
    if (which == 0) {
        flap();
    } else if (which == 1) {
        lose();
    } else {
        deeds[dice(sizeof deeds / sizeof *deeds)]();
    }
    for (size_t i = 0; i < PEOPLE; i++) {
        look_after(&model.people[i]);
    }
    look_after_claims();
}

static bool all_have_all(void *context) {
    bool all = true;
    (void)context;
    while (fake_held(model.f.fake, FAKE_HISTORY, NULL)) {
        fake_complete(model.f.fake, model.f.fake->held, WSHUB_OK);
    }
    for (size_t i = 0; i < PEOPLE; i++) {
        struct person *person = &model.people[i];
        look_after(person);
        if (!person->reader) {
            arrive(person);
        }
        all &= person->reader && person->reader->is_live && epoch_of(&person->at) == model.epoch &&
               next_after(&person->at) == 0;
    }
    look_after_claims();
    return all;
}

static void go_home(void) {
    for (size_t i = 0; i < PEOPLE; i++) {
        depart(&model.people[i]);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        if (model.claims[i]) {
            leave(model.claims[i]);
        }
    }
    run_rounds(model.f.loop);
    tear_down(&model.f);
}

static void play(uint64_t seed, const char *plugin, bool is_rough, bool is_sparse) {
    print_message("seed %llu, %s%s%s (WSHUB_TEST_SEED repeats it)\n", (unsigned long long)seed, plugin,
                  is_rough ? ", rough" : "", is_sparse ? ", sparse" : "");
    memset(&model, 0, sizeof model);
    model.random = seed;
    model.is_rough = is_rough;
    set_up_histories_of(&model.f, plugin, "recovery: {check: 100ms, memory: 1MiB, reads: 2}\n");
    model.f.fake->is_sparse = is_sparse;
    fake_begin_epoch(model.f.fake, ROOM, "e0");
    fake_behave(model.f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    reader_told = on_told;
    for (size_t i = 0; i < PEOPLE; i++) {
        position_set(&model.people[i].at, (struct span){"e0", 2}, 0);
    }
    for (int step = 0; step < STEPS; step++) {
        model.f.config.unsubscribe_linger = dice(2) * LONG;
        act();
        if (dice(3) > 0) {
            run_rounds(model.f.loop);
        }
    }
    if (model.f.fake->down) {
        flap();
    }
    run_until(model.f.loop, all_have_all, NULL);
    print_message("%u messages were received, %u losses told\n", model.received, model.lost);
    assert_true(model.received > 0);
    if (!is_rough && !is_sparse) {
        assert_int_equal(model.lost, 0);
    }
    go_home();
    reader_told = NULL;
}

static void everybody_has_each_message_once_or_is_told(void **state) {
    const char *seed = getenv("WSHUB_TEST_SEED");
    uint64_t seeds[] = {1, random_u64() | 1};
    size_t count = sizeof seeds / sizeof *seeds;
    (void)state;
    if (seed) {
        seeds[0] = strtoull(seed, NULL, 10) | 1;
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        play(seeds[i], "dense", false, false);
        play(seeds[i], "dense", true, false);
        play(seeds[i], "keeper", false, false);
        play(seeds[i], "keeper", true, true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(everybody_has_each_message_once_or_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
