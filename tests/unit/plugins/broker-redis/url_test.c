// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "url.h"

static void the_parts_are_found(void **state) {
    static const struct {
        const char *text, *host;
        unsigned port;
        const char *username, *password;
        int database;
        bool unix_socket, tls;
    } cases[] = {
        {"redis://127.0.0.1", "127.0.0.1", 6379, NULL, NULL, -1, false, false},
        {"redis://a.example:7000/", "a.example", 7000, NULL, NULL, -1, false, false},
        {"redis://[::1]:7000/15", "::1", 7000, NULL, NULL, 15, false, false},
        {"redis://[::1]", "::1", 6379, NULL, NULL, -1, false, false},
        {"rediss://h/0", "h", 6379, NULL, NULL, 0, false, true},
        {"redis://:secret@h", "h", 6379, NULL, "secret", -1, false, false},
        {"redis://me:p%40ss%2f:%25@h:1/2", "h", 1, "me", "p@ss/:%", 2, false, false},
        {"redis://me:p@ss@h", "h", 6379, "me", "p@ss", -1, false, false},
        {"redis://me:@h", "h", 6379, "me", "", -1, false, false},
        {"unix:///run/redis.sock", "/run/redis.sock", 0, NULL, NULL, -1, true, false},
        {"unix:///run/a%20b?db=3", "/run/a b", 0, NULL, NULL, 3, true, false},
        {"unix://me:pw@/s", "/s", 0, "me", "pw", -1, true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct url url;
        assert_null(url_read(&url, cases[i].text));
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_int_equal(url.database, cases[i].database);
        assert_int_equal(url.unix_socket, cases[i].unix_socket);
        assert_int_equal(url.tls, cases[i].tls);
        assert_int_equal(!url.username, !cases[i].username);
        assert_int_equal(!url.password, !cases[i].password);
        if (url.username) {
            assert_string_equal(url.username, cases[i].username);
        }
        if (url.password) {
            assert_string_equal(url.password, cases[i].password);
        }
        url_free(&url);
    }
}

static void what_is_no_url_is_refused_without_its_secret(void **state) {
    static const char *const texts[] = {
        "",
        "127.0.0.1:6379",
        "http://secret",
        "redis://",
        "redis://:secret@",
        "redis://secret@h",
        "redis://me:secret%zz@h",
        "redis://me:secret%0@h",
        "redis://me:secret%00@h",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:port",
        "redis://h:",
        "redis://[::1",
        "redis://[::1]x",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/1000001",
        "redis://a b",
        "unix://",
        "unix://relative",
        "unix:///s?x=1",
        "unix:///s?db=",
        "unix:///s%4",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct url url;
        const char *expected = url_read(&url, texts[i]);
        if (!expected) {
            fail_msg("accepted: %s", texts[i]);
        }
        assert_null(strstr(expected, "secret"));
        assert_null(url.host);
    }
}

static void a_place_is_a_host_and_a_port(void **state) {
    char *host = NULL;
    unsigned port = 0;
    (void)state;
    assert_true(url_read_place("h,x", 1, 26379, &host, &port));
    assert_string_equal(host, "h");
    assert_int_equal(port, 26379);
    free(host);
    assert_true(url_read_place("[fe80::1]:7", 11, 1, &host, &port));
    assert_string_equal(host, "fe80::1");
    assert_int_equal(port, 7);
    free(host);
    assert_false(url_read_place("", 0, 1, &host, &port));
    assert_false(url_read_place(":7", 2, 1, &host, &port));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_are_found),
        cmocka_unit_test(what_is_no_url_is_refused_without_its_secret),
        cmocka_unit_test(a_place_is_a_host_and_a_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
