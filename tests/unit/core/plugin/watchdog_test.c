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
#include "plugin/auth.h"
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

static int open_keeper(const struct wshub_host *host, void **self) {
    (void)host;
    *self = NULL;
    return WSHUB_OK;
}

static void close_keeper(void *self) {
    (void)self;
}

static int pass(void *self, const struct wshub_request *request, wshub_token token) {
    (void)self;
    (void)request;
    (void)token;
    return WSHUB_PASS;
}

struct hang {
    bool is_auth, in_open, in_close;
    uint64_t timeout;
};

static void use_broker(const struct plugin *plugin, const struct log *log, uint64_t timeout) {
    const struct broker_setup setup = {
        .name = "main",
        .instance_id = "me",
        .plugin = plugin,
        .loop = loop_new(),
        .log = log,
        .timeout = timeout,
        .listener = {NULL, on_deliver, on_link, NULL},
    };
    struct broker *broker = broker_open(&setup);
    usleep(3 * SOON * 1000); // past the deadline of open: its watchdog must be gone
    broker_close(broker);
}

static void use_auth(const struct plugin *plugin, const struct log *log, uint64_t timeout) {
    const struct auth_setup setup = {
        .name = "main",
        .instance_id = "me",
        .plugin = plugin,
        .loop = loop_new(),
        .log = log,
        .timeout = timeout,
    };
    struct auth *auth = auth_open(&setup);
    usleep(3 * SOON * 1000); // the same
    auth_close(auth);
}

// In the child: opens, waits and closes. What it leaks goes with it.
static void use_plugin(const struct hang *hang, const struct log *log) {
    struct wshub_broker broker = *fake_keeper()->broker;
    const struct wshub_auth auth = {
        .struct_size = sizeof auth,
        .open = hang->in_open ? never_open : open_keeper,
        .close = hang->in_close ? never_close : close_keeper,
        .authenticate = pass,
    };
    struct wshub_plugin about = *fake_keeper();
    struct plugin plugin;
    struct buf why = {0};
    broker.open = hang->in_open ? never_open : broker.open;
    broker.close = hang->in_close ? never_close : broker.close;
    about.broker = &broker;
    about.struct_size = sizeof about;
    about.auth = &auth;
    fake_new();
    alarm(DEADLINE_S); // whatever happens, it does not outlive the test
    if (!plugin_adopt(&plugin, &about, "/somewhere/keeper.so", &why)) {
        _exit(2);
    }
    (hang->is_auth ? use_auth : use_broker)(&plugin, log, hang->timeout);
    _exit(RETURNED);
}

// Its exit code, and what it has logged.
static int run_child(const struct hang *hang, char logged[1024]) {
    const struct log log = {.fd = memfd_create("log", MFD_CLOEXEC), .level = LOG_WARN};
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        use_plugin(hang, &log);
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
        const char *event, *reason, *fields;
    } cases[] = {
        {{.in_open = true, .timeout = SOON},
         "broker cannot be opened",
         "open() has not returned within 50 ms (timeouts.broker)",
         "broker=main plugin=keeper file=/somewhere/keeper.so"},
        {{.in_close = true, .timeout = SOON},
         "broker cannot be closed",
         "close() has not returned within 50 ms (timeouts.broker)",
         "broker=main plugin=keeper file=/somewhere/keeper.so"},
        {{.is_auth = true, .in_open = true, .timeout = SOON},
         "auth plugin cannot be opened",
         "open() has not returned within 50 ms (timeouts.auth)",
         "auth=main plugin=keeper file=/somewhere/keeper.so"},
        {{.is_auth = true, .in_close = true, .timeout = SOON},
         "auth plugin cannot be closed",
         "close() has not returned within 50 ms (timeouts.auth)",
         "auth=main plugin=keeper file=/somewhere/keeper.so"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char logged[1024];
        assert_int_equal(run_child(&cases[i].hang, logged), 1);
        assert_non_null(strstr(logged, cases[i].event));
        assert_non_null(strstr(logged, cases[i].reason));
        assert_non_null(strstr(logged, cases[i].fields));
    }
}

static void a_slot_that_returns_in_time_does_not(void **state) {
    const uint64_t timeouts[] = {SOON, LONG};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char logged[1024];
        const struct hang none = {.is_auth = i >= 2, .timeout = timeouts[i % 2]};
        assert_int_equal(run_child(&none, logged), RETURNED);
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
