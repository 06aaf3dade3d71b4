// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/address.h"
#include "net/networks.h"
#include "scarce_memory.h"

// As address_ip would give it: "" is a UNIX socket.
static struct in6_addr ip_of(const char *text) {
    struct network network = {0};
    const char *why;
    assert_true(text[0] == '\0' || network_parse(&network, text, &why));
    return network.ip;
}

static bool contains(const char *network, const char *ip) {
    char *texts[] = {(char *)(uintptr_t)network};
    struct networks networks;
    struct in6_addr address = ip_of(ip);
    assert_true(networks_init(&networks, texts, 1));
    bool found = networks_contain(&networks, &address);
    networks_free(&networks);
    return found;
}

static void contain_what_they_say(void **state) {
    (void)state;
    static const struct {
        const char *network, *ip;
        bool inside;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0", true},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"192.0.2.4/30", "192.0.2.7", true},
        {"192.0.2.4/30", "192.0.2.8", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"192.0.2.7/32", "192.0.2.7", true},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"0.0.0.0/0", "", false},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"::1", "::1", true},
        {"::1", "::2", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "10.0.0.1", false},
        {"::/0", "", false},
        {"::/96", "", false},
        {"unix", "", true},
        {"unix", "127.0.0.1", false},
        {"unix", "::1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (contains(cases[i].network, cases[i].ip) != cases[i].inside) {
            fail_msg("%s and \"%s\"", cases[i].network, cases[i].ip);
        }
    }
}

static void are_several_or_none(void **state) {
    (void)state;
    char a[] = "10.0.0.0/8", b[] = "unix", c[] = "::1", *texts[] = {a, b, c};
    struct networks networks;
    struct in6_addr loopback = ip_of("::1"), other = ip_of("127.0.0.1"), none = ip_of("");
    assert_true(networks_init(&networks, texts, 3));
    assert_true(networks_contain(&networks, &loopback));
    assert_true(networks_contain(&networks, &none));
    assert_false(networks_contain(&networks, &other));
    networks_free(&networks);
    assert_true(networks_init(&networks, NULL, 0));
    assert_false(networks_contain(&networks, &none));
    networks_free(&networks);
}

static void refuse_what_is_none(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "/8",
                                        "10.0.0.0/",
                                        "10.0.0.0/33",
                                        "10.0.0.0/-1",
                                        "10.0.0.0/08x",
                                        "10.0.0.0/ 8",
                                        "10.0.0.0/0008",
                                        "10.0.0.1/8",
                                        "10.0.0.0.0",
                                        "10.0/8",
                                        "localhost",
                                        "::1/129",
                                        "::1/64",
                                        "[::1]",
                                        "::1%lo",
                                        "127.0.0.1:80",
                                        "unix:/x",
                                        "UNIX",
                                        " 10.0.0.1",
                                        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
                                        "128.0.0.0/0"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct network network;
        const char *why = NULL;
        if (network_parse(&network, texts[i], &why)) {
            fail_msg("\"%s\" was accepted", texts[i]);
        }
        assert_non_null(why);
    }
}

static void say_when_there_is_no_memory(void **state) {
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    char a[] = "unix", *texts[] = {a};
    struct networks networks;
    memory_allowed = 0;
    bool made = networks_init(&networks, texts, 1);
    memory_allowed = SIZE_MAX;
    assert_false(made);
    networks_free(&networks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contain_what_they_say),
        cmocka_unit_test(are_several_or_none),
        cmocka_unit_test(refuse_what_is_none),
        cmocka_unit_test(say_when_there_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
