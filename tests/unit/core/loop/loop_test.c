// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/mailbox.h"
#include "loop/watch.h"
#include "loop_fixture.h"

struct order {
    char text[16];
    int length;
};

struct hook {
    struct order *order;
    char name;
};

static void write_name(void *context) {
    struct hook *hook = context;
    if (hook->order->length < 8) {
        hook->order->text[hook->order->length++] = hook->name;
    }
}

static void hooks_run_each_round_in_the_order_of_registration(void **state) {
    (void)state;
    struct order order = {0};
    struct hook a = {&order, 'a'}, b = {&order, 'b'}, c = {&order, 'c'}, d = {&order, 'd'};
    struct loop *loop = loop_new();
    struct hook *hooks[LOOP_HOOKS_MAX] = {&a, &b, &c, &d};
    for (int i = 0; i < LOOP_HOOKS_MAX; i++) {
        loop_at_end_of_round(loop, write_name, hooks[i]);
    }
    run_rounds(loop);
    assert_string_equal(order.text, "abcdabcd");
    loop_free(loop);
}

struct moment {
    struct loop *loop;
    struct timer *timer;
    bool queued, flushed_before_wait;
};

static void queue_something(void *context) {
    struct moment *moment = context;
    moment->queued = true;
}

static void flush_it(void *context) {
    struct moment *moment = context;
    if (moment->queued) { // in the same round: the loop has not slept, there is no other event that could
                          // wake it
        moment->flushed_before_wait = true;
        loop_stop(moment->loop);
    }
}

static void what_a_round_queues_leaves_before_the_loop_sleeps(void **state) {
    (void)state;
    struct moment moment = {.loop = loop_new()};
    moment.timer = timer_new(moment.loop, queue_something, &moment);
    loop_at_end_of_round(moment.loop, flush_it, &moment);
    timer_start(moment.timer, 5, 0);
    uint64_t before = loop_now(moment.loop);
    struct timer *far = timer_new(moment.loop, queue_something, &moment);
    timer_start(far, 60000, 0);
    loop_run(moment.loop);
    assert_true(moment.flushed_before_wait);
    assert_true(loop_now(moment.loop) - before < 30000);
    timer_free(far);
    timer_free(moment.timer);
    loop_free(moment.loop);
}

static void time_never_is_zero_and_goes_on(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    uint64_t first = loop_now(loop);
    assert_true(first > 0);
    run_rounds(loop);
    assert_true(loop_now(loop) >= first);
    loop_free(loop);
}

static void stop_now(void *context) {
    loop_stop(context);
}

static void *spin(void *over) {
    while (!atomic_load((atomic_bool *)over)) {
        sched_yield();
    }
    return NULL;
}

static void a_signal_calls_on_the_loops_thread_whatever_other_threads_do(void **state) {
    (void)state;
    atomic_bool over = false;
    pthread_t threads[2];
    struct loop *loop = loop_new();
    assert_int_equal(loop_on_signal(loop, SIGUSR1, stop_now, loop), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, spin, &over), 0);
    }
    for (int i = 0; i < 100; i++) {
        assert_int_equal(kill(getpid(), SIGUSR1), 0);
        loop_run(loop);
    }
    atomic_store(&over, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    loop_free(loop);
}

static void a_signal_after_the_loop_is_harmless(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    assert_int_equal(loop_on_signal(loop, SIGUSR2, stop_now, loop), 0);
    loop_free(loop);
    assert_int_equal(raise(SIGUSR2), 0); // its default would end this process
}

static void freeing_nothing_is_fine(void **state) {
    (void)state;
    loop_free(NULL);
    timer_free(NULL);
    mailbox_free(NULL);
}

// ---- what is forgotten on a loop is found ----

static void ignore(void *context) {
    (void)context;
}

static void ignore_mail(void *context, struct mail *mail) {
    (void)context;
    (void)mail;
}

static void ignore_ready(void *owner, int events, bool error) {
    (void)owner;
    (void)events;
    (void)error;
}

static void leave_timer(struct loop *loop) {
    timer_new(loop, ignore, NULL);
}

static void leave_watch(struct loop *loop) {
    static struct watch watch;
    int fds[2];
    if (pipe(fds) == 0) {
        watch_open(&watch, loop, fds[0], ignore_ready, NULL);
    }
}

static void leave_nothing(struct loop *loop) {
    mailbox_free(mailbox_new(loop, ignore_mail, NULL));
    timer_free(timer_new(loop, ignore, NULL));
}

// loop_free in a process of its own: how it ended.
static int fate_of(void (*leave)(struct loop *)) {
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr)) {
            _exit(1);
        }
        struct loop *loop = loop_new();
        leave(loop);
        loop_free(loop);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void a_handle_that_outlives_its_loop_is_asserted(void **state) {
    (void)state;
    int timer = fate_of(leave_timer);
    int watch = fate_of(leave_watch);
    int nothing = fate_of(leave_nothing);
    assert_true(WIFSIGNALED(timer) && WTERMSIG(timer) == SIGABRT);
    assert_true(WIFSIGNALED(watch) && WTERMSIG(watch) == SIGABRT);
    assert_true(WIFEXITED(nothing) && WEXITSTATUS(nothing) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hooks_run_each_round_in_the_order_of_registration),
        cmocka_unit_test(what_a_round_queues_leaves_before_the_loop_sleeps),
        cmocka_unit_test(time_never_is_zero_and_goes_on),
        cmocka_unit_test(a_signal_calls_on_the_loops_thread_whatever_other_threads_do),
        cmocka_unit_test(a_signal_after_the_loop_is_harmless),
        cmocka_unit_test(freeing_nothing_is_fine),
        cmocka_unit_test(a_handle_that_outlives_its_loop_is_asserted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
