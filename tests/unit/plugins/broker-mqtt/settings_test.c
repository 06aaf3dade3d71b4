// SPDX-License-Identifier: MIT
// What `check` says of options. Nothing is connected.
#include "mqtt_fixture.h"

static void assert_refused(const char *const *options, const char *said) {
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), options);
    assert_int_equal(plugin_host_check(host), WSHUB_INVALID);
    assert_says(host->refused, said);
    assert_null(strstr(host->refused, "secret"));
    assert_int_equal(plugin_host_open(host), WSHUB_INVALID);
    assert_null(host->self);
    plugin_host_free(host);
}

static void assert_taken(const char *const *options) {
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), options);
    if (plugin_host_check(host) != WSHUB_OK) {
        fail_msg("refused: %s", host->refused);
    }
    plugin_host_free(host);
}

static void it_describes_itself(void **state) {
    const struct wshub_plugin *plugin = wshub_plugin_entry();
    (void)state;
    assert_string_equal(plugin->name, "mqtt");
    assert_int_equal(plugin->magic, WSHUB_PLUGIN_MAGIC);
    assert_int_equal(plugin->abi_major, 1);
    assert_int_equal(plugin->abi_minor, 1);
    assert_null(plugin->broker->history); // what MQTT cannot do is not claimed
    assert_int_equal(plugin->broker->capabilities & (WSHUB_BROKER_HISTORY | WSHUB_BROKER_ORDERED), 0);
    for (uint32_t i = 0; i < plugin->option_count; i++) {
        assert_non_null(plugin->options[i].name);
        assert_non_null(plugin->options[i].help);
        bool secret =
            strstr(plugin->options[i].name, "password") || strcmp(plugin->options[i].name, "url") == 0;
        assert_int_equal((plugin->options[i].flags & WSHUB_OPTION_SECRET) != 0, secret);
    }
}

static void good_ones_are_taken(void **state) {
    (void)state;
    assert_taken(OPTIONS(NULL));
    assert_taken(OPTIONS("url", "mqtts://me:secret@h:7", "prefix", "app/hub", "client_id", "one"));
    assert_taken(OPTIONS("username", "me", "password", "secret", "qos", "0", "delivery_qos", "1"));
    assert_taken(OPTIONS("username", "me", "keepalive", "60s"));
    assert_taken(OPTIONS("url", "mqtts://h", "tls_ca", "a", "tls_cert", "b", "tls_key", "c",
                         "tls_server_name", "n", "tls_verify", "false"));
}

static void wrong_ones_are_refused(void **state) {
    (void)state;
    assert_refused(OPTIONS("url", "mqtt//secret"), "url: expected mqtt://");
    assert_refused(OPTIONS("url", ""), "url: expected mqtt://");
    assert_refused(OPTIONS("url", "mqtt://me:secret@h", "username", "me"), "username: expected nothing, as");
    assert_refused(OPTIONS("url", "mqtt://me:secret@h", "password", "secret"),
                   "password: expected nothing, as");
    assert_refused(OPTIONS("password", "secret"), "password: expected a user name");
    assert_refused(OPTIONS("username", "\x01"), "username: expected UTF-8");
    assert_refused(OPTIONS("protocol", "3.1.1"), "protocol: expected 5: MQTT 3.1.1 cannot");
    assert_refused(OPTIONS("prefix", ""), "prefix: expected 1 to 64");
    assert_refused(OPTIONS("prefix", "/a"), "prefix: expected 1 to 64");
    assert_refused(OPTIONS("prefix", "a/"), "prefix: expected 1 to 64");
    assert_refused(OPTIONS("prefix", "a//b"), "prefix: expected 1 to 64");
    assert_refused(OPTIONS("prefix", "a/+"), "prefix: expected 1 to 64");
    assert_refused(OPTIONS("prefix", "$SYS"), "prefix: expected 1 to 64");
    assert_refused(OPTIONS("client_id", "a/b"), "client_id: expected at most 128");
    assert_refused(OPTIONS("tls_ca", "f"), "tls_ca: expected a url that begins with mqtts://");
    assert_refused(OPTIONS("url", "mqtts://h", "tls_key", "f"), "together");
    assert_refused(OPTIONS("reconnect_min", "3s"), "reconnect_min: expected at most `reconnect_max`");
    assert_refused(OPTIONS("keepalive", "5500ms"), "keepalive: expected whole seconds");
}

static void several_are_told_at_once(void **state) {
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), OPTIONS("url", "x", "prefix", "a b"));
    (void)state;
    assert_int_equal(plugin_host_check(host), WSHUB_INVALID);
    assert_int_equal(count_lines(host->refused), 2);
    plugin_host_free(host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_describes_itself),
        cmocka_unit_test(good_ones_are_taken),
        cmocka_unit_test(wrong_ones_are_refused),
        cmocka_unit_test(several_are_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
