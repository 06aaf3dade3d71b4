// SPDX-License-Identifier: MIT
// What `wshub plugins` says of a plugin of each kind. Of real ones tests/integration/plugins.test.js.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugin/describe.h"
#include "plugin/plugin.h"
#include "util/buf.h"

static int open_none(const struct wshub_host *host, void **self) {
    (void)host, (void)self;
    return WSHUB_UNSUPPORTED;
}

static void close_none(void *self) {
    (void)self;
}

static int subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    (void)self, (void)channel, (void)token;
    return WSHUB_UNSUPPORTED;
}

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    (void)self, (void)message, (void)token;
    return WSHUB_UNSUPPORTED;
}

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    (void)self, (void)request, (void)token;
    return WSHUB_PASS;
}

static const struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .capabilities = WSHUB_BROKER_ORDERED | WSHUB_BROKER_LAST_VALUE,
    .max_payload = 1024,
    .open = open_none,
    .close = close_none,
    .subscribe = subscribe,
    .unsubscribe = subscribe,
    .publish = publish,
};

static const struct wshub_auth bare_auth = {
    .struct_size = sizeof bare_auth,
    .open = open_none,
    .close = close_none,
    .authenticate = authenticate,
};

static const struct wshub_auth whole_auth = {
    .struct_size = sizeof whole_auth,
    .open = open_none,
    .close = close_none,
    .authenticate = authenticate,
    .refresh = authenticate,
    .reload = close_none,
};

static void adopt(struct plugin *plugin, const char *name, const struct wshub_broker *has_broker,
                  const struct wshub_auth *has_auth) {
    const struct wshub_plugin about = {
        .magic = WSHUB_PLUGIN_MAGIC,
        .abi_major = 1,
        .abi_minor = 2,
        .struct_size = sizeof about,
        .name = name,
        .version = "3",
        .broker = has_broker,
        .auth = has_auth,
    };
    struct buf why = {0};
    assert_true(plugin_adopt(plugin, &about, "here", &why));
    buf_free(&why);
}

static void assert_said(struct buf *out, const char *expected) {
    buf_append(out, "", 1);
    assert_string_equal(out->data, expected);
    buf_free(out);
}

static void the_table_tells_the_kinds(void **state) {
    struct plugin plugins[4];
    struct buf out = {0};
    (void)state;
    adopt(&plugins[0], "one", &broker, NULL);
    adopt(&plugins[1], "two", NULL, &bare_auth);
    adopt(&plugins[2], "three", NULL, &whole_auth);
    adopt(&plugins[3], "four", &broker, &whole_auth);
    describe_table(plugins, 4, &out);
    assert_said(&out, "NAME   KIND         VERSION  ABI  CAPABILITIES                       FILE\n"
                      "one    broker       3        1.2  ordered,last_value                 here\n"
                      "two    auth         3        1.2  -                                  here\n"
                      "three  auth         3        1.2  refresh,reload                     here\n"
                      "four   broker,auth  3        1.2  ordered,last_value,refresh,reload  here\n");
    for (size_t i = 0; i < 4; i++) {
        plugin_unload(&plugins[i]);
    }
}

static void one_of_both_kinds_has_both_entries(void **state) {
    struct plugin plugin;
    struct buf out = {0};
    (void)state;
    adopt(&plugin, "four", &broker, &bare_auth);
    describe_plugin(&plugin, "./four.so", &out);
    assert_said(&out, "# four 3\n"
                      "# kind: broker,auth\n"
                      "# file: here\n"
                      "# ABI: 1.2\n"
                      "# capabilities: ordered,last_value\n"
                      "# largest payload: 1KiB\n"
                      "brokers:\n"
                      "  - name: main\n"
                      "    plugin: ./four.so\n"
                      "    options: {}\n"
                      "auth:\n"
                      "  - plugin: ./four.so\n"
                      "    options: {}\n");
    plugin_unload(&plugin);
}

static void an_auth_plugin_has_no_largest_payload(void **state) {
    struct plugin plugin;
    struct buf out = {0};
    (void)state;
    adopt(&plugin, "two", NULL, &bare_auth);
    describe_plugin(&plugin, "two", &out);
    assert_said(&out, "# two 3\n"
                      "# kind: auth\n"
                      "# file: here\n"
                      "# ABI: 1.2\n"
                      "# capabilities: -\n"
                      "auth:\n"
                      "  - plugin: two\n"
                      "    options: {}\n");
    plugin_unload(&plugin);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_tells_the_kinds),
        cmocka_unit_test(one_of_both_kinds_has_both_entries),
        cmocka_unit_test(an_auth_plugin_has_no_largest_payload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
