// SPDX-License-Identifier: MIT
// What `check` says of options. Nothing is connected.
#include "redis_fixture.h"
#include "tls.h"

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
    assert_string_equal(plugin->name, "redis");
    assert_int_equal(plugin->magic, WSHUB_PLUGIN_MAGIC);
    assert_int_equal(plugin->abi_major, 1);
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
    assert_taken(OPTIONS("url", "redis://me:secret@h:7/3", "prefix", "app:"));
    assert_taken(OPTIONS("username", "me", "password", "secret", "database", "3"));
    assert_taken(OPTIONS("url", "unix:///run/redis.sock?db=3", "password", "secret"));
    assert_taken(
        OPTIONS("sentinels", "a:1,b,[::1]:3", "sentinel_master", "m", "sentinel_password", "secret"));
    assert_taken(OPTIONS("prefix", ""));
    assert_taken(OPTIONS("restarts", "lossless"));
    assert_taken(OPTIONS("restarts", "lossy", "sentinels", "a", "sentinel_master", "m"));
}

static void wrong_ones_are_refused(void **state) {
    (void)state;
    assert_refused(OPTIONS("url", "redis//secret"), "url: expected redis://");
    assert_refused(OPTIONS("url", ""), "url: expected redis://");
    assert_refused(OPTIONS("url", "redis://me:secret@h", "username", "me"), "username: expected nothing, as");
    assert_refused(OPTIONS("url", "redis://:secret@h", "password", "secret"),
                   "password: expected nothing, as");
    assert_refused(OPTIONS("url", "redis://h/1", "database", "1"), "database: expected nothing, as");
    assert_refused(OPTIONS("username", "me"), "username: expected a password");
    assert_refused(OPTIONS("prefix", "a b"), "prefix: expected at most 128");
    assert_refused(OPTIONS("sentinels", "a:1"), "sentinels: expected `sentinel_master` as well");
    assert_refused(OPTIONS("sentinel_master", "m"), "sentinel_master: expected `sentinels` as well");
    assert_refused(OPTIONS("sentinels", "a:1,,b", "sentinel_master", "m"), "sentinels: expected at most 16");
    assert_refused(OPTIONS("url", "unix:///s", "sentinels", "a", "sentinel_master", "m"),
                   "url: expected redis://");
    assert_refused(OPTIONS("restarts", "lossless", "sentinels", "a", "sentinel_master", "m"),
                   "restarts: expected lossy with `sentinels`");
    assert_refused(OPTIONS("tls_ca", "f"), "tls_ca: expected a url that begins with rediss://");
    assert_refused(OPTIONS("tls_key", "f"), "together");
    assert_refused(OPTIONS("reconnect_min", "3s"), "reconnect_min: expected at most `reconnect_max`");
}

static void several_are_told_at_once(void **state) {
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), OPTIONS("url", "x", "prefix", "a b"));
    (void)state;
    assert_int_equal(plugin_host_check(host), WSHUB_INVALID);
    assert_int_equal(count_lines(host->refused), 2);
    plugin_host_free(host);
}

static void tls_is_refused_where_hiredis_has_none(void **state) {
    (void)state;
    if (!tls_missing()) {
        assert_taken(OPTIONS("url", "rediss://h"));
        return;
    }
    assert_refused(OPTIONS("url", "rediss://h"),
                   "url: expected redis:// or unix://: this build's hiredis 0.14 has no TLS");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_describes_itself),
        cmocka_unit_test(good_ones_are_taken),
        cmocka_unit_test(wrong_ones_are_refused),
        cmocka_unit_test(several_are_told_at_once),
        cmocka_unit_test(tls_is_refused_where_hiredis_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
