// SPDX-License-Identifier: MIT
// The timers and watches of wshub/host.h.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host_fixture.h"

// ---- timers

static void on_timer(void *context) {
    ((struct fixture *)context)->fired++;
}

static void on_timer_free(void *context) {
    struct fixture *f = context;
    f->fired++;
    f->host->timer_free(f->host->self, f->timer);
    f->timer = NULL;
}

static bool has_fired(void *context) {
    struct fixture *f = context;
    return f->fired >= f->wanted;
}

static void wait_fired(struct fixture *f, int count) {
    f->wanted = count;
    run_until(f->loop, has_fired, f);
    run_rounds(f->loop);
    assert_int_equal(f->fired, count);
}

static bool has_passed(void *context) {
    return clock_ns() > *(uint64_t *)context;
}

static void let_pass(struct fixture *f, uint64_t milliseconds) {
    run_until(f->loop, has_passed, &(uint64_t){clock_ns() + milliseconds * 1000000});
}

static void a_timer_fires_once_for_each_start(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    void *host = f.host->self;
    struct wshub_timer *timer = f.host->timer_new(host, on_timer, &f);
    assert_non_null(timer);
    let_pass(&f, 20);
    assert_int_equal(f.fired, 0); // it was not started
    f.host->timer_start(host, timer, 0);
    wait_fired(&f, 1);
    let_pass(&f, 20);
    assert_int_equal(f.fired, 1);
    f.host->timer_start(host, timer, 10);
    f.host->timer_start(host, timer, 80); // anew
    let_pass(&f, 40);
    assert_int_equal(f.fired, 1);
    wait_fired(&f, 2);
    f.host->timer_start(host, timer, 10);
    f.host->timer_stop(host, timer);
    f.host->timer_stop(host, timer);
    let_pass(&f, 40);
    assert_int_equal(f.fired, 2);
    f.host->timer_start(host, timer, 10);
    f.host->timer_free(host, timer);
    f.host->timer_free(host, NULL);
    let_pass(&f, 40);
    assert_int_equal(f.fired, 2);
    tear_down(&f);
    assert_int_equal(f.links, 1);
}

static void a_timer_may_be_freed_when_it_fires(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.timer = f.host->timer_new(f.host->self, on_timer_free, &f);
    f.host->timer_start(f.host->self, f.timer, 0);
    wait_fired(&f, 1);
    assert_null(f.timer);
    assert_int_equal(count_logged(&f, "left timers"), 0);
    tear_down(&f);
}

// ---- watches

static void on_watch(void *context, unsigned events) {
    struct fixture *f = context;
    f->fired++;
    f->events = events;
}

static void on_watch_free(void *context, unsigned events) {
    struct fixture *f = context;
    on_watch(f, events);
    f->host->watch_free(f->host->self, f->watch);
    f->watch = NULL;
}

static void set_up_watch(struct fixture *f, int end, wshub_watch_fn fn) {
    set_up(f);
    assert_int_equal(pipe(f->fds), 0);
    set_nonblocking(f->fds[0]);
    set_nonblocking(f->fds[1]);
    f->watch = f->host->watch_new(f->host->self, f->fds[end], fn, f);
    assert_non_null(f->watch);
}

static void tear_down_watch(struct fixture *f) {
    f->host->watch_free(f->host->self, f->watch); // NULL is fine
    close(f->fds[0]);
    close(f->fds[1]);
    assert_int_equal(count_logged(f, "left timers"), 0);
    tear_down(f);
}

static void a_watch_tells_what_was_set(void **state) {
    struct fixture f;
    char byte;
    (void)state;
    set_up_watch(&f, 0, on_watch);
    assert_int_equal(write(f.fds[1], "1", 1), 1);
    let_pass(&f, 20);
    assert_int_equal(f.fired, 0); // nothing was set
    f.host->watch_set(f.host->self, f.watch, WSHUB_WATCH_READ);
    f.wanted = 2;
    run_until(f.loop, has_fired, &f); // as long as it is true
    assert_int_equal(f.events, WSHUB_WATCH_READ);
    assert_int_equal(read(f.fds[0], &byte, 1), 1);
    run_rounds(f.loop);
    int fired = f.fired;
    let_pass(&f, 20);
    assert_int_equal(f.fired, fired);
    assert_int_equal(write(f.fds[1], "1", 1), 1);
    f.host->watch_set(f.host->self, f.watch, 0);
    let_pass(&f, 20);
    assert_int_equal(f.fired, fired);
    tear_down_watch(&f);
}

static void a_watch_tells_that_there_is_room(void **state) {
    struct fixture f;
    (void)state;
    set_up_watch(&f, 1, on_watch);
    f.host->watch_set(f.host->self, f.watch, WSHUB_WATCH_READ | WSHUB_WATCH_WRITE);
    f.wanted = 1;
    run_until(f.loop, has_fired, &f);
    assert_int_equal(f.events, WSHUB_WATCH_WRITE);
    tear_down_watch(&f);
}

static void a_hang_up_is_told_as_what_was_set(void **state) {
    struct fixture f;
    (void)state;
    for (int end = 0; end < 2; end++) {
        set_up_watch(&f, end, on_watch);
        unsigned set = end == 0 ? WSHUB_WATCH_READ : WSHUB_WATCH_WRITE;
        close(f.fds[!end]);
        f.host->watch_set(f.host->self, f.watch, set);
        f.wanted = 1;
        run_until(f.loop, has_fired, &f);
        assert_int_equal(f.events, set);
        f.fds[!end] = dup(f.fds[end]);
        tear_down_watch(&f);
    }
}

static void a_watch_may_be_freed_when_it_is_called(void **state) {
    struct fixture f;
    (void)state;
    set_up_watch(&f, 0, on_watch_free);
    assert_int_equal(write(f.fds[1], "1", 1), 1);
    f.host->watch_set(f.host->self, f.watch, WSHUB_WATCH_READ);
    wait_fired(&f, 1);
    assert_null(f.watch);
    let_pass(&f, 20);
    assert_int_equal(f.fired, 1);
    tear_down_watch(&f);
}

static void what_is_no_descriptor_cannot_be_watched(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    assert_null(f.host->watch_new(f.host->self, -1, on_watch, &f));
    assert_null(f.host->watch_new(f.host->self, f.log.fd, on_watch, &f)); // a file is always ready
    assert_int_equal(count_logged(&f, "left timers"), 0);
    tear_down(&f);
}

static void what_a_plugin_leaves_behind_is_said_and_freed(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct fixture f;
        set_up(&f);
        struct broker *broker = f.broker;
        f.broker = NULL;
        if (kind == 0) {
            f.host->timer_start(f.host->self, f.host->timer_new(f.host->self, on_timer, &f), 0);
        } else {
            assert_int_equal(pipe(f.fds), 0);
            struct wshub_watch *watch = f.host->watch_new(f.host->self, f.fds[1], on_watch, &f);
            f.host->watch_set(f.host->self, watch, WSHUB_WATCH_WRITE);
        }
        broker_close(broker);
        let_pass(&f, 20);
        assert_int_equal(f.fired, 0);
        assert_int_equal(count_logged(&f, "has left timers or watches behind"), 1);
        assert_int_equal(count_logged(&f, "broker=main file=/somewhere/keeper.so"), 1);
        if (kind == 1) {
            close(f.fds[0]);
            close(f.fds[1]);
        }
        tear_down(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_fires_once_for_each_start),
        cmocka_unit_test(a_timer_may_be_freed_when_it_fires),
        cmocka_unit_test(a_watch_tells_what_was_set),
        cmocka_unit_test(a_watch_tells_that_there_is_room),
        cmocka_unit_test(a_hang_up_is_told_as_what_was_set),
        cmocka_unit_test(a_watch_may_be_freed_when_it_is_called),
        cmocka_unit_test(what_is_no_descriptor_cannot_be_watched),
        cmocka_unit_test(what_a_plugin_leaves_behind_is_said_and_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
