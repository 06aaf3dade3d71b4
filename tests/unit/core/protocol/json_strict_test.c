// SPDX-License-Identifier: MIT
// core/protocol/json: what a person writes is read strictly.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/json.h"

static void refuses_what_is_not_asked_for_where_told_to(void **state) {
    static const char *const names[] = {"user", "for"};
    static const struct {
        const char *text;
        enum json_result result;
    } cases[] = {
        {"{}", JSON_OK},
        {"{\"for\":\"1h\",\"user\":{\"more\":1}}", JSON_OK},
        {"{\"us\\u0065r\":1}", JSON_OK},
        {"{\"user\":1,\"fro\":2}", JSON_UNKNOWN},
        {"{\"\":1}", JSON_UNKNOWN},
        {"{\"\\ud800\":1}", JSON_UNKNOWN},
        {"{\"user\":1,\"user\":2}", JSON_DUPLICATE},
        {"{\"fro\":2,\"user\":", JSON_INVALID},
    };
    struct json_reader *reader = json_reader_new();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_member members[2];
        size_t length = strlen(cases[i].text);
        assert_int_equal(json_read_strictly(reader, cases[i].text, length, names, 2, members),
                         cases[i].result);
        bool has_user = cases[i].result == JSON_OK && length > 2;
        assert_int_equal(members[0].type != JSON_ABSENT, has_user);
        if (cases[i].result == JSON_UNKNOWN) { // and the next is read as ever
            assert_int_equal(json_read(reader, cases[i].text, length, names, 2, members), JSON_OK);
        }
    }
    json_reader_free(reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_asked_for_where_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
