// SPDX-License-Identifier: MIT
// YAML as it is read before any key has a meaning: structure, positions, and every refusal.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/report.h"
#include "config/tree.h"
#include "util/buf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct node *parse_ok(const char *text) {
    struct report report = {.name = "t"};
    struct node *root = tree_parse(text, strlen(text), &report);
    assert_non_null(root);
    assert_true(report_is_empty(&report));
    return root;
}

// What the report says of a text; a tree that came all the same is freed.
static void expect_report(const char *text, size_t length, const char *expected) {
    struct report report = {.name = "t"};
    struct buf errors = {0};
    tree_free(tree_parse(text, length, &report));
    report_finish(&report, &errors);
    buf_append(&errors, "", 1);
    assert_false(errors.failed);
    assert_string_equal(errors.data, expected);
    buf_free(&errors);
}

static void knows_where_everything_stands(void **state) {
    (void)state;
    struct node *root = parse_ok("a: 1\nlist:\n  - x\n  - {k: \"v\"}\nü: ö\n");
    const struct node *list = node_child(root, "list");
    assert_int_equal(root->kind, NODE_MAP);
    assert_int_equal(root->count, 3);
    assert_int_equal(list->kind, NODE_LIST);
    assert_int_equal(list->key_line, 2);
    assert_int_equal(list->key_column, 1);
    assert_int_equal(list->first->line, 3);
    assert_int_equal(list->first->column, 5);
    assert_true(list->first->plain);
    const struct node *value = node_child(list->last, "k");
    assert_int_equal(list->last->index, 1);
    assert_int_equal(value->line, 4);
    assert_int_equal(value->column, 9);
    assert_false(value->plain);
    assert_string_equal(value->text, "v");
    assert_int_equal(node_child(root, "ü")->column, 4); // characters, not bytes
    assert_null(node_child(root, "b"));
    assert_null(node_child(list, "k"));
    assert_null(node_child(NULL, "k"));

    struct buf path = {0};
    report_show_path(&path, value);
    buf_append(&path, "", 1);
    assert_string_equal(path.data, "list[1].k");
    buf_free(&path);
    tree_forget_positions(root);
    assert_int_equal(value->line, 0);
    tree_free(root);
}

static void takes_an_empty_text_as_nothing(void **state) {
    (void)state;
    static const char *const texts[] = {"",           "\n", "# a comment\n", "---\n",
                                        "---\n...\n", "~",  "null\n",        "\xEF\xBB\xBF"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct node *root = parse_ok(texts[i]);
        assert_true(node_is_nothing(root));
        tree_free(root);
    }
    struct node *root = parse_ok("''");
    assert_false(node_is_nothing(root));
    tree_free(root);
}

static void passes_over_a_byte_order_mark(void **state) {
    (void)state;
    struct node *root = parse_ok("\xEF\xBB\xBF"
                                 "a: 1\nb: 2\n");
    assert_int_equal(root->count, 2);
    assert_int_equal(root->first->key_column, 1);
    tree_free(root);
}

static void refuses_what_a_configuration_has_no_use_for(void **state) {
    (void)state;
    static const struct {
        const char *text, *errors;
    } cases[] = {
        {"a: 1\n---\nb: 2\n", "t:2:1: found a second document, expected one\n"},
        {"a: 1\nb: 2\na: 3\nb: 4\na: 5\n",
         "t:3:1: a: found a second time, expected once: it stands on line 1 already\n"
         "t:4:1: b: found a second time, expected once: it stands on line 2 already\n"
         "t:5:1: a: found a second time, expected once: it stands on line 1 already\n"},
        {"x: {k: 1, k: 2}\n",
         "t:1:11: x.k: found a second time, expected once: it stands on line 1 already\n"},
        {"a: &x 1\nb: *x\n",
         "t:2:4: b: found the alias *x, expected a value: aliases are not supported, and a text "
         "that starts with * stands in quotes\n"},
        {"a: &x [*x]\n",
         "t:1:8: a[0]: found the alias *x, expected a value: aliases are not supported, and a text "
         "that starts with * stands in quotes\n"},
        {"*x : 1\n", "t:1:1: found an alias as a key, expected a name\n"},
        {"? [a]\n: 1\n", "t:1:3: found a list as a key, expected a name\n"},
        {"{{a: 1}: 1}\n", "t:1:2: found a map as a key, expected a name\n"},
        {"a: !!str 1\n", "t:1:4: a: found a tag, expected a value without one\n"},
        {"a: !x [1]\n", "t:1:4: a: found a tag, expected a value without one\n"},
        {"a: \"x\\0y\"\n", "t:1:4: found a NUL byte in a text, expected none\n"},
        {"\"x\\0y\": 1\n", "t:1:1: found a NUL byte in a text, expected none\n"},
        {"a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n",
         "t:1:19: found more than 16 levels of nesting, expected at most 16\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect_report(cases[i].text, strlen(cases[i].text), cases[i].errors);
    }
}

static void says_where_yaml_is_broken_and_what_helps(void **state) {
    (void)state;
    static const struct {
        const char *text, *errors;
    } cases[] = {
        {"a: b: c\n", "t:1:5: found broken YAML: mapping values are not allowed in this context\n"},
        {"a: 'x\n",
         "t:2:1: found broken YAML: found unexpected end of stream, while scanning a quoted scalar from "
         "line 1 on\n"},
        {"a:\n\tb: 1\n",
         "t:2:1: found broken YAML: found character that cannot start any token, while scanning for "
         "the next token from line 2 on; expected spaces, YAML does not indent with tabs\n"},
        {"a: *:8000\n",
         "t:1:5: found broken YAML: did not find expected alphabetic or numeric character, while "
         "scanning an alias from line 1 on; a text that starts with * stands in quotes\n"},
        {"a: [::1]:8000\n",
         "t:1:5: found broken YAML: did not find expected node content, while parsing a flow node "
         "from line 1 on; an IPv6 address stands in quotes, as in \"[::1]:8000\"\n"},
        {"a: {b: ${X}}\n",
         "t:1:9: found broken YAML: did not find expected ',' or '}', while parsing a flow mapping "
         "from line 1 on; ${NAME} stands in quotes inside of {} and []\n"},
        {"é: 1\né: \xff\n", "t:2:4: found broken YAML: invalid leading UTF-8 octet; expected UTF-8 text\n"},
        {"a: \xc3", "t:1:4: found broken YAML: incomplete UTF-8 octet sequence; expected UTF-8 text\n"},
        {"a: \x01\n", "t:1:4: found broken YAML: control characters are not allowed; expected UTF-8 text\n"},
        {"\xff\xfe"
         "a",
         "t:1:1: found broken YAML: invalid leading UTF-8 octet; expected UTF-8 text\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect_report(cases[i].text, strlen(cases[i].text), cases[i].errors);
    }
    expect_report("a: \0\n", 5,
                  "t:1:4: found broken YAML: control characters are not allowed; expected UTF-8 text\n");
}

static void bounds_the_size(void **state) {
    (void)state;
    char *text = malloc(TREE_BYTES_MAX + 1);
    assert_non_null(text);
    memset(text, '#', TREE_BYTES_MAX + 1);
    expect_report(text, TREE_BYTES_MAX, "");
    expect_report(text, TREE_BYTES_MAX + 1, "t:1:1: found more than 1048576 bytes, expected at most 1MiB\n");
    free(text);
}

// A file that opens very many brackets ends at the bound, not at the end of the stack.
static void bounds_the_depth(void **state) {
    (void)state;
    static const char *const openings[] = {"[", "{a: ", "- ", "? "};
    for (size_t i = 0; i < COUNT(openings); i++) {
        struct buf text = {0};
        for (size_t j = 0; j < 50000; j++) {
            buf_puts(&text, openings[i]);
        }
        struct report report = {.name = "t"};
        struct buf errors = {0};
        assert_null(tree_parse(text.data, text.length, &report));
        report_finish(&report, &errors);
        assert_true(errors.length > 0);
        buf_free(&errors);
        buf_free(&text);
    }
}

static void counts_errors_beyond_the_bound(void **state) {
    (void)state;
    struct report report = {.name = "t"};
    struct buf errors = {0};
    for (int i = 0; i < REPORT_LINES_MAX + 7; i++) {
        report_at(&report, REPORT_LINES_MAX + 7 - i, 1, "found %d", i);
    }
    report_finish(&report, &errors);
    buf_append(&errors, "", 1);
    assert_ptr_equal(strstr(errors.data, "t:8:1: found 999\nt:9:1: found 998\n"), errors.data);
    assert_non_null(strstr(errors.data, "\nt: found 7 errors more, which are not shown\n"));
    buf_free(&errors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_where_everything_stands),
        cmocka_unit_test(takes_an_empty_text_as_nothing),
        cmocka_unit_test(passes_over_a_byte_order_mark),
        cmocka_unit_test(refuses_what_a_configuration_has_no_use_for),
        cmocka_unit_test(says_where_yaml_is_broken_and_what_helps),
        cmocka_unit_test(bounds_the_size),
        cmocka_unit_test(bounds_the_depth),
        cmocka_unit_test(counts_errors_beyond_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
