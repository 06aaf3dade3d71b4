// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base64.h"

static void decodes_and_encodes(void **state) {
    static const struct {
        const char *text, *bytes;
    } cases[] = {{"", ""},           {"Zg", "f"}, {"Zm8", "fo"}, {"Zm9v", "foo"}, {"Zm9vYmFy", "foobar"},
                 {"_-8", "\xff\xef"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char out[16];
        for (int form = BASE64_URL; form <= BASE64_ANY; form++) {
            ptrdiff_t length = base64_decode(out, cases[i].text, strlen(cases[i].text), form);
            assert_int_equal(length, strlen(cases[i].bytes));
            assert_memory_equal(out, cases[i].bytes, (size_t)length);
        }
        char text[16];
        size_t length = strlen(cases[i].bytes);
        assert_true(strlen(cases[i].text) <= BASE64_TEXT(length));
        assert_int_equal(base64_encode(text, cases[i].bytes, length), strlen(cases[i].text));
        assert_memory_equal(text, cases[i].text, strlen(cases[i].text));
    }
}

static void is_strict(void **state) {
    static const struct {
        const char *text;
        ptrdiff_t url, any;
    } cases[] = {
        {"Zg==", -1, 1},     {"Zm8=", -1, 2},   {"Zg=", -1, -1},        {"Zg===", -1, -1},
        {"====", -1, -1},    {"Z", -1, -1},     {"/+8", -1, 2},         {"/+8=", -1, 2},
        {"Zm9v\n", -1, -1},  {" Zg", -1, -1},   {"Zh", -1, -1},         {"Zm9", -1, -1},
        {"Zm9vYg==", -1, 4}, {"Zm9v=", -1, -1}, {"\xc3\xa4Zg", -1, -1}, {"Z=g=", -1, -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char out[16];
        assert_int_equal(base64_decode(out, cases[i].text, strlen(cases[i].text), BASE64_URL), cases[i].url);
        assert_int_equal(base64_decode(out, cases[i].text, strlen(cases[i].text), BASE64_ANY), cases[i].any);
    }
    assert_int_equal(base64_decode((unsigned char[4]){0}, "Zg\0A", 4, BASE64_URL), -1);
}

// Of all texts of three characters just those that an encoder writes: each gives other bytes.
static void no_two_texts_give_the_same_bytes(void **state) {
    static unsigned char seen[65536];
    unsigned found = 0;
    (void)state;
    for (uint32_t n = 0; n < 1 << 24; n++) {
        const char text[3] = {(char)(n >> 16), (char)(n >> 8), (char)n};
        unsigned char out[8];
        if (base64_decode(out, text, 3, BASE64_URL) == 2) {
            assert_int_equal(seen[out[0] << 8 | out[1]]++, 0);
            found++;
        }
    }
    assert_int_equal(found, 65536);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_and_encodes),
        cmocka_unit_test(is_strict),
        cmocka_unit_test(no_two_texts_give_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
