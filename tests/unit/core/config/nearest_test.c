// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/keys.h"
#include "config/nearest.h"
#include "config/schema.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void counts_edits(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"abc", "", 3},
        {"listen", "listen", 0},
        {"LISTEN", "listen", 0},
        {"instance-id", "instance_id", 0},
        {"lsten", "listen", 1},
        {"liisten", "listen", 1},
        {"lissen", "listen", 1},
        {"lsiten", "listen", 1},
        {"abcd", "badc", 2},
        {"kitten", "sitting", 3},
        {"0123456789012345678901234567890123456789012345678901234567890123456789", "a", NEAREST_NAME_MAX},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(nearest_distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(nearest_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
}

static void finds_the_key_that_was_meant(void **state) {
    (void)state;
    static const struct {
        const char *name, *key, *section;
    } cases[] = {
        {"lisen", "listen", NULL},
        {"Workers", "workers", NULL},
        {"instance-id", "instance_id", NULL},
        {"unsubscribelinger", "unsubscribe_linger", NULL},
        {"message", "message", "limits"},
        {"limits.message", "message", "limits"},
        {"pong", "pong", "timeouts"},
        {"level", "level", "log"},
        {"", NULL, NULL},
        {"tls", NULL, NULL},
        {"regstry", "registry", NULL},
        {"pluginpath", "plugin_path", NULL},
        {"heartbeat", "heartbeat", "registry"},
        {"something-else-altogether", NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct key *section;
        const struct key *key = nearest_key(schema_keys, cases[i].name, &section);
        if (!cases[i].key) {
            assert_null(key);
            continue;
        }
        assert_non_null(key);
        assert_string_equal(key->name, cases[i].key);
        assert_string_equal(section ? section->name : "", cases[i].section ? cases[i].section : "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_edits),
        cmocka_unit_test(finds_the_key_that_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
