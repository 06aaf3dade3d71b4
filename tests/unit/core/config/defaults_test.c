// SPDX-License-Identifier: MIT
// What config_print_defaults writes is read back, and means what no file means.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/keys.h"
#include "config/schema.h"
#include "util/buf.h"

static void assert_same_strings(const struct config_strings *a, const struct config_strings *b) {
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->items[i], b->items[i]);
    }
}

// Everything but pointers, which are compared by what they point to, must have the same bytes.
static void assert_same(const struct config *a, const struct config *b) {
    assert_same_strings(&a->listen, &b->listen);
    assert_same_strings(&a->origins, &b->origins);
    assert_same_strings(&a->plugin_path, &b->plugin_path);
    assert_string_equal(a->instance_id, b->instance_id);
    assert_int_equal(a->brokers.count, 1);
    assert_int_equal(b->brokers.count, 1);
    assert_string_equal(a->brokers.items[0].name, b->brokers.items[0].name);
    assert_string_equal(a->brokers.items[0].plugin, b->brokers.items[0].plugin);
    assert_int_equal(a->brokers.items[0].option_count, 0);
    assert_int_equal(b->brokers.items[0].option_count, 0);
    assert_int_equal(a->channels.count, b->channels.count);
    assert_string_equal(a->credentials.query, b->credentials.query);
    assert_string_equal(a->credentials.cookie, b->credentials.cookie);
    assert_string_equal(a->credentials.subprotocol, b->credentials.subprotocol);
    assert_same_strings(&a->proxies.trusted, &b->proxies.trusted);
    assert_same_strings(&a->api.keys, &b->api.keys);
    struct config left = *a, right = *b;
    left.listen = right.listen = (struct config_strings){0};
    left.origins = right.origins = (struct config_strings){0};
    left.plugin_path = right.plugin_path = (struct config_strings){0};
    left.instance_id = right.instance_id = NULL;
    left.brokers.items = right.brokers.items = NULL;
    memset(&left.credentials, 0, sizeof left.credentials);
    memset(&right.credentials, 0, sizeof right.credentials);
    left.proxies.trusted = right.proxies.trusted = (struct config_strings){0};
    left.api.keys = right.api.keys = (struct config_strings){0};
    left.channels.items = right.channels.items = NULL;
    assert_memory_equal(&left, &right, sizeof left);
}

static void means_the_same_as_no_file(void **state) {
    (void)state;
    struct buf text = {0}, errors = {0};
    struct config printed, empty;
    config_print_defaults(&text);
    assert_false(text.failed);
    bool ok = config_read(&printed, "defaults", text.data, text.length, &errors);
    if (!ok) {
        print_error("%.*s", (int)errors.length, errors.data);
    }
    assert_true(ok);
    assert_true(config_read(&empty, "empty", "", 0, &errors));
    assert_same(&printed, &empty);
    config_free(&printed);
    config_free(&empty);
    buf_free(&text);
    buf_free(&errors);
}

// What is commented out is right as well: with the comments opened it is read all the same.
static void comments_out_only_what_would_be_accepted(void **state) {
    (void)state;
    struct buf text = {0}, errors = {0};
    struct config config;
    config_print_defaults(&text);
    buf_append(&text, "", 1);
    char *auth = strstr(text.data, "# auth:"), *channels = strstr(text.data, "channels: []");
    assert_non_null(auth);
    assert_non_null(channels);
    assert_memory_equal(auth, "# auth: none", 12);
    memcpy(auth, "auth:       ", 12);
    channels = strstr(text.data, "channels: []");
    memset(channels + strlen("channels:"), ' ', 3);
    for (char *line = strstr(text.data, "\n#  "); line; line = strstr(line, "\n#  ")) {
        line[1] = ' ';
    }
    bool ok = config_read(&config, "opened", text.data, text.length - 1, &errors);
    if (!ok) {
        print_error("%.*s", (int)errors.length, errors.data);
    }
    assert_true(ok);
    assert_int_equal(config.auth.mode, CONFIG_AUTH_PLUGINS);
    assert_int_equal(config.auth.count, 1);
    assert_string_equal(config.auth.items[0].plugin, "jwt");
    assert_int_equal(config.channels.count, 1);
    assert_string_equal(config.channels.items[0].match, "room:*");
    config_free(&config);
    buf_free(&text);
    buf_free(&errors);
}

static void assert_named(const char *text, const struct key *keys) {
    for (const struct key *key = keys; key->name; key++) {
        char line[64];
        snprintf(line, sizeof line, "%s:", key->name);
        assert_non_null(strstr(text, line));
        assert_non_null(strstr(text, key->help));
        assert_true(key->fallback || key->sample || key->keys);
        if (key->keys) {
            assert_named(text, key->keys);
        }
    }
}

static void names_every_key_and_its_help(void **state) {
    (void)state;
    struct buf text = {0};
    config_print_defaults(&text);
    buf_append(&text, "", 1);
    assert_named(text.data, schema_keys);
    assert_non_null(strstr(text.data, "[10ms to 1h]"));
    assert_non_null(strstr(text.data, "[auto or 1 to 64]"));
    buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_the_same_as_no_file),
        cmocka_unit_test(comments_out_only_what_would_be_accepted),
        cmocka_unit_test(names_every_key_and_its_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
