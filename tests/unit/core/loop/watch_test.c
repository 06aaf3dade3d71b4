// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop/watch.h"
#include "loop_fixture.h"

struct owner {
    struct watch watch;
    struct loop *loop;
    int fd, peer;
    int reads, writes, errors;
    bool close_at_once;
    bool closed;
};

static void on_closed(void *self) {
    struct owner *owner = self;
    assert_false(owner->closed);
    owner->closed = true;
}

static void on_ready(void *self, int events, bool error) {
    struct owner *owner = self;
    char bytes[16];
    assert_false(owner->closed);
    owner->errors += error;
    if (!error && events & WATCH_READ) {
        owner->reads++;
        assert_true(recv(owner->fd, bytes, sizeof bytes, 0) >= 0);
    }
    if (!error && events & WATCH_WRITE) {
        owner->writes++;
        watch_set(&owner->watch, WATCH_READ);
    }
    if (owner->close_at_once) {
        watch_close(&owner->watch, on_closed);
        close(owner->fd);
        assert_false(owner->closed); // only in a later round
    }
}

static struct owner *owner_new(struct loop *loop) {
    struct owner *owner = calloc(1, sizeof *owner);
    int fds[2];
    tcp_pair(fds, 0);
    owner->loop = loop;
    owner->fd = fds[0];
    owner->peer = fds[1];
    assert_int_equal(watch_open(&owner->watch, loop, owner->fd, on_ready, owner), 0);
    return owner;
}

static bool is_closed(void *self) {
    return ((struct owner *)self)->closed;
}

static bool has_read(void *self) {
    return ((struct owner *)self)->reads > 0;
}

static bool has_written(void *self) {
    return ((struct owner *)self)->writes > 0;
}

static bool has_failed(void *self) {
    return ((struct owner *)self)->errors > 0;
}

static void owner_close(struct owner *owner) {
    watch_close(&owner->watch, on_closed);
    close(owner->fd);
    run_until(owner->loop, is_closed, owner);
    close(owner->peer);
    free(owner);
}

static void tells_what_was_asked_for_and_nothing_else(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct owner *owner = owner_new(loop);
    assert_int_equal(write(owner->peer, "x", 1), 1);
    run_rounds(loop);
    assert_int_equal(owner->reads + owner->writes, 0); // nothing is set yet
    assert_int_equal(watch_set(&owner->watch, WATCH_READ), 0);
    run_until(loop, has_read, owner);
    run_rounds(loop);
    assert_int_equal(owner->reads, 1); // and it was read
    assert_int_equal(owner->writes, 0);
    watch_set(&owner->watch, WATCH_READ | WATCH_WRITE);
    run_until(loop, has_written, owner);
    run_rounds(loop);
    assert_int_equal(owner->writes, 1); // on_ready took it back to reading
    watch_set(&owner->watch, WATCH_NONE);
    assert_int_equal(write(owner->peer, "x", 1), 1);
    run_rounds(loop);
    assert_int_equal(owner->reads, 1);
    watch_set(&owner->watch, WATCH_READ); // what came meanwhile is not lost
    owner->reads = 0;
    run_until(loop, has_read, owner);
    owner_close(owner);
    loop_free(loop);
}

static void closes_from_within(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct owner *owner = owner_new(loop);
    owner->close_at_once = true;
    watch_set(&owner->watch, WATCH_READ | WATCH_WRITE);
    assert_int_equal(write(owner->peer, "x", 1), 1);
    run_until(loop, is_closed, owner);
    run_rounds(loop);
    assert_int_equal(owner->errors, 0);
    close(owner->peer);
    free(owner); // ASan sees whether the loop comes back to it
    run_rounds(loop);
    loop_free(loop);
}

static void a_closed_watch_says_nothing(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct owner *owner = owner_new(loop);
    watch_set(&owner->watch, WATCH_READ | WATCH_WRITE);
    assert_int_equal(write(owner->peer, "x", 1), 1);
    owner_close(owner); // on_ready asserts
    loop_free(loop);
}

static void a_reset_is_an_error(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct owner *owner = owner_new(loop);
    watch_set(&owner->watch, WATCH_READ);
    struct linger linger = {.l_onoff = 1};
    setsockopt(owner->peer, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(owner->peer);
    owner->peer = -1;
    run_until(loop, has_failed, owner);
    owner_close(owner);
    loop_free(loop);
}

// A descriptor that comes back under the same number is watched anew.
static void a_number_may_be_used_again(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    for (int i = 0; i < 50; i++) {
        struct owner *owner = owner_new(loop);
        watch_set(&owner->watch, WATCH_READ);
        assert_int_equal(write(owner->peer, "x", 1), 1);
        run_until(loop, has_read, owner);
        owner_close(owner);
    }
    loop_free(loop);
}

static void what_cannot_be_watched_is_refused(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct watch watch;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(watch_open(&watch, loop, fileno(file), on_ready, NULL) < 0);
    fclose(file);
    loop_free(loop); // nothing was left on it
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_was_asked_for_and_nothing_else),
        cmocka_unit_test(closes_from_within),
        cmocka_unit_test(a_closed_watch_says_nothing),
        cmocka_unit_test(a_reset_is_an_error),
        cmocka_unit_test(a_number_may_be_used_again),
        cmocka_unit_test(what_cannot_be_watched_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
