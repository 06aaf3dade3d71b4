// SPDX-License-Identifier: MIT
// Times to the millisecond, which no other test can set.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "claims.h"
#include "json.h"
#include "settings.h"
#include "wshub/status.h"

enum { NOW = 1000000 }; // ms

static struct claims_result judged(const struct settings *settings, const char *text) {
    struct claims_result result;
    json_t *claims = json_object_of(text, strlen(text));
    assert_non_null(claims);
    claims_judge(&result, settings, claims, NOW);
    json_decref(claims);
    assert_int_equal(result.status == WSHUB_OK, *result.why == 0);
    return result;
}

static void times_are_exact(void **state) {
    static const struct {
        const char *claims;
        uint64_t leeway;
        int status;
        uint64_t issued, expires;
    } cases[] = {
        {"{}", 0, WSHUB_OK, 0, 0},
        {"{\"exp\":1001}", 0, WSHUB_OK, 0, 1001000},
        {"{\"exp\":1000}", 0, WSHUB_EXPIRED, 0, 1000000},
        {"{\"exp\":1000.001}", 0, WSHUB_OK, 0, 1000001},
        {"{\"exp\":999.999}", 0, WSHUB_EXPIRED, 0, 999999},
        {"{\"exp\":999}", 1000, WSHUB_EXPIRED, 0, 1000000},
        {"{\"exp\":999}", 1001, WSHUB_OK, 0, 1000001},
        {"{\"exp\":0}", 0, WSHUB_EXPIRED, 0, 1},
        {"{\"exp\":-5}", 0, WSHUB_EXPIRED, 0, 1},
        {"{\"exp\":0.0001}", 0, WSHUB_EXPIRED, 0, 1},
        {"{\"exp\":253402300799}", 0, WSHUB_OK, 0, UINT64_C(253402300799000)},
        {"{\"exp\":253402300800}", 0, WSHUB_DENIED, 0, 0},
        {"{\"exp\":9223372036854775807}", 0, WSHUB_DENIED, 0, 0},
        {"{\"nbf\":1000}", 0, WSHUB_OK, 0, 0},
        {"{\"nbf\":1000.001}", 0, WSHUB_DENIED, 0, 0},
        {"{\"nbf\":1000.001}", 1, WSHUB_OK, 0, 0},
        {"{\"nbf\":-1}", 0, WSHUB_OK, 0, 0},
        {"{\"iat\":1000}", 0, WSHUB_OK, 1000000, 0},
        {"{\"iat\":1001}", 999, WSHUB_DENIED, 1001000, 0},
        {"{\"iat\":1001}", 1000, WSHUB_OK, 1001000, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct settings settings = {.leeway = cases[i].leeway};
        struct claims_result result = judged(&settings, cases[i].claims);
        if (result.status != cases[i].status || result.issued != cases[i].issued ||
            result.expires != cases[i].expires) {
            fail_msg("%s with leeway %" PRIu64 ": %d, issued %" PRIu64 ", expires %" PRIu64, cases[i].claims,
                     cases[i].leeway, result.status, result.issued, result.expires);
        }
    }
}

static void exp_may_be_required(void **state) {
    const struct settings settings = {.require_exp = true};
    (void)state;
    assert_int_equal(judged(&settings, "{}").status, WSHUB_DENIED);
    assert_int_equal(judged(&settings, "{\"exp\":2000}").status, WSHUB_OK);
}

// A wrong issuer is not told that the token is old as well.
static void who_it_is_from_comes_before_its_times(void **state) {
    const struct settings settings = {.issuer = "a b", .audience = "c"};
    (void)state;
    assert_int_equal(judged(&settings, "{\"iss\":\"x\",\"aud\":\"c\",\"exp\":1}").status, WSHUB_DENIED);
    assert_int_equal(judged(&settings, "{\"iss\":\"b\",\"aud\":\"x\",\"exp\":1}").status, WSHUB_DENIED);
    assert_int_equal(judged(&settings, "{\"iss\":\"b\",\"aud\":\"c\",\"exp\":1}").status, WSHUB_EXPIRED);
    assert_int_equal(judged(&settings, "{\"iss\":\"a b\",\"aud\":\"c\"}").status, WSHUB_DENIED);
    assert_int_equal(judged(&settings, "{\"iss\":\"\",\"aud\":\"c\"}").status, WSHUB_DENIED);
    assert_int_equal(judged(&settings, "{\"iss\":\"a\",\"aud\":[\"x\",\"c\"]}").status, WSHUB_OK);
    assert_int_equal(judged(&settings, "{\"iss\":\"a\",\"aud\":[]}").status, WSHUB_DENIED);
    assert_int_equal(judged(&settings, "{\"iss\":\"a\",\"aud\":[[\"c\"]]}").status, WSHUB_DENIED);
}

static void a_claim_is_found_by_its_name_or_on_the_way(void **state) {
    static const char text[] = "{\"a.b\":1,\"a\":{\"b\":2,\"c\":{\"d\":3},\"x\":[{\"y\":4}]},\"\":{\"\":5}}";
    static const struct {
        const char *name;
        int value;
    } cases[] = {{"a.b", 1}, {"a.c.d", 3}, {"a.c.e", 0}, {"a.x.y", 0},
                 {"b", 0},   {"a.", 0},    {".", 5},     {"..", 0}};
    json_t *claims = json_object_of(text, strlen(text));
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(json_integer_value(claims_find(claims, cases[i].name)), cases[i].value);
    }
    json_decref(claims);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_exact),
        cmocka_unit_test(exp_may_be_required),
        cmocka_unit_test(who_it_is_from_comes_before_its_times),
        cmocka_unit_test(a_claim_is_found_by_its_name_or_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
