// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "net/address.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void reads_and_writes(void **state) {
    (void)state;
    static const struct {
        const char *text, *formatted, *host;
        bool loopback;
    } cases[] = {
        {"127.0.0.1:8000", "127.0.0.1:8000", "127.0.0.1", true},
        {"127.255.0.3:1", "127.255.0.3:1", "127.255.0.3", true},
        {"localhost:80", "127.0.0.1:80", "127.0.0.1", true},
        {"0.0.0.0:8000", "0.0.0.0:8000", "0.0.0.0", false},
        {"*:8000", "0.0.0.0:8000", "0.0.0.0", false},
        {"192.0.2.7:65535", "192.0.2.7:65535", "192.0.2.7", false},
        {"128.0.0.1:0", "128.0.0.1:0", "128.0.0.1", false},
        {"[::1]:8000", "[::1]:8000", "::1", true},
        {"[::]:8000", "[::]:8000", "::", false},
        {"[2001:DB8::7]:443", "[2001:db8::7]:443", "2001:db8::7", false},
        {"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", "127.0.0.1", true},
        {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.1]:1", "192.0.2.1", false},
        {"unix:/run/wshub.sock", "unix:/run/wshub.sock", "unix", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address;
        const char *why = cases[i].text;
        char text[ADDRESS_TEXT_SIZE];
        assert_true(address_parse(&address, cases[i].text, &why));
        address_format(&address, text, sizeof text);
        assert_string_equal(text, cases[i].formatted);
        address_format_host(&address, text, sizeof text);
        assert_string_equal(text, cases[i].host);
        assert_int_equal(address_is_loopback(&address), cases[i].loopback);
    }
}

static void refuses(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "port is missing"},
        {"8000", "port is missing"},
        {"127.0.0.1", "port is missing"},
        {"[::1]", "port is missing"},
        {":8000", "0.0.0.0"},
        {":", "0.0.0.0"},
        {"127.0.0.1:", "not a number"},
        {"127.0.0.1:80a", "not a number"},
        {"127.0.0.1:-1", "not a number"},
        {"127.0.0.1: 80", "not a number"},
        {"127.0.0.1:65536", "above 65535"},
        {"127.0.0.1:18446744073709551617", "above 65535"},
        {"example.com:80", "neither a numeric address nor localhost"},
        {"127.1:80", "neither a numeric address nor localhost"},
        {"a-name-that-is-longer-than-any-address-can-ever-be-written:80", "neither a numeric"},
        {"::1:8000", "in brackets"},
        {"[::1:8000", "not closed"},
        {"[]:8000", "not an IPv6 address"},
        {"[127.0.0.1]:8000", "not an IPv6 address"},
        {"[fe80::1%lo]:8000", "not an IPv6 address"},
        {"[:1", "not closed"},
        {"[:", "not closed"},
        {"unix:", "starts with /"},
        {"unix:run/x", "starts with /"},
        {"unix:@x", "starts with /"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address;
        const char *why = NULL;
        if (address_parse(&address, cases[i].text, &why) || !strstr(why, cases[i].why)) {
            fail_msg("%s: %s", cases[i].text, why ? why : "accepted");
        }
    }
}

static void takes_unix_paths_up_to_the_system_limit(void **state) {
    (void)state;
    char text[5 + sizeof((struct sockaddr_un){0}.sun_path) + 1] = "unix:/";
    char formatted[ADDRESS_TEXT_SIZE];
    struct address address;
    const char *why = "";
    memset(text + 6, 'x', sizeof text - 6 - 2);
    text[sizeof text - 2] = '\0'; // 107 bytes of path
    assert_true(address_parse(&address, text, &why));
    address_format(&address, formatted, sizeof formatted);
    assert_string_equal(formatted, text);
    text[sizeof text - 2] = 'x';
    text[sizeof text - 1] = '\0';
    assert_false(address_parse(&address, text, &why));
    assert_non_null(strstr(why, "107"));
}

// As accept(2) gives them: a client's unix socket has no name, and a full path has no terminator.
static void shows_what_the_kernel_gives(void **state) {
    (void)state;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct address address = {.length = sizeof un.sun_family};
    char text[ADDRESS_TEXT_SIZE];
    memcpy(&address.storage, &un, sizeof un);
    address_format(&address, text, sizeof text);
    assert_string_equal(text, "unix:");
    assert_true(address_is_loopback(&address));

    memset(un.sun_path, 'x', sizeof un.sun_path);
    memcpy(&address.storage, &un, sizeof un);
    address.length = sizeof un;
    address_format(&address, text, sizeof text);
    assert_int_equal(strlen(text), 5 + sizeof un.sun_path);

    address = (struct address){.storage.ss_family = AF_UNSPEC};
    address_format(&address, text, sizeof text);
    assert_string_equal(text, "unknown");
    address_format_host(&address, text, sizeof text);
    assert_string_equal(text, "unknown");
    assert_false(address_is_loopback(&address));
}

static void cuts_at_the_size(void **state) {
    (void)state;
    struct address address;
    const char *why;
    char text[5];
    assert_true(address_parse(&address, "127.0.0.1:8000", &why));
    address_format(&address, text, sizeof text);
    assert_string_equal(text, "127.");
    address_format_host(&address, text, sizeof text);
    assert_string_equal(text, "127.");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(takes_unix_paths_up_to_the_system_limit),
        cmocka_unit_test(shows_what_the_kernel_gives),
        cmocka_unit_test(cuts_at_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
