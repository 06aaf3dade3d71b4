// SPDX-License-Identifier: MIT
// What a hub makes of a plugin that was built against other headers than its own. The refusals are tested one
// by one, with real shared objects, in tests/integration/plugins.test.js.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/plugin.h"
#include "scarce_memory.h"
#include "util/buf.h"

// Tables as later headers will have them: the same, and something behind.
struct later_option {
    struct wshub_option known;
    uint64_t more;
};
struct later_broker {
    struct wshub_broker known;
    int (*more)(void *self);
};
struct later_auth {
    struct wshub_auth known;
    int (*more)(void *self);
};
struct later_plugin {
    struct wshub_plugin known;
    const void *more;
};

static int refuse_open(const struct wshub_host *host, void **self) {
    (void)host, (void)self;
    return WSHUB_INTERNAL;
}

static void do_nothing(void *self) {
    (void)self;
}

static int refuse(void *self, struct wshub_bytes bytes, wshub_token token) {
    (void)self, (void)bytes, (void)token;
    return WSHUB_INTERNAL;
}

static int refuse_message(void *self, const struct wshub_message *message, wshub_token token) {
    (void)self, (void)message, (void)token;
    return WSHUB_INTERNAL;
}

static int refuse_more(void *self) {
    (void)self;
    return WSHUB_INTERNAL;
}

static const struct later_option later_options[] = {
    {{"first", "help", "1", NULL, WSHUB_OPTION_NUMBER, 0, 0, 0}, UINT64_MAX},
    {{"second", "help", "two", "one|two", WSHUB_OPTION_WORD, 0, 0, 0}, UINT64_MAX},
};

static const struct later_broker later_broker = {
    .known = {.struct_size = sizeof later_broker,
              .capabilities = WSHUB_BROKER_ORDERED | 1u << 31,
              .max_payload = 7,
              .open = refuse_open,
              .close = do_nothing,
              .subscribe = refuse,
              .unsubscribe = refuse,
              .publish = refuse_message},
    .more = refuse_more,
};

static const struct later_plugin later_plugin = {
    .known = {.magic = WSHUB_PLUGIN_MAGIC,
              .abi_major = WSHUB_ABI_MAJOR,
              .abi_minor = 0,
              .struct_size = sizeof later_plugin,
              .name = "later",
              .options = &later_options[0].known,
              .option_count = 2,
              .option_size = sizeof *later_options,
              .broker = &later_broker.known},
    .more = "more",
};

static void assert_adopted(struct plugin *plugin, const struct wshub_plugin *descriptor) {
    struct buf why = {0};
    bool ok = plugin_adopt(plugin, descriptor, "here", &why);
    if (!ok) {
        fail_msg("%.*s", (int)why.length, why.data);
    }
    assert_int_equal(why.length, 0);
    buf_free(&why);
}

static void assert_refused(const struct wshub_plugin *descriptor, const char *expected) {
    static const struct plugin nothing;
    struct plugin plugin;
    struct buf why = {0};
    buf_puts(&why, "in front; ");
    assert_false(plugin_adopt(&plugin, descriptor, "here", &why));
    assert_memory_equal(&plugin, &nothing, sizeof plugin);
    buf_append(&why, "", 1);
    assert_string_equal(why.data, expected);
    buf_free(&why);
    plugin_unload(&plugin); // nothing to do
}

static void takes_what_it_knows_of_larger_tables(void **state) {
    (void)state;
    struct plugin plugin;
    assert_adopted(&plugin, &later_plugin.known);
    assert_string_equal(plugin.file, "here");
    assert_null(plugin.library);
    assert_int_equal(plugin.about.struct_size, sizeof plugin.about);
    assert_string_equal(plugin.about.name, "later");
    assert_ptr_equal(plugin.about.broker, &plugin.broker);
    assert_int_equal(plugin.broker.struct_size, sizeof plugin.broker);
    assert_int_equal(plugin.broker.max_payload, 7);
    assert_ptr_equal(plugin.broker.open, refuse_open);
    assert_ptr_equal(plugin.about.options, plugin.options);
    assert_int_equal(plugin.about.option_size, sizeof *plugin.options);
    assert_string_equal(plugin.options[0].name, "first");
    assert_string_equal(plugin.options[1].name, "second");
    assert_string_equal(plugin.options[1].words, "one|two");
    plugin_unload(&plugin);
    assert_null(plugin.file);
}

// Tables that end where those of ABI 1.0 end, right at the end of their memory: as soon as ours are larger,
// AddressSanitizer sees whoever reads on.
static void reads_nothing_beyond_smaller_tables(void **state) {
    (void)state;
    const uint32_t smallest = offsetof(struct wshub_broker, heartbeat) + sizeof later_broker.known.heartbeat;
    struct wshub_broker whole = later_broker.known;
    whole.struct_size = smallest;
    void *small = malloc(smallest); // of no type: gcc knows that the types have grown
    assert_non_null(small);
    memcpy(small, &whole, smallest);
    struct wshub_plugin about = later_plugin.known;
    about.struct_size = offsetof(struct wshub_plugin, broker) + sizeof about.broker;
    about.broker = small;
    void *descriptor = malloc(about.struct_size);
    assert_non_null(descriptor);
    memcpy(descriptor, &about, about.struct_size);
    struct plugin plugin;
    assert_adopted(&plugin, descriptor);
    assert_int_equal(plugin.broker.struct_size, sizeof plugin.broker);
    plugin_unload(&plugin);
    free(descriptor);
    free(small);
}

static void texts_are_never_null(void **state) {
    (void)state;
    struct plugin plugin;
    assert_adopted(&plugin, &later_plugin.known);
    assert_string_equal(plugin.about.version, "");
    assert_string_equal(plugin.about.summary, "");
    plugin_unload(&plugin);
}

// Of a plugin of another ABI nothing is true but the prefix.
static void looks_at_the_prefix_first(void **state) {
    (void)state;
    struct wshub_plugin descriptor = later_plugin.known;
    descriptor.name = (const char *)1; // whoever reads it falls
    descriptor.options = (const struct wshub_option *)1;
    descriptor.broker = (const struct wshub_broker *)1;
    descriptor.flags = 1;
    assert_refused(&descriptor,
                   "in front; here: found flags 0x1, expected 0: run a newer hub, or set no flags");
    descriptor.struct_size = 24;
    assert_refused(&descriptor, "in front; here: found a descriptor of 24 bytes, expected at least 64: set "
                                "struct_size to sizeof(struct wshub_plugin)");
    descriptor.struct_size = UINT32_MAX;
    descriptor.abi_major = UINT16_MAX;
    struct plugin plugin;
    struct buf why = {0};
    assert_false(plugin_adopt(&plugin, &descriptor, "here", &why));
    buf_free(&why);
    descriptor.magic = 0;
    assert_refused(&descriptor,
                   "in front; here: found magic 0x00000000, expected 0x62757377: begin the descriptor with "
                   "WSHUB_PLUGIN_MAGIC");
}

static void a_registry_has_all_its_slots(void **state) {
    (void)state;
    struct wshub_broker broker = later_broker.known;
    struct wshub_plugin descriptor = later_plugin.known;
    broker.struct_size = sizeof broker;
    broker.capabilities |= WSHUB_BROKER_REGISTRY;
    broker.registry_delete = broker.registry_get = broker.registry_list = refuse;
    descriptor.broker = &broker;
    assert_refused(&descriptor,
                   "in front; here: found no slot registry_set behind WSHUB_BROKER_REGISTRY, expected "
                   "registry_set, registry_delete, registry_get, registry_list and heartbeat: implement "
                   "it, or do not claim the capability");
    broker.capabilities &= ~(uint32_t)WSHUB_BROKER_REGISTRY; // without the claim they are not used
    struct plugin plugin;
    assert_adopted(&plugin, &descriptor);
    plugin_unload(&plugin);
}

static int no_history(void *self, const struct wshub_history_query *query, wshub_token token) {
    (void)self, (void)query, (void)token;
    return WSHUB_UNSUPPORTED;
}

static void a_history_has_its_slot(void **state) {
    (void)state;
    struct wshub_broker broker = later_broker.known;
    struct wshub_plugin descriptor = later_plugin.known;
    broker.struct_size = sizeof broker;
    broker.capabilities |= WSHUB_BROKER_HISTORY;
    broker.history = NULL;
    descriptor.broker = &broker;
    assert_refused(&descriptor, "in front; here: found no slot history behind WSHUB_BROKER_HISTORY, expected "
                                "history: implement it, or do not claim the capability");
    broker.history = no_history;
    struct plugin plugin;
    assert_adopted(&plugin, &descriptor);
    plugin_unload(&plugin);
    broker.struct_size = offsetof(struct wshub_broker, history); // one of 1.0 has no such slot to look at
    assert_refused(&descriptor, "in front; here: found no slot history behind WSHUB_BROKER_HISTORY, expected "
                                "history: implement it, or do not claim the capability");
    broker.capabilities &= ~(uint32_t)WSHUB_BROKER_HISTORY;
    assert_adopted(&plugin, &descriptor);
    assert_null(plugin.broker.history);
    plugin_unload(&plugin);
}

// ---- auth

static int pass(void *self, const struct wshub_request *request, wshub_token token) {
    (void)self, (void)request, (void)token;
    return WSHUB_PASS;
}

static const struct later_auth later_auth = {
    .known = {.struct_size = sizeof later_auth,
              .open = refuse_open,
              .close = do_nothing,
              .authenticate = pass},
    .more = refuse_more,
};

static void takes_what_it_knows_of_a_larger_auth_table(void **state) {
    (void)state;
    struct wshub_plugin descriptor = later_plugin.known;
    struct plugin plugin;
    descriptor.auth = &later_auth.known;
    assert_adopted(&plugin, &descriptor); // both
    assert_ptr_equal(plugin.about.auth, &plugin.auth);
    assert_ptr_equal(plugin.about.broker, &plugin.broker);
    assert_int_equal(plugin.auth.struct_size, sizeof plugin.auth);
    assert_ptr_equal(plugin.auth.authenticate, pass);
    assert_null(plugin.auth.refresh);
    plugin_unload(&plugin);
    descriptor.broker = NULL;
    assert_adopted(&plugin, &descriptor);
    assert_null(plugin.about.broker);
    assert_null(plugin.broker.publish);
    assert_ptr_equal(plugin.about.auth, &plugin.auth);
    plugin_unload(&plugin);
}

// What it knows of a descriptor ends where the descriptor says: what lies behind is somebody else's.
static void a_plugin_that_is_older_has_no_auth(void **state) {
    (void)state;
    struct wshub_plugin descriptor = later_plugin.known;
    struct plugin plugin;
    descriptor.auth = (const struct wshub_auth *)1; // whoever reads it falls
    descriptor.struct_size = offsetof(struct wshub_plugin, auth);
    assert_adopted(&plugin, &descriptor);
    assert_null(plugin.about.auth);
    assert_int_equal(plugin.auth.struct_size, 0);
    plugin_unload(&plugin);
    descriptor.broker = NULL;
    assert_refused(&descriptor,
                   "in front; here: found neither a broker nor auth, expected one of them: point "
                   "`broker` or `auth` to its table");
}

static void an_auth_table_is_whole(void **state) {
    static const size_t mandatory[] = {offsetof(struct wshub_auth, open), offsetof(struct wshub_auth, close),
                                       offsetof(struct wshub_auth, authenticate)};
    static const char *const names[] = {"open", "close", "authenticate"};
    (void)state;
    struct wshub_plugin descriptor = later_plugin.known; // its broker is good, and does not help
    struct wshub_auth auth;
    descriptor.auth = &auth;
    for (size_t i = 0; i < sizeof mandatory / sizeof *mandatory; i++) {
        char expected[160];
        auth = later_auth.known;
        memset((char *)&auth + mandatory[i], 0, sizeof auth.open);
        snprintf(expected, sizeof expected,
                 "in front; here: found no slot %s for auth, expected open, close and authenticate: "
                 "implement it",
                 names[i]);
        auth.struct_size = sizeof auth;
        assert_refused(&descriptor, expected);
    }
    auth = later_auth.known;
    auth.struct_size = offsetof(struct wshub_auth, reload);
    assert_refused(&descriptor, "in front; here: found an auth table of 56 bytes, expected at least 64: set "
                                "its struct_size to sizeof(struct wshub_auth)");
    auth.struct_size = sizeof auth;
    auth.flags = 2;
    assert_refused(&descriptor, "in front; here: found flags 0x2 of its auth table, expected 0: run a newer "
                                "hub, or set no flags");
}

static void a_plugin_is_what_it_has_a_table_for(void **state) {
    (void)state;
    struct wshub_plugin descriptor = later_plugin.known;
    struct plugin plugin;
    struct buf why = {0};
    assert_adopted(&plugin, &descriptor);
    assert_true(plugin_is(&plugin, PLUGIN_BROKER, &why));
    assert_int_equal(why.length, 0);
    assert_false(plugin_is(&plugin, PLUGIN_AUTH, &why));
    buf_append(&why, "", 1);
    assert_string_equal(why.data, "found plugin later, which is not an auth plugin, expected one: list it "
                                  "under `brokers`, or name another (wshub plugins lists them)");
    plugin_unload(&plugin);
    descriptor.auth = &later_auth.known;
    descriptor.broker = NULL;
    buf_clear(&why);
    assert_adopted(&plugin, &descriptor);
    assert_true(plugin_is(&plugin, PLUGIN_AUTH, &why));
    assert_false(plugin_is(&plugin, PLUGIN_BROKER, &why));
    buf_append(&why, "", 1);
    assert_string_equal(why.data, "found plugin later, which is not a broker, expected one: list it under "
                                  "`auth`, or name another (wshub plugins lists them)");
    plugin_unload(&plugin);
    buf_free(&why);
}

static void no_memory_is_an_error(void **state) {
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    bool ok = false;
    size_t allowed = 0;
    for (; !ok && allowed < 100; allowed++) {
        struct plugin plugin;
        struct buf why = {0};
        memory_allowed = allowed;
        ok = plugin_adopt(&plugin, &later_plugin.known, "here", &why);
        memory_allowed = SIZE_MAX;
        assert_true(ok || why.failed || why.length > 0);
        plugin_unload(&plugin);
        buf_free(&why);
    }
    assert_true(ok);
    assert_true(allowed > 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_it_knows_of_larger_tables),
        cmocka_unit_test(reads_nothing_beyond_smaller_tables),
        cmocka_unit_test(texts_are_never_null),
        cmocka_unit_test(looks_at_the_prefix_first),
        cmocka_unit_test(a_registry_has_all_its_slots),
        cmocka_unit_test(a_history_has_its_slot),
        cmocka_unit_test(takes_what_it_knows_of_a_larger_auth_table),
        cmocka_unit_test(a_plugin_that_is_older_has_no_auth),
        cmocka_unit_test(an_auth_table_is_whole),
        cmocka_unit_test(a_plugin_is_what_it_has_a_table_for),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
