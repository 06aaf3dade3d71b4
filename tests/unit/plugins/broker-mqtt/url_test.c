// SPDX-License-Identifier: MIT
#include "mqtt_fixture.h"
#include "url.h"

static void assert_url(const char *text, bool tls, const char *host, unsigned port, const char *username,
                       const char *password) {
    struct url url;
    if (url_read(&url, text)) {
        fail_msg("%s is refused", text);
    }
    assert_int_equal(url.tls, tls);
    assert_string_equal(url.host, host);
    assert_int_equal(url.port, port);
    assert_string_equal(url.username ? url.username : "(none)", username);
    assert_string_equal(url.password ? url.password : "(none)", password);
    url_free(&url);
}

static void good_ones_are_taken_apart(void **state) {
    (void)state;
    assert_url("mqtt://h", false, "h", 1883, "(none)", "(none)");
    assert_url("mqtts://h", true, "h", 8883, "(none)", "(none)");
    assert_url("mqtt://h:7/", false, "h", 7, "(none)", "(none)");
    assert_url("mqtt://[::1]:7", false, "::1", 7, "(none)", "(none)");
    assert_url("mqtt://[::1]", false, "::1", 1883, "(none)", "(none)");
    assert_url("mqtt://me@h", false, "h", 1883, "me", "(none)");
    assert_url("mqtt://m%40e:p:%2F%3a@h:9", false, "h", 9, "m@e", "p:/:");
    assert_url("mqtt://me:a@b@h:9", false, "h", 9, "me", "a@b");
}

static void bad_ones_are_refused(void **state) {
    static const char *const urls[] = {
        "",           "h",          "redis://h",     "mqtt://",        "mqtt://:1",
        "mqtt://h:",  "mqtt://h:0", "mqtt://h:x",    "mqtt://h:65536", "mqtt://[::1",
        "mqtt://a/b", "mqtt://a b", "mqtt://:p@h",   "mqtt://u:%@h",   "mqtt://%00@h",
        "mqtt://@h",  "mqtt://h?x", "mqtt://[::1]x", "MQTT://h"};
    struct url url;
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        if (!url_read(&url, urls[i])) {
            fail_msg("%s is taken", urls[i]);
        }
        assert_null(url.host);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_taken_apart),
        cmocka_unit_test(bad_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
