// SPDX-License-Identifier: MIT
// The loop under the peers: one callback at a time, nobody starved, mails in their threads' order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "host/reactor.h"

static char heard[64]; // a letter for each callback

static void hear(char letter) {
    size_t length = strlen(heard);
    assert_true(length + 1 < sizeof heard);
    heard[length] = letter;
}

static int setup(void **state) {
    memset(heard, 0, sizeof heard);
    *state = reactor_new();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    reactor_free(*state);
    return 0;
}

static uint64_t in(uint64_t milliseconds) {
    return check_now() + milliseconds * 1000000;
}

// ---- timers ----

struct lettered {
    struct reactor_timer timer;
    char letter;
};

static void on_timer(struct reactor_timer *timer) {
    hear(((struct lettered *)(void *)timer)->letter);
}

static void timers_come_in_the_order_of_their_times(void **state) {
    struct lettered a = {{.fn = on_timer}, 'a'}, b = {{.fn = on_timer}, 'b'}, c = {{.fn = on_timer}, 'c'};
    reactor_timer_start(*state, &c.timer, in(3));
    reactor_timer_start(*state, &a.timer, in(500));
    reactor_timer_start(*state, &b.timer, in(2));
    reactor_timer_start(*state, &a.timer, in(1)); // anew
    for (int i = 0; i < 3; i++) {
        assert_true(reactor_step(*state, in(5000)));
    }
    assert_string_equal(heard, "abc");
    assert_false(reactor_step(*state, in(0)));
}

static void a_timer_that_was_stopped_does_not_come(void **state) {
    struct lettered a = {{.fn = on_timer}, 'a'}, b = {{.fn = on_timer}, 'b'};
    reactor_timer_start(*state, &a.timer, in(0));
    reactor_timer_start(*state, &b.timer, in(1));
    reactor_timer_stop(*state, &a.timer);
    reactor_timer_stop(*state, &a.timer);
    assert_true(reactor_step(*state, in(5000)));
    assert_string_equal(heard, "b");
}

static void nothing_comes_before_its_time(void **state) {
    struct lettered a = {{.fn = on_timer}, 'a'};
    uint64_t due = in(20);
    reactor_timer_start(*state, &a.timer, due);
    assert_true(reactor_step(*state, in(5000)));
    assert_true(check_now() >= due);
}

// ---- watches ----

struct pipe_end {
    struct reactor_watch watch;
    char letter;
    bool drains;
};

static void on_watch(struct reactor_watch *watch, short events) {
    struct pipe_end *end = (struct pipe_end *)(void *)watch;
    char byte;
    hear(events & POLLNVAL ? '!' : end->letter);
    if (end->drains) {
        assert_int_equal(read(watch->fd, &byte, 1), 1);
    }
    if (events & POLLNVAL) {
        watch->events = 0;
    }
}

static int open_end(struct reactor *reactor, struct pipe_end *end, char letter) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *end = (struct pipe_end){{.fn = on_watch, .fd = ends[0], .events = POLLIN}, letter, false};
    reactor_watch_add(reactor, &end->watch);
    return ends[1];
}

static void close_end(struct reactor *reactor, struct pipe_end *end, int other) {
    reactor_watch_remove(reactor, &end->watch);
    close(end->watch.fd);
    close(other);
}

static void nobody_starves(void **state) {
    struct pipe_end a, b;
    struct lettered timer = {{.fn = on_timer}, 't'};
    int to_a = open_end(*state, &a, 'a'), to_b = open_end(*state, &b, 'b');
    assert_int_equal(write(to_a, "x", 1) + write(to_b, "x", 1), 2); // and never read
    for (int i = 0; i < 12; i++) {
        reactor_timer_start(*state, &timer.timer, in(0)); // as one that starts itself again
        reactor_look_again(*state);
        assert_true(reactor_step(*state, in(5000)));
    }
    assert_non_null(strchr(heard, 'a'));
    assert_non_null(strchr(heard, 'b'));
    assert_non_null(strchr(heard, 't'));
    close_end(*state, &a, to_a);
    close_end(*state, &b, to_b);
}

static void what_was_read_in_between_is_not_told(void **state) {
    struct pipe_end a, b;
    char byte;
    int to_a = open_end(*state, &a, 'a'), to_b = open_end(*state, &b, 'b');
    a.drains = b.drains = true;
    assert_int_equal(write(to_a, "x", 1) + write(to_b, "x", 1), 2);
    assert_true(reactor_step(*state, in(5000))); // one of them; the other one is ready too
    struct pipe_end *other = heard[0] == 'a' ? &b : &a;
    assert_int_equal(read(other->watch.fd, &byte, 1), 1);
    reactor_look_again(*state);
    assert_false(reactor_step(*state, in(0)));
    close_end(*state, &a, to_a);
    close_end(*state, &b, to_b);
}

static void a_closed_descriptor_is_told(void **state) {
    struct pipe_end a;
    int to_a = open_end(*state, &a, 'a');
    close(a.watch.fd);
    assert_true(reactor_step(*state, in(5000)));
    assert_string_equal(heard, "!");
    reactor_watch_remove(*state, &a.watch);
    close(to_a);
}

static void one_that_waits_for_nothing_hears_nothing(void **state) {
    struct pipe_end a;
    int to_a = open_end(*state, &a, 'a');
    a.watch.events = 0;
    assert_int_equal(write(to_a, "x", 1), 1);
    assert_false(reactor_step(*state, in(1)));
    close_end(*state, &a, to_a);
}

// ---- mails ----

struct numbered {
    struct mail mail;
    int number;
};

static int last_number;

static void on_mail(struct mail *mail) {
    struct numbered *it = (struct numbered *)(void *)mail;
    assert_int_equal(it->number, last_number + 1);
    last_number = it->number;
}

enum { MAILS = 1000 };
static struct numbered mails[MAILS];

static void *send(void *reactor) {
    for (int i = 0; i < MAILS; i++) {
        mails[i] = (struct numbered){{.fn = on_mail}, i + 1};
        reactor_mail(reactor, &mails[i].mail);
    }
    return NULL;
}

static void mails_come_in_order_from_another_thread(void **state) {
    pthread_t thread;
    last_number = 0;
    assert_int_equal(pthread_create(&thread, NULL, send, *state), 0);
    while (last_number < MAILS) {
        assert_true(reactor_step(*state, in(10000)));
    }
    pthread_join(thread, NULL);
    assert_false(reactor_step(*state, in(0)));
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(timers_come_in_the_order_of_their_times),
        T(a_timer_that_was_stopped_does_not_come),
        T(nothing_comes_before_its_time),
        T(nobody_starves),
        T(what_was_read_in_between_is_not_told),
        T(a_closed_descriptor_is_told),
        T(one_that_waits_for_nothing_hears_nothing),
        T(mails_come_in_order_from_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
