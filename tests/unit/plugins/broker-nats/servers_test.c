// SPDX-License-Identifier: MIT
#include "servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void one_is_read(void **state) {
    static const struct {
        const char *text, *host, *user, *password;
        unsigned port;
        bool tls;
    } table[] = {
        {"nats://localhost", "localhost", NULL, NULL, 4222, false},
        {"nats://localhost/", "localhost", NULL, NULL, 4222, false},
        {"tls://nats.example:4443", "nats.example", NULL, NULL, 4443, true},
        {"nats://[::1]:1", "::1", NULL, NULL, 1, false},
        {"nats://[fe80::1%eth0]", "fe80::1%eth0", NULL, NULL, 4222, false},
        {"nats://a:b@h", "h", "a", "b", 4222, false},
        {"nats://token@h:65535", "h", "token", NULL, 65535, false},
        {"nats://a%40b:c%3Ad%2f%25@h", "h", "a@b", "c:d/%", 4222, false},
        {"nats://a:p@ss@h", "h", "a", "p@ss", 4222, false},
        {"nats://a:@h", "h", "a", "", 4222, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct servers servers = {0};
        assert_null(servers_read(&servers, table[i].text));
        const struct server *server = &servers.all[0];
        assert_int_equal(servers.count, 1);
        assert_string_equal(server->host, table[i].host);
        assert_int_equal(server->port, table[i].port);
        assert_int_equal(servers.tls, table[i].tls);
        assert_string_equal(server->user ? server->user : "-", table[i].user ? table[i].user : "-");
        assert_string_equal(server->password ? server->password : "-",
                            table[i].password ? table[i].password : "-");
        servers_free(&servers);
    }
}

static void what_is_malformed_is_refused(void **state) {
    static const char *const wrong[] = {
        "",
        "localhost",
        "http://h",
        "nats://",
        "nats://:1",
        "nats://h:",
        "nats://h:0",
        "nats://h:65536",
        "nats://h:99999999999",
        "nats://h:1x",
        "nats://[::1",
        "nats://[::1]x",
        "nats://@h",
        "nats://:p@h",
        "nats://a%4@h",
        "nats://a%zz@h",
        "nats://a%00@h",
        "nats://h,",
        ",nats://h",
        "nats://h,,nats://i",
        "nats://a b",
        "nats://h/path",
        "nats://h,tls://i",
        "nats://h?x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct servers servers = {0};
        if (!servers_read(&servers, wrong[i])) {
            fail_msg("\"%s\" is taken", wrong[i]);
        }
        servers_free(&servers);
    }
}

static void they_are_tried_in_turn(void **state) {
    struct servers servers = {0};
    char place[SERVER_PLACE];
    bool last;
    (void)state;
    assert_null(servers_read(&servers, "nats://a,nats://b, nats://[::1]:7"));
    servers_shuffle(&servers, 4);
    server_print(servers_take(&servers, &last), place);
    assert_string_equal(place, "b:4222");
    assert_false(last);
    server_print(servers_take(&servers, &last), place);
    assert_string_equal(place, "[::1]:7");
    assert_false(last);
    assert_string_equal(servers_take(&servers, &last)->host, "a");
    assert_true(last);
    assert_string_equal(servers_take(&servers, &last)->host, "b");
    assert_false(last);
    servers_free(&servers);
}

static void those_that_servers_tell_of_are_added_once(void **state) {
    struct servers servers = {0};
    char url[32];
    (void)state;
    assert_null(servers_read(&servers, "nats://u:p@10.0.0.1:4222"));
    servers_add(&servers, "nats://10.0.0.1:4222");
    servers_add(&servers, "10.0.0.2:4222");
    servers_add(&servers, "tls://10.0.0.2:4222");
    servers_add(&servers, "nats://10.0.0.3:x");
    assert_int_equal(servers.count, 2);
    assert_string_equal(servers.all[1].host, "10.0.0.2");
    assert_true(servers.all[1].discovered);
    assert_false(servers.all[0].discovered);
    for (int i = 0; i < 100; i++) {
        snprintf(url, sizeof url, "nats://10.0.1.%d:4222", i);
        servers_add(&servers, url);
    }
    assert_int_equal(servers.count, SERVERS_MOST);
    servers_free(&servers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_read),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(they_are_tried_in_turn),
        cmocka_unit_test(those_that_servers_tell_of_are_added_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
