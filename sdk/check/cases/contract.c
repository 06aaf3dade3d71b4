// SPDX-License-Identifier: MIT
// What a hub may rely on, whatever the broker: life and death of an instance, tokens, lent memory, the hub
// thread's time. The host of the peers looks at every call; these cases give it something to look at.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "asking.h"
#include "broker/relay.h"
#include "cases/duty.h"
#include "cases/process.h"
#include "cases/shown.h"
#include "check_priv.h"
#include "plugin/options.h"

// ---- open and close ----

enum { OPENS_FIRST = 10, OPENS = 100, LATE_MS = 150 };

static bool never(void *context) {
    (void)context;
    return false;
}

// What a thread that was left behind still says, it says in this time.
static void listen_for_late(struct check *check) {
    check_wait(check, never, NULL, LATE_MS);
}

static void open_often(struct check *check, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        peer_close(peer_open(check));
    }
}

static void run_opens(struct check *check) {
    open_often(check, OPENS_FIRST);
    struct process_use before = process_use();
    open_often(check, OPENS - OPENS_FIRST);
    process_settle(before.threads);
    struct process_use after = process_use();
    listen_for_late(check);
    process_compare(check, &before, &after, OPENS - OPENS_FIRST, "open and close");
}

static void run_opens_again(struct check *check) {
    for (unsigned i = 0; i < 3; i++) {
        struct peer *peer = peer_open(check);
        duty_do(peer, i == 0 ? "opened" : "opened again after close");
        peer_close(peer);
    }
}

// A hub that is stopped while it starts.
static void run_closes_early(struct check *check) {
    for (unsigned i = 0; i < OPENS; i++) {
        peer_close(peer_open_with(check, &(struct peer_settings){.at_once = true}));
    }
    listen_for_late(check);
    struct peer *peer = peer_open(check);
    duty_do(peer, "opened after 100 that were closed before their link was up");
    peer_close(peer);
}

// A channel that both have subscribed, or had.
static void expect_still_heard(struct check *check, struct peer *peer, struct wshub_bytes channel,
                               const char *when) {
    struct wshub_message message = message_of(channel, "{\"still\":true}");
    peer_forget(peer);
    duty_expect(check, peer_publish(peer, &message), "publish", when);
    if (!peer_wait_arrivals(peer, 1, 5000)) {
        check_fail(check, "%s, and a message on a channel that the first has subscribed did not arrive",
                   when);
    }
    peer_forget(peer);
}

static void run_two_at_once(struct check *check) {
    struct peer *one = peer_open(check), *two = peer_open(check);
    struct wshub_bytes both = check_channel(check, "both");
    duty_do(one, "two instances are open, the first");
    duty_do(two, "two instances are open, the second");
    duty_expect(check, peer_subscribe(one, both), "subscribe", "the first of two instances");
    duty_expect(check, peer_subscribe(two, both), "subscribe", "the second of two instances");
    duty_expect(check, peer_unsubscribe(two, both), "unsubscribe", "the second of two instances");
    expect_still_heard(check, one, both, "the second instance has unsubscribed");
    duty_expect(check, peer_subscribe(two, both), "subscribe", "the second of two instances, again");
    peer_close(two);
    expect_still_heard(check, one, both, "the second instance was closed");
    duty_expect(check, peer_unsubscribe(one, both), "unsubscribe", "the first of two instances");
    duty_do(one, "the second instance was closed, the first");
    two = peer_open(check);
    duty_do(two, "the second instance was opened again");
    peer_close(one);
    duty_do(two, "the first instance was closed, the second");
    peer_close(two);
}

// ---- an open that fails ----

// The first option that check refuses when it has this value: NULL, there is none.
static const char *find_refused(struct check *check, const char *value) {
    const struct wshub_plugin *plugin = check_plugin(check);
    for (uint32_t i = 0; i < plugin->option_count; i++) {
        struct buf errors = {0};
        struct asked asked = {0};
        struct options *options = asking_options(check, plugin->options[i].name, value, &errors);
        if (options) {
            asking_check(check, options, 0, &asked);
        }
        bool refused = asked.refused > 0 && strcmp(asked.option, plugin->options[i].name) == 0;
        asked_free(&asked);
        options_free(options);
        buf_free(&errors);
        if (refused) {
            return plugin->options[i].name;
        }
    }
    return NULL;
}

static void open_refused(struct check *check, unsigned times, const char *name, const char *value) {
    for (unsigned i = 0; i < times; i++) {
        struct peer *peer = peer_open_with(
            check, &(struct peer_settings){
                       .option = name, .value = value, .expects_failure = true, .expects_down = true});
        if (peer) { // it tells by its link: no worse
            peer_close(peer);
        }
    }
}

static void run_refused_open(struct check *check) {
    static const char *const values[] = {"://", "no address at all", "", "\x01\x02"};
    const char *name = NULL;
    size_t i;
    for (i = 0; i < sizeof values / sizeof *values && !(name = find_refused(check, values[i])); i++) {
    }
    if (!name) {
        check_skip(check, "its check refuses no option, so that open has none to refuse");
    }
    open_refused(check, 2, name, values[i]);
    struct process_use before = process_use();
    open_refused(check, 20, name, values[i]);
    process_settle(before.threads);
    struct process_use after = process_use();
    process_compare(check, &before, &after, 20, "open with an option that is refused");
}

// ---- tokens ----

enum { FLIGHT = 300 };

static struct wshub_message numbered(struct wshub_bytes channel, char *payload, size_t size,
                                     unsigned number) {
    snprintf(payload, size, "{\"number\":%u}", number);
    return message_of(channel, payload);
}

static void start_flight(struct check *check, struct peer *peer) {
    struct wshub_bytes channel = check_channel(check, "flight");
    for (unsigned i = 0; i < FLIGHT; i++) {
        char payload[40];
        struct wshub_message message = numbered(channel, payload, sizeof payload, i);
        peer_fire_subscribe(peer, duty_channel(check, "flight", i));
        peer_fire_publish(peer, &message);
    }
}

static void expect_idle(struct check *check, struct peer *peer, const char *what) {
    if (!peer_wait_idle(peer, 10000)) {
        check_fail(check, "%zu %s were never completed", peer_in_flight(peer), what);
    }
}

// The host finds what is completed twice, or never asked for.
static void run_completes(struct check *check) {
    struct peer *peer = peer_open(check);
    duty_expect(check, peer_subscribe(peer, check_channel(check, "flight")), "subscribe",
                "before the flight");
    start_flight(check, peer);
    expect_idle(check, peer, "of 300 subscribes and 300 publishes, started at once,");
    for (unsigned i = 0; i < FLIGHT; i++) {
        peer_fire_unsubscribe(peer, duty_channel(check, "flight", i));
    }
    expect_idle(check, peer, "of 300 unsubscribes, started at once,");
    duty_do(peer, "after 900 calls that were started at once");
    if (peer_failed(peer) > 0) {
        check_fail(check, "%llu of 900 calls, started at once, were answered with an error",
                   (unsigned long long)peer_failed(peer));
    }
    peer_close(peer);
    listen_for_late(check);
}

// Each verb for itself, so that a plugin whose verbs differ has all of them looked at.
static void run_answers(struct check *check) {
    struct peer *peer = peer_open(check);
    for (int i = 0; i < 20; i++) {
        duty_do(peer, "one call after the other");
        duty_kept(peer, "one call after the other");
    }
    char *value = NULL;
    if (check_can(check, WSHUB_BROKER_REGISTRY) &&
        peer_registry_get(peer, "kit:no-such-key", &value) != WSHUB_NOT_FOUND) {
        check_fail(check, "registry_get of a key that nobody has set: expected WSHUB_NOT_FOUND");
    }
    peer_close(peer);
    listen_for_late(check);
}

// A hub asks again after a timeout, not knowing what became of the first.
static void run_repeats(struct check *check) {
    struct peer *peer = peer_open(check);
    struct wshub_bytes channel = check_channel(check, "repeats");
    struct wshub_message message = message_of(channel, "{\"once\":true}");
    for (int i = 0; i < 3; i++) {
        duty_expect(check, peer_subscribe(peer, channel), "subscribe", i == 0 ? "first" : "repeated");
    }
    duty_expect(check, peer_publish(peer, &message), "publish", "subscribed three times");
    if (!peer_wait_arrivals(peer, 1, 5000)) {
        check_fail(check,
                   "a channel was subscribed three times, and nothing that is published to it arrives");
    }
    peer_fence(peer, peer);
    if (peer_arrivals(peer)->count != 1) {
        check_fail(check, "a channel was subscribed three times, and a message arrives %zu times",
                   peer_arrivals(peer)->count);
    }
    for (int i = 0; i < 3; i++) {
        duty_expect(check, peer_unsubscribe(peer, channel), "unsubscribe",
                    i == 0 ? "first" : "repeated, what is not subscribed any more");
    }
    duty_expect(check, peer_unsubscribe(peer, check_channel(check, "never")), "unsubscribe",
                "what never was subscribed");
    peer_close(peer);
}

// ---- close with work in flight ----

static void run_closes_in_flight(struct check *check) {
    for (unsigned i = 0; i < 5; i++) {
        struct peer *peer = peer_open(check);
        start_flight(check, peer);
        if (i % 2 == 1) { // some of it has come back
            peer_wait_arrivals(peer, 1, 20);
        }
        peer_close(peer);
        listen_for_late(check);
    }
    struct peer *peer = peer_open(check);
    duty_do(peer, "opened after five that were closed with work in flight");
    peer_close(peer);
}

// ---- lent memory ----

static bool is_same(const char *data, size_t length, struct wshub_bytes bytes) {
    return length == bytes.length && memcmp(data, bytes.data, length) == 0;
}

static const struct arrival *find_arrival(const struct arrivals *arrivals, struct wshub_bytes channel) {
    for (size_t i = 0; i < arrivals->count; i++) {
        if (is_same(arrivals->items[i].channel, arrivals->items[i].channel_length, channel)) {
            return &arrivals->items[i];
        }
    }
    return NULL;
}

static void expect_whole(struct check *check, const struct arrivals *arrivals, struct wshub_bytes channel,
                         const char *payload, const char *sender) {
    const struct arrival *arrival = find_arrival(arrivals, channel);
    if (!arrival) {
        check_fail(
            check,
            "a message was published on %s, and came for %s: the channel is lent until the slot returns",
            shown_bytes(channel).text, shown_bytes(bytes_of(arrivals->items[0].channel)).text);
    }
    if (!is_same(arrival->payload, arrival->payload_length, bytes_of(payload))) {
        check_fail(check, "%s was published, %s arrived: the payload is lent until the slot returns", payload,
                   shown_bytes((struct wshub_bytes){arrival->payload, arrival->payload_length}).text);
    }
    if (strcmp(arrival->sender, sender) != 0 || strcmp(arrival->exclude, sender) != 0) {
        check_fail(check,
                   "sender and exclude were \"%s\", %s and %s arrived: they are lent until the slot returns",
                   sender, shown_bytes(bytes_of(arrival->sender)).text,
                   shown_bytes(bytes_of(arrival->exclude)).text);
    }
}

enum { LENT = 64 };

static void lend_all(struct check *check, bool strict) {
    struct peer *peer = peer_open(check);
    peer_set_strict(peer, strict);
    char names[LENT][16], payloads[LENT][32];
    struct wshub_bytes channels[LENT];
    for (unsigned i = 0; i < LENT; i++) {
        channels[i] = duty_channel(check, "lent", i);
        snprintf(names[i], sizeof names[i], "sender-%u", i);
        snprintf(payloads[i], sizeof payloads[i], "{\"lent\":%u}", i);
        peer_fire_subscribe(peer, channels[i]);
    }
    expect_idle(check, peer, "of 64 subscribes");
    for (unsigned i = 0; i < LENT; i++) {
        struct wshub_message message = message_of(channels[i], payloads[i]);
        message.sender = message.exclude = bytes_of(names[i]);
        peer_fire_publish(peer, &message);
    }
    expect_idle(check, peer, "of 64 publishes");
    if (peer_failed(peer) > 0 || !peer_wait_arrivals(peer, LENT, 5000)) {
        check_fail(check, "64 messages on 64 channels: %llu calls failed, %zu messages arrived",
                   (unsigned long long)peer_failed(peer), peer_arrivals(peer)->count);
    }
    for (unsigned i = 0; i < LENT; i++) {
        expect_whole(check, peer_arrivals(peer), channels[i], payloads[i], names[i]);
    }
    duty_registry(peer, "keys and values were lent");
    peer_close(peer);
}

// What was lent is overwritten: whoever kept it, tells something else.
static void run_lent(struct check *check) {
    lend_all(check, false);
}

// What was lent is taken away: whoever looks at it crashes, though he tells nobody.
static void run_lent_strictly(struct check *check) {
    lend_all(check, true);
}

// ---- nothing stays ----

enum { CYCLES_FIRST = 10, CYCLES = 50 };

static void cycle(struct check *check, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        struct peer *peer = peer_open(check);
        struct wshub_bytes channel = duty_channel(check, "cycle", i % 5);
        duty_expect(check, peer_subscribe(peer, channel), "subscribe", "open again and again");
        for (unsigned number = 0; number < 20; number++) {
            char payload[40];
            struct wshub_message message = numbered(channel, payload, sizeof payload, number);
            peer_fire_publish(peer, &message);
        }
        if (!peer_wait_arrivals(peer, 20, 5000)) {
            check_fail(check, "opened %u times: 20 messages were published, %zu arrived", i + 1,
                       peer_arrivals(peer)->count);
        }
        duty_registry(peer, "open again and again");
        peer_forget(peer);
        peer_close(peer); // with the channel subscribed: it is the plugin's to forget
    }
}

static void run_leaves_nothing(struct check *check) {
    cycle(check, CYCLES_FIRST);
    struct process_use before = process_use();
    cycle(check, CYCLES - CYCLES_FIRST);
    process_settle(before.threads);
    struct process_use after = process_use();
    process_compare(check, &before, &after, CYCLES - CYCLES_FIRST, "open, traffic and close");
}

// Of an instance that stays open as long as a hub does.
static void use_often(struct check *check, struct peer *peer, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        duty_do(peer, "again and again");
    }
    expect_idle(check, peer, "calls");
}

// The same channels a second time: a cache of names has them already, a leak takes as much again.
static void run_grows_not(struct check *check) {
    enum { TIMES = 200 };
    struct peer *peer = peer_open(check);
    use_often(check, peer, 50);
    const uint64_t random = check->random;
    struct process_use before = process_use();
    use_often(check, peer, TIMES);
    struct process_use after = process_use();
    if (after.blocks >= before.blocks + TIMES) {
        check_warn(check,
                   "%zu blocks of memory more (%zu bytes) after %d channels that were new: if that is a "
                   "cache, it needs an end",
                   after.blocks - before.blocks, after.bytes - before.bytes, TIMES);
        check->random = random;
        before = after;
        use_often(check, peer, TIMES);
        after = process_use();
    }
    process_compare(check, &before, &after, TIMES, "subscribe, publish, receive, unsubscribe");
    peer_close(peer);
}

// ---- the hub thread's time ----

enum { MANY = 1000, LARGE = 64 * 1024, LARGE_MESSAGES = 200 };

static char *large_payload(struct check *check) {
    char *payload = malloc(LARGE + 1);
    if (!payload) {
        check_fail(check, "the kit has no memory left");
    }
    memset(payload, 'x', LARGE);
    payload[LARGE] = '\0';
    return payload;
}

// The host stops the time of every slot and callback.
static void run_does_not_block(struct check *check) {
    struct peer *peer = peer_open(check);
    for (unsigned i = 0; i < MANY; i++) {
        peer_fire_subscribe(peer, duty_channel(check, "many", i));
    }
    expect_idle(check, peer, "of 1000 subscribes");
    char *payload = large_payload(check);
    uint64_t most = check_broker(check)->max_payload;
    payload[most && most < LARGE ? most : LARGE] = '\0';
    for (unsigned i = 0; i < LARGE_MESSAGES; i++) {
        struct wshub_message message = message_of(duty_channel(check, "many", i), payload);
        peer_fire_publish(peer, &message);
    }
    expect_idle(check, peer, "of 200 publishes of 64 KiB");
    peer_wait_arrivals(peer, LARGE_MESSAGES, 5000);
    duty_registry(peer, "with 1000 channels");
    for (unsigned i = 0; i < MANY; i++) {
        peer_fire_unsubscribe(peer, duty_channel(check, "many", i));
    }
    expect_idle(check, peer, "of 1000 unsubscribes");
    free(payload);
    peer_close(peer);
    check_figure(check, "slowest", check->stopwatch.slowest, "ms");
}

// A broker that refuses connections, and one that takes them and says nothing.
static void run_does_not_block_alone(struct check *check) {
    struct relay *relay = relay_start(check);
    relay_refuse(relay);
    peer_close(peer_open_with(check, &(struct peer_settings){.expects_down = true}));
    relay_freeze(relay);
    struct peer *peer = peer_open_with(check, &(struct peer_settings){.at_once = true});
    check_wait(check, never, NULL, 500);
    peer_close(peer);
    relay_heal(relay);
    peer = peer_open(check);
    duty_do(peer, "the broker is there again");
    relay_freeze(relay);
    start_flight(check, peer);
    check_wait(check, never, NULL, 300);
    peer_close(peer);
    check_figure(check, "slowest", check->stopwatch.slowest, "ms");
}

enum { REST_MS = 1000, CALLBACKS = 500, BUSY_PERCENT = 20 };

static uint64_t cpu_of_process(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// A timer that starts itself anew, a watch of what is always ready, a thread that looks instead of waiting:
// none of them blocks, and all of them keep a processor busy for nothing.
static void run_rests(struct check *check) {
    struct peer *peer = peer_open(check);
    duty_do(peer, "before it rests");
    duty_expect(check, peer_subscribe(peer, check_channel(check, "rest")), "subscribe", "before it rests");
    const uint64_t laps = check->stopwatch.laps, cpu = cpu_of_process();
    check_wait_exactly(check, never, NULL, REST_MS);
    const unsigned long long callbacks = check->stopwatch.laps - laps;
    const uint64_t percent = (cpu_of_process() - cpu) / (REST_MS * UINT64_C(10000));
    check_figure(check, "callbacks", (double)callbacks, "in a second");
    check_figure(check, "CPU", (double)percent, "%");
    if (callbacks > CALLBACKS) {
        check_fail(check, "%llu callbacks in a second in which nothing was to do, at most %d are expected",
                   callbacks, CALLBACKS);
    }
    if (percent >= BUSY_PERCENT) {
        check_fail(check,
                   "%llu %% of a CPU were used in a second in which nothing was to do: wait, do not ask",
                   (unsigned long long)percent);
    }
    peer_close(peer);
}

const struct check_case cases_contract[] = {
    {"opens-and-closes", "opened and closed 100 times, nothing stays, and nothing is said afterwards",
     run_opens, 0, 0, 60},
    {"opens-again", "can be opened again after close, and works", run_opens_again, 0, 0, 0},
    {"closes-early", "can be closed right after open, before its link is up", run_closes_early, 0, 0, 60},
    {"two-at-once", "two instances of it do not know each other", run_two_at_once, 0, 0, 0},
    {"refused-open", "an open that refuses its options keeps nothing", run_refused_open, 0, 0, 0},
    {"completes-once", "each of hundreds of calls at once is completed, once", run_completes, 0, 0, 60},
    {"answers-each-verb", "each verb is answered as the contract says, by the right thread", run_answers, 0,
     0, 60},
    {"takes-repeats", "repeated subscribes and unsubscribes are answered like the first", run_repeats, 0, 0,
     0},
    {"closes-in-flight", "close with work in flight returns in time, and nothing is said afterwards",
     run_closes_in_flight, 0, 0, 60},
    {"copies-what-is-lent", "what a slot is given may change as soon as it has returned", run_lent, 0, 0, 0},
    {"keeps-nothing-lent", "and is not looked at any more: it is gone, and looking is a crash",
     run_lent_strictly, 0, 0, 0},
    {"leaves-nothing", "no descriptor, thread or memory stays from 50 lives with traffic", run_leaves_nothing,
     0, 0, 60},
    {"does-not-grow", "an instance that is used for long takes no more memory", run_grows_not, 0, 0, 60},
    {"does-not-block", "no slot or callback keeps the hub thread for 5 ms", run_does_not_block, 0, 0, 60},
    {"does-not-block-alone", "nor without a broker that answers", run_does_not_block_alone, 0, NEEDS_RELAY,
     60},
    {"rests", "an idle instance leaves the CPU alone", run_rests, 0, 0, 0},
    {0},
};
