// SPDX-License-Identifier: MIT
// Names map one to one: each is subscribed at the same time as all that it could be taken for, gets one
// message, and must get just that, under just its own name.
#include "cases/expect.h"
#include "cases/names.h"
#include "cases/pair.h"
#include "cases/shown.h"
#include "cases/tally.h"

enum { WINDOW = 500, PATIENCE = 10000 };

typedef void (*family_fn)(struct names *names);

static struct names settled(struct check *check, const family_fn *families, size_t count) {
    struct names names = {0};
    for (size_t i = 0; i < count; i++) {
        families[i](&names);
    }
    names_settle(&names);
    if (names.failed) {
        check_fail(check, "the kit has no memory for its names: this says nothing of the plugin");
    }
    return names;
}

// One after the other would take a round trip each; a handle each, because the verdict names the name.
static void subscribe_all(struct peer *peer, const struct wshub_bytes *names, size_t count) {
    struct check *check = peer_check(peer);
    peer_call calls[WINDOW];
    for (size_t done = 0; done < count; done += WINDOW) {
        size_t batch = count - done < WINDOW ? count - done : WINDOW;
        for (size_t i = 0; i < batch; i++) {
            calls[i] = peer_start_subscribe(peer, names[done + i]);
            expect_status(check, WSHUB_OK, calls[i] ? WSHUB_OK : peer_refused(peer), "subscribe to %s",
                          shown_bytes(names[done + i]).text);
        }
        for (size_t i = 0; i < batch; i++) {
            expect_status(check, WSHUB_OK, peer_finish(peer, calls[i]), "subscribe to %s",
                          shown_bytes(names[done + i]).text);
        }
    }
}

static void publish_each(struct tally *tally, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tally_publish(tally, i);
    }
    tally_judge(tally);
}

static void run_family(struct check *check, family_fn family) {
    struct names names = settled(check, &family, 1);
    struct pair pair = pair_open(check);
    struct tally *tally = tally_new(check, names.count);
    for (size_t i = 0; i < names.count; i++) {
        tally_add_lane(tally, pair.from, names.items[i]);
    }
    tally_hears_all(tally, tally_add_receiver(tally, pair.to));
    subscribe_all(pair.to, names.items, names.count);
    publish_each(tally, names.count);
    tally_free(tally);
    check_figure(check, "subscribed", (double)names.count, "names");
    names_free(&names);
}

static void ascii(struct check *check) {
    run_family(check, names_add_ascii);
}

static void wildcards(struct check *check) {
    run_family(check, names_add_wildcards);
}

static void prefixes(struct check *check) {
    run_family(check, names_add_prefixes);
}

static void unicode(struct check *check) {
    run_family(check, names_add_unicode);
}

static void lengths(struct check *check) {
    run_family(check, names_add_long);
}

static void escapes(struct check *check) {
    run_family(check, names_add_escapes);
}

// Brings those that are subscribed to the front, by the seed. Returns how many they are.
static size_t choose_half(struct check *check, struct names *names) {
    size_t half = names->count / 2;
    for (size_t i = 0; i < half; i++) {
        size_t other = i + check_random(check) % (names->count - i);
        struct wshub_bytes swap = names->items[i];
        names->items[i] = names->items[other];
        names->items[other] = swap;
    }
    return half;
}

// Of all families together a half is subscribed, and messages go to all.
static void half(struct check *check) {
    static const family_fn all[] = {names_add_ascii,   names_add_wildcards, names_add_prefixes,
                                    names_add_unicode, names_add_long,      names_add_escapes};
    struct names names = settled(check, all, sizeof all / sizeof all[0]);
    struct pair pair = pair_open(check);
    struct tally *tally = tally_new(check, names.count);
    size_t count = choose_half(check, &names);
    for (size_t i = 0; i < names.count; i++) {
        tally_add_lane(tally, pair.from, names.items[i]);
    }
    size_t receiver = tally_add_receiver(tally, pair.to);
    for (size_t i = 0; i < count; i++) {
        tally_hears(tally, receiver, i);
    }
    subscribe_all(pair.to, names.items, count);
    publish_each(tally, names.count);
    tally_free(tally);
    names_free(&names);
}

// The rest goes on as if the others had never been.
static void unsubscribed(struct check *check) {
    static const family_fn families[] = {names_add_wildcards, names_add_prefixes, names_add_unicode};
    struct names names = settled(check, families, sizeof families / sizeof families[0]);
    struct pair pair = pair_open(check);
    struct tally *tally = tally_new(check, names.count);
    size_t count = choose_half(check, &names);
    subscribe_all(pair.to, names.items, names.count);
    for (size_t i = 0; i < names.count; i++) {
        tally_add_lane(tally, pair.from, names.items[i]);
        if (i >= count) {
            expect_unsubscribed(pair.to, names.items[i]);
        }
    }
    size_t receiver = tally_add_receiver(tally, pair.to);
    for (size_t i = 0; i < count; i++) {
        tally_hears(tally, receiver, i);
    }
    publish_each(tally, names.count);
    tally_free(tally);
    names_free(&names);
}

const struct check_case cases_names[] = {
    {"names-ascii", "every printable character, blanks too, alone and at each place", ascii, 0, 0, 0},
    {"names-wildcards", "patterns and separators of brokers are letters like others", wildcards, 0, 0, 0},
    {"names-prefixes", "names that begin with another, or differ in case only", prefixes, 0, 0, 0},
    {"names-unicode", "names of any script, and those that only look the same", unicode, 0, 0, 0},
    {"names-long", "up to 255 bytes, different in the first or the last only", lengths, 0, 0, 0},
    {"names-escapes", "names that look like another name escaped", escapes, 0, 0, 0},
    {"names-half", "half of all these subscribed: nothing comes for the others", half, 0, 0, 0},
    {"names-unsubscribed", "an unsubscribe ends one name, and leaves its neighbours", unsubscribed, 0, 0, 0},
    {0},
};
