// SPDX-License-Identifier: MIT
// Who is revoked, until when, and how that is said in JSON.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/identity.h"
#include "auth/revocations.h"
#include "scarce_memory.h"
#include "util/buf.h"

static struct span span(const char *text) {
    return (struct span){text, strlen(text)};
}

static struct revocation revoke(enum revocation_kind kind, const char *id, uint64_t at, uint64_t until) {
    return (struct revocation){kind, span(id), at, until};
}

static bool add(struct revocations *revocations, enum revocation_kind kind, const char *id, uint64_t at,
                uint64_t until) {
    struct revocation revocation = revoke(kind, id, at, until);
    return revocations_add(revocations, &revocation, REVOCATIONS_MAX);
}

static struct identity *identity(const char *user, const char *token_id, uint64_t issued) {
    const struct wshub_identity theirs = {
        .struct_size = sizeof theirs,
        .user = {user, strlen(user)},
        .token_id = {token_id, strlen(token_id)},
        .issued = issued,
    };
    const char *why;
    struct identity *made = identity_new(&theirs, &why);
    assert_non_null(made);
    return made;
}

static bool is_hit(const struct revocations *revocations, const char *user, const char *token_id,
                   uint64_t issued, uint64_t now) {
    struct identity *who = identity(user, token_id, issued);
    bool hit = revocations_hit(revocations, who, now);
    identity_unref(who);
    return hit;
}

// ---- whom it hits

static void it_hits_whom_it_names(void **state) {
    static const struct {
        const char *user, *token_id;
        uint64_t issued;
        uint64_t now;
        bool hit;
    } cases[] = {
        {"42", "", 999, 5000, true},    {"42", "", 1000, 5000, true}, // in the same second, say
        {"42", "", 1001, 5000, false},  {"42", "", 0, 5000, true},    // who knows
        {"42", "", 999, 8999, true},    {"42", "", 999, 9000, false}, // over
        {"4", "", 999, 5000, false},    {"422", "", 999, 5000, false},
        {"", "", 0, 5000, false},       {"7", "42", 0, 5000, false}, // a token that is called like the user
        {"jti", "", 0, 5000, false},                                 // and the other way round
        {"7", "jti", 9999, 5000, true}, // a token is revoked whenever it was issued
        {"", "jti", 0, 5000, true},     {"7", "jti2", 0, 5000, false},
    };
    (void)state;
    struct revocations *revocations = revocations_new(1);
    assert_true(add(revocations, REVOKE_USER, "42", 1000, 9000));
    assert_true(add(revocations, REVOKE_TOKEN, "jti", 1000, 9000));
    assert_int_equal(revocations_count(revocations), 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (is_hit(revocations, cases[i].user, cases[i].token_id, cases[i].issued, cases[i].now) !=
            cases[i].hit) {
            fail_msg("case %zu", i);
        }
    }
    assert_false(revocations_hit(revocations, NULL, 5000));
    revocations_free(revocations);
    revocations_free(NULL);
}

static void it_becomes_longer_and_never_shorter(void **state) {
    (void)state;
    struct revocations *revocations = revocations_new(1);
    assert_null(revocations_find(revocations, REVOKE_USER, span("42")));
    assert_true(add(revocations, REVOKE_USER, "42", 1000, 9000));
    assert_true(add(revocations, REVOKE_USER, "42", 2000, 5000));
    assert_true(add(revocations, REVOKE_USER, "42", 1500, 6000));
    const struct revocation *found = revocations_find(revocations, REVOKE_USER, span("42"));
    assert_int_equal(found->at, 2000);
    assert_int_equal(found->until, 9000);
    assert_int_equal(found->id.length, 2);
    assert_memory_equal(found->id.data, "42", 2);
    assert_null(revocations_find(revocations, REVOKE_TOKEN, span("42")));
    assert_int_equal(revocations_count(revocations), 1);
    revocations_free(revocations);
}

static void what_is_given_is_copied(void **state) {
    char id[] = "42";
    (void)state;
    struct revocations *revocations = revocations_new(1);
    assert_true(add(revocations, REVOKE_USER, id, 1000, 9000));
    memset(id, 'x', 2);
    assert_true(is_hit(revocations, "42", "", 0, 5000));
    revocations_free(revocations);
}

static void an_id_has_1_to_255_bytes(void **state) {
    char id[IDENTITY_TEXT_MAX + 2];
    (void)state;
    struct revocations *revocations = revocations_new(1);
    memset(id, 'x', sizeof id);
    id[IDENTITY_TEXT_MAX + 1] = '\0';
    assert_false(add(revocations, REVOKE_USER, id, 1, 2));
    assert_false(add(revocations, REVOKE_USER, "", 1, 2));
    id[IDENTITY_TEXT_MAX] = '\0';
    assert_true(add(revocations, REVOKE_USER, id, 1, 2));
    assert_true(is_hit(revocations, id, "", 0, 1));
    revocations_free(revocations);
}

// ---- what others know

static unsigned count_missing(struct revocations *revocations) {
    unsigned count = 0;
    while (revocations_next_missing(revocations)) {
        count++;
    }
    return count;
}

static void found(struct revocations *revocations, const char *id, uint64_t at, uint64_t until) {
    struct revocation revocation = revoke(REVOKE_USER, id, at, until);
    revocations_found(revocations, &revocation);
}

static void what_a_reading_has_not_found_is_missing(void **state) {
    (void)state;
    struct revocations *revocations = revocations_new(1);
    assert_int_equal(count_missing(revocations), 0); // nobody has read yet
    assert_true(add(revocations, REVOKE_USER, "a", 5, 100));
    assert_true(add(revocations, REVOKE_USER, "b", 5, 200));
    assert_true(add(revocations, REVOKE_TOKEN, "b", 5, 300));
    revocations_begin_reading(revocations);
    found(revocations, "b", 5, 200);
    found(revocations, "unknown", 5, 200);
    assert_int_equal(revocations_next_missing(revocations)->until, 100);
    assert_int_equal(revocations_next_missing(revocations)->kind, REVOKE_TOKEN);
    assert_null(revocations_next_missing(revocations));
    assert_null(revocations_next_missing(revocations));
    revocations_begin_reading(revocations);
    found(revocations, "a", 4, 100); // less than is known here
    found(revocations, "b", 5, 199);
    assert_int_equal(count_missing(revocations), 3);
    revocations_begin_reading(revocations);
    found(revocations, "a", 5, 101);
    revocations_expire(revocations, 250); // the two that would be looked at next
    assert_int_equal(revocations_next_missing(revocations)->until, 300);
    assert_null(revocations_next_missing(revocations));
    revocations_begin_reading(revocations);
    revocations_expire(revocations, 300);
    assert_null(revocations_next_missing(revocations));
    revocations_free(revocations);
}

// ---- how many

static void number(char id[16], unsigned i) {
    snprintf(id, 16, "u%u", i);
}

static void what_is_over_is_forgotten_bit_by_bit(void **state) {
    enum { MANY = 2000 };
    char id[16];
    (void)state;
    struct revocations *revocations = revocations_new(1);
    for (unsigned i = 0; i < MANY; i++) {
        number(id, i);
        assert_true(add(revocations, REVOKE_USER, id, 1, i % 2 ? 100 : 200));
    }
    revocations_expire(revocations, 100);
    size_t left = revocations_count(revocations);
    assert_in_range(left, MANY / 2 + 1, MANY - 1); // some of them
    for (int i = 0; i < 10; i++) {
        revocations_expire(revocations, 100);
    }
    assert_int_equal(revocations_count(revocations), MANY / 2);
    for (unsigned i = 0; i < MANY; i++) {
        number(id, i);
        assert_int_equal(is_hit(revocations, id, "", 0, 100), i % 2 == 0);
    }
    for (int i = 0; i < 20; i++) {
        revocations_expire(revocations, 200);
    }
    assert_int_equal(revocations_count(revocations), 0);
    revocations_expire(revocations, 200);
    revocations_free(revocations);
}

static void there_is_an_end_to_how_many(void **state) {
    char id[16];
    (void)state;
    struct revocations *revocations = revocations_new(1);
    for (unsigned i = 0; i < REVOCATIONS_MAX; i++) {
        number(id, i);
        assert_true(add(revocations, REVOKE_USER, id, 1, 100));
    }
    assert_false(add(revocations, REVOKE_USER, "one more", 1, 100));
    assert_true(add(revocations, REVOKE_USER, "u7", 1, 200)); // which is there already
    revocations_expire(revocations, 100);
    assert_true(add(revocations, REVOKE_USER, "one more", 1, 200));
    assert_true(is_hit(revocations, "one more", "", 0, 100));
    assert_true(is_hit(revocations, "u7", "", 0, 100));
    revocations_free(revocations);
}

static void without_memory_it_says_so(void **state) {
    (void)state;
#if !SCARCE_MEMORY
    skip();
#endif
    struct revocations *revocations = revocations_new(1);
    for (size_t allowed = 0; allowed < 3; allowed++) { // the entry, and the table's two parts
        memory_allowed = allowed;
        assert_false(add(revocations, REVOKE_USER, "42", 1, 100));
        memory_allowed = SIZE_MAX;
        assert_int_equal(revocations_count(revocations), 0);
    }
    assert_true(add(revocations, REVOKE_USER, "42", 1, 100));
    memory_allowed = 0;
    assert_false(add(revocations, REVOKE_USER, "43", 1, 100));
    assert_true(add(revocations, REVOKE_USER, "42", 1, 200)); // takes none
    struct revocation read;
    char scratch[IDENTITY_TEXT_MAX];
    assert_false(revocation_read(&read, span("{\"revoke\":{\"user\":\"4\"},\"at\":1,\"until\":2}"), scratch));
    assert_null(revocations_new(1));
    memory_allowed = SIZE_MAX;
    revocations_free(revocations);
}

// ---- JSON

static void what_is_written_is_read(void **state) {
    static const char nasty[] = "\"\\/\x7f\xc3\xa4\xe2\x80\xa8\xf0\x9f\x92\xa9 {}";
    static const struct {
        enum revocation_kind kind;
        const char *id, *text;
    } cases[] = {
        {REVOKE_USER, "42", "{\"revoke\":{\"user\":\"42\"},\"at\":1700000000123,\"until\":1700003600123}"},
        {REVOKE_TOKEN, "jti",
         "{\"revoke\":{\"token\":\"jti\"},\"at\":1700000000123,\"until\":1700003600123}"},
        {REVOKE_USER, nasty, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct revocation read, wrote = revoke(cases[i].kind, cases[i].id, 1700000000123, 1700003600123);
        char scratch[IDENTITY_TEXT_MAX];
        struct buf out = {0};
        revocation_write(&out, &wrote);
        buf_append(&out, "", 1);
        assert_false(out.failed);
        if (cases[i].text) {
            assert_string_equal(out.data, cases[i].text);
        }
        assert_true(revocation_read(&read, span(out.data), scratch));
        assert_int_equal(read.kind, wrote.kind);
        assert_int_equal(read.at, wrote.at);
        assert_int_equal(read.until, wrote.until);
        assert_int_equal(read.id.length, wrote.id.length);
        assert_memory_equal(read.id.data, wrote.id.data, wrote.id.length);
        assert_ptr_equal(read.id.data, scratch);
        buf_free(&out);
    }
}

static void what_is_none_is_not_read(void **state) {
    static const char *const none[] = {
        "",
        "[]",
        "{}",
        "{\"revoke\":{\"user\":\"42\"},\"at\":1}",
        "{\"revoke\":{\"user\":\"42\"},\"until\":1}",
        "{\"revoke\":{},\"at\":1,\"until\":2}",
        "{\"revoke\":\"42\",\"at\":1,\"until\":2}",
        "{\"revoke\":{\"user\":42},\"at\":1,\"until\":2}",
        "{\"revoke\":{\"user\":\"\"},\"at\":1,\"until\":2}",
        "{\"revoke\":{\"user\":\"\\ud800\"},\"at\":1,\"until\":2}",
        "{\"revoke\":{\"user\":\"1\",\"token\":\"2\"},\"at\":1,\"until\":2}",
        "{\"revoke\":{\"user\":null,\"token\":\"2\"},\"at\":1,\"until\":2}",
        "{\"revoke\":{\"user\":\"1\",\"user\":\"2\"},\"at\":1,\"until\":2}",
        "{\"revoke\":{\"user\":\"1\"},\"revoke\":{\"user\":\"2\"},\"at\":1,\"until\":2}",
        "{\"revoke\":{\"user\":\"42\"},\"at\":-1,\"until\":2}",
        "{\"revoke\":{\"user\":\"42\"},\"at\":1.5,\"until\":2}",
        "{\"revoke\":{\"user\":\"42\"},\"at\":1e3,\"until\":2}",
        "{\"revoke\":{\"user\":\"42\"},\"at\":\"1\",\"until\":2}",
        "{\"revoke\":{\"user\":\"42\"},\"at\":1,\"until\":9007199254740993}",
        "{\"revoke\":{\"user\":\"42\"},\"at\":1,\"until\":99999999999999999999999999}",
        "{\"revoke\":{\"user\":\"42\"},\"at\":1,\"until\":2",
        "{\"revoke\":{\"user\":\"42\"},\"at\":1,\"until\":2} x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct revocation read;
        char scratch[IDENTITY_TEXT_MAX];
        if (revocation_read(&read, span(none[i]), scratch)) {
            fail_msg("read: %s", none[i]);
        }
    }
}

static void an_id_that_is_too_long_is_not_read(void **state) {
    (void)state;
    for (size_t length = IDENTITY_TEXT_MAX; length <= IDENTITY_TEXT_MAX + 1; length++) {
        struct revocation read;
        char scratch[IDENTITY_TEXT_MAX], text[400];
        snprintf(text, sizeof text, "{\"revoke\":{\"user\":\"%0*d\"},\"at\":1,\"until\":2,\"more\":[]}",
                 (int)length, 0);
        assert_int_equal(revocation_read(&read, span(text), scratch), length == IDENTITY_TEXT_MAX);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_hits_whom_it_names),
        cmocka_unit_test(it_becomes_longer_and_never_shorter),
        cmocka_unit_test(what_is_given_is_copied),
        cmocka_unit_test(an_id_has_1_to_255_bytes),
        cmocka_unit_test(what_a_reading_has_not_found_is_missing),
        cmocka_unit_test(what_is_over_is_forgotten_bit_by_bit),
        cmocka_unit_test(there_is_an_end_to_how_many),
        cmocka_unit_test(without_memory_it_says_so),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_none_is_not_read),
        cmocka_unit_test(an_id_that_is_too_long_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
