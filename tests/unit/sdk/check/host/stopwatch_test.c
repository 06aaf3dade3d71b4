// SPDX-License-Identifier: MIT
// How long the plugin kept the hub thread: what sleeps and what computes is told, what is short is not, and
// what the kit did itself does not count.
#include "check_case_fixture.h"

#include <time.h>

#include "host/peer_priv.h"

static void sleep_for(long milliseconds) {
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, NULL);
}

static void compute_for(long milliseconds) {
    struct timespec now;
    uint64_t end = 0;
    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        uint64_t ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        end = end ? end : ns + (uint64_t)milliseconds * 1000000;
        if (ns >= end) {
            return;
        }
    } while (true);
}

static void visit_slowly(struct check *check, void (*fn)(long milliseconds), long milliseconds, int times) {
    struct peer *peer = peer_open(check);
    for (int i = 0; i < times; i++) {
        struct visit visit = visit_begin(peer, "publish", VISIT_LIMIT);
        fn(milliseconds);
        visit_end(peer, &visit);
    }
}

static void sleeps_long(struct check *check) {
    visit_slowly(check, sleep_for, 400, 1);
}

static void sleeps_often(struct check *check) {
    visit_slowly(check, sleep_for, 30, 3);
}

static void sleeps_once(struct check *check) {
    visit_slowly(check, sleep_for, 30, 1);
}

static void sleeps_little(struct check *check) {
    visit_slowly(check, sleep_for, 1, 20);
}

static void computes_long(struct check *check) {
    visit_slowly(check, compute_for, 400, 1);
}

// What would be too long otherwise.
static void carries_much(struct check *check) {
    check_carries(check, (size_t)1000 << 20);
    visit_slowly(check, compute_for, 30, 3);
}

static void carries_little(struct check *check) {
    check_carries(check, 65536);
    visit_slowly(check, compute_for, 30, 3);
}

// The time of a service is the kit's, whatever the service does.
static void is_served_long(struct check *check) {
    struct peer *peer = peer_open(check);
    struct service service;
    struct visit visit = visit_begin(peer, "publish", VISIT_LIMIT);
    assert_true(service_begin(&service, peer, "log", ANY_THREAD));
    compute_for(400);
    service_end(&service);
    visit_end(peer, &visit);
}

static const struct {
    void (*run)(struct check *check);
    enum verdict verdict;
    const char *text;
} visits[] = {
    {sleeps_long, VERDICT_FAIL, "publish blocked the hub thread for 4"},
    {sleeps_often, VERDICT_FAIL, "publish blocked the hub thread for 3"},
    {sleeps_once, VERDICT_PASS, ""},
    {sleeps_little, VERDICT_PASS, ""},
    {computes_long, VERDICT_FAIL, "publish kept the hub thread for 4"},
    {carries_much, VERDICT_PASS, ""},
    {carries_little, VERDICT_FAIL, "publish kept the hub thread for 3"},
    {is_served_long, VERDICT_PASS, ""},
};

static void tells_what_was_slow(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof visits / sizeof *visits; i++) {
        struct outcome *outcome = run_case(visits[i].run);
        expect_outcome(outcome, visits[i].verdict, visits[i].text);
        outcome_free(outcome);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tells_what_was_slow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
