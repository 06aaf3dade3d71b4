// SPDX-License-Identifier: MIT
// P10: a plugin whose slot does not return ends the process with a line that says so, rather than the hub's
// silence. Each case is a process of its own.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_plugin.h"
#include "loop/loop.h"
#include "plugin/broker.h"
#include "plugin/host.h"
#include "plugin/watchdog.h"
#include "util/log.h"

enum { SOON = 50, LONG = 60 * 1000, RETURNED = 7, DEADLINE_S = 30 };

static int never_open(const struct wshub_host *host, void **self) {
    (void)host;
    (void)self;
    while (pause()) {
    }
    return WSHUB_INTERNAL;
}

static void never_close(void *self) {
    (void)self;
    while (pause()) {
    }
}

static int on_deliver(void *context, struct broker *broker, const struct wshub_message *message) {
    (void)context;
    (void)broker;
    (void)message;
    return WSHUB_OK;
}

static void on_link(void *context, struct broker *broker, enum wshub_link_state state, const char *reason) {
    (void)context;
    (void)broker;
    (void)state;
    (void)reason;
}

struct hang {
    bool in_open, in_close;
    uint64_t timeout;
};

// In the child: opens, waits and closes. What it leaks goes with it.
static void use_broker(const struct hang *hang, const struct log *log) {
    struct wshub_broker table = *fake_keeper()->broker;
    struct wshub_plugin about = *fake_keeper();
    struct plugin plugin;
    struct buf why = {0};
    table.open = hang->in_open ? never_open : table.open;
    table.close = hang->in_close ? never_close : table.close;
    about.broker = &table;
    fake_new();
    alarm(DEADLINE_S); // whatever happens, it does not outlive the test
    if (!plugin_adopt(&plugin, &about, "/somewhere/keeper.so", &why)) {
        _exit(2);
    }
    struct broker *broker =
        broker_open(&(struct broker_setup){.name = "main",
                                           .instance_id = "me",
                                           .plugin = &plugin,
                                           .loop = loop_new(),
                                           .log = log,
                                           .timeout = hang->timeout,
                                           .listener = {NULL, on_deliver, on_link, NULL}});
    usleep(3 * SOON * 1000); // past the deadline of open: its watchdog must be gone
    broker_close(broker);
    _exit(RETURNED);
}

// Its exit code, and what it has logged.
static int run_child(const struct hang *hang, char logged[1024]) {
    const struct log log = {.fd = memfd_create("log", MFD_CLOEXEC), .level = LOG_WARN};
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        use_broker(hang, &log);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    ssize_t length = pread(log.fd, logged, 1023, 0);
    assert_true(length >= 0);
    logged[length] = '\0';
    close(log.fd);
    return WEXITSTATUS(status);
}

static void a_slot_that_hangs_ends_the_process(void **state) {
    static const struct {
        struct hang hang;
        const char *event, *reason;
    } cases[] = {
        {{.in_open = true, .timeout = SOON},
         "broker cannot be opened",
         "open() has not returned within 50 ms"},
        {{.in_close = true, .timeout = SOON},
         "broker cannot be closed",
         "close() has not returned within 50 ms"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char logged[1024];
        assert_int_equal(run_child(&cases[i].hang, logged), 1);
        assert_non_null(strstr(logged, cases[i].event));
        assert_non_null(strstr(logged, cases[i].reason));
        assert_non_null(strstr(logged, "broker=main plugin=keeper file=/somewhere/keeper.so"));
    }
}

static void a_slot_that_returns_in_time_does_not(void **state) {
    const uint64_t timeouts[] = {SOON, LONG};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char logged[1024];
        assert_int_equal(run_child(&(struct hang){.timeout = timeouts[i]}, logged), RETURNED);
        assert_string_equal(logged, "");
    }
}

// It does not keep anybody waiting until its deadline.
static void it_stops_at_once(void **state) {
    const struct log log = {.fd = -1, .level = LOG_ERROR + 1};
    const struct host_setup setup = {.name = "main", .log = &log, .timeout = LONG};
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct watchdog *watchdog = watchdog_start(&setup, "open");
        assert_non_null(watchdog);
        watchdog_stop(watchdog);
    }
    watchdog_stop(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_that_hangs_ends_the_process),
        cmocka_unit_test(a_slot_that_returns_in_time_does_not),
        cmocka_unit_test(it_stops_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
