// SPDX-License-Identifier: MIT
// Who decides, in which order, and that nobody is let in by a plugin that fails.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "auth/chain.h"
#include "auth/query.h"
#include "config/config.h"
#include "fake_auth.h"
#include "log_fixture.h"
#include "loop_fixture.h"
#include "scarce_memory.h"

struct fixture {
    struct loop *loop;
    struct log log;
    struct config config;
    struct config_plugin entries[FAKE_AUTHS];
    struct chain *chain;
    struct auth_query query;
    unsigned answers;
};

static void make(struct fixture *f, size_t count) {
    static const char *const names[] = {"first", "second", "third"};
    *f = (struct fixture){.loop = loop_new()};
    f->log = (struct log){.fd = memfd_create("log", MFD_CLOEXEC), .level = LOG_DEBUG};
    for (size_t i = 0; i < count; i++) {
        f->entries[i] = (struct config_plugin){.name = (char *)names[i], .plugin = (char *)"auth"};
    }
    f->config.auth.items = f->entries;
    f->config.auth.count = count;
    fake_auth_forget();
}

static void begin(struct fixture *f) {
    f->chain = chain_new(f->loop, &f->log, &f->config, "me", fake_auth_load);
    assert_non_null(f->chain);
}

static void set_up(struct fixture *f, size_t count) {
    make(f, count);
    begin(f);
}

static void tear_down(struct fixture *f) {
    chain_free(f->chain);
    identity_unref(f->query.identity);
    loop_free(f->loop);
    close(f->log.fd);
}

static void assert_logged(const struct fixture *f, const char *text, size_t times) {
    if (log_count(&f->log, text) != times) {
        fail_msg("logged %zu times, not %zu: %s", log_count(&f->log, text), times, text);
    }
}

static void on_done(void *context, struct auth_query *query) {
    struct fixture *f = context;
    assert_ptr_equal(query, &f->query);
    f->answers++;
}

static void begin_asking(struct fixture *f, enum auth_question question) {
    f->query.question = question;
    f->query.verdict = AUTH_CLOSED;
    f->answers = 0;
    chain_ask(f->chain, &f->query, on_done, f);
}

static enum auth_verdict ask(struct fixture *f, enum auth_question question) {
    begin_asking(f, question);
    assert_int_equal(f->answers, 1);
    return f->query.verdict;
}

static unsigned asked(size_t i) {
    return fake_auths[i].asked[AUTH_SLOT_AUTHENTICATE];
}

static bool is_user(const struct fixture *f, const char *user) {
    struct span is = identity_user(f->query.identity);
    return is.length == strlen(user) && memcmp(is.data, user, is.length) == 0;
}

// ---- who decides

static void the_first_that_does_not_pass_decides(void **state) {
    static const struct {
        int status;
        enum auth_verdict verdict;
    } cases[] = {
        {WSHUB_OK, AUTH_YES},
        {WSHUB_DENIED, AUTH_NO},
        {WSHUB_EXPIRED, AUTH_EXPIRED},
        {WSHUB_TIMEOUT, AUTH_FAILED},
        {WSHUB_UNAVAILABLE, AUTH_FAILED},
        {WSHUB_NO_MEMORY, AUTH_FAILED},
        {WSHUB_INTERNAL, AUTH_FAILED},
        {WSHUB_INVALID, AUTH_FAILED},
        {WSHUB_CLOSED, AUTH_FAILED}, // not by us
        {WSHUB_NOT_FOUND, AUTH_FAILED},
        {1, AUTH_FAILED},
        {-1000, AUTH_FAILED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned at = 0; at < 3; at++) {
            struct fixture f;
            set_up(&f, 3);
            fake_auths[at].status = cases[i].status;
            fake_auths[at].user = "42";
            fake_auths[2].status = at < 2 ? WSHUB_OK : cases[i].status; // the lax one, were it asked
            assert_int_equal(ask(&f, AUTH_CONNECT), cases[i].verdict);
            for (unsigned k = 0; k < 3; k++) {
                assert_int_equal(asked(k), k <= at);
            }
            assert_int_equal(f.query.identity != NULL, cases[i].verdict == AUTH_YES);
            assert_int_equal(f.query.plugin, cases[i].verdict == AUTH_YES ? at : 0);
            tear_down(&f);
        }
    }
}

static void nobody_decides(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, 2);
    assert_int_equal(ask(&f, AUTH_CONNECT), AUTH_UNDECIDED);
    assert_int_equal(asked(0) + asked(1), 2);
    assert_null(f.query.identity);
    tear_down(&f);
}

static void an_answer_that_comes_later_is_as_good(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, 2);
    fake_auths[0].holds = fake_auths[1].holds = true;
    fake_auths[1].user = "42";
    begin_asking(&f, AUTH_CONNECT);
    assert_int_equal(asked(1), 0);
    fake_auth_answer(&fake_auths[0], WSHUB_PASS);
    assert_int_equal(asked(1), 1);
    assert_int_equal(f.answers, 0);
    fake_auth_answer(&fake_auths[1], WSHUB_OK);
    assert_int_equal(f.answers, 1);
    assert_int_equal(f.query.verdict, AUTH_YES);
    assert_int_equal(f.query.plugin, 1);
    assert_true(is_user(&f, "42"));
    tear_down(&f);
}

static void a_yes_without_an_identity_is_a_failure(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, 1);
    fake_auths[0].status = WSHUB_OK;
    fake_auths[0].tells_nobody = true;
    assert_int_equal(ask(&f, AUTH_CONNECT), AUTH_FAILED);
    tear_down(&f);
}

// ---- who has let it in is asked again

static void be_in(struct fixture *f, const char *user, unsigned plugin) {
    identity_unref(f->query.identity);
    f->query.identity = fake_auth_identity(user, NULL, 0);
    f->query.plugin = plugin;
}

static void a_refresh_goes_to_who_let_it_in(void **state) {
    static const struct {
        int status;
        const char *before, *now;
        enum auth_verdict verdict;
    } cases[] = {
        {WSHUB_OK, "42", "42", AUTH_YES},      {WSHUB_OK, "42", "43", AUTH_NO},
        {WSHUB_OK, "42", "4", AUTH_NO},        {WSHUB_OK, "42", NULL, AUTH_NO},
        {WSHUB_OK, NULL, "42", AUTH_NO},       {WSHUB_OK, NULL, NULL, AUTH_YES},
        {WSHUB_DENIED, "42", "42", AUTH_NO},   {WSHUB_EXPIRED, "42", "42", AUTH_EXPIRED},
        {WSHUB_PASS, "42", "42", AUTH_FAILED}, {WSHUB_TIMEOUT, "42", "42", AUTH_FAILED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        set_up(&f, 3);
        be_in(&f, cases[i].before, 1);
        const struct identity *before = f.query.identity;
        fake_auths[1].status = cases[i].status;
        fake_auths[1].user = cases[i].now;
        assert_int_equal(ask(&f, AUTH_REFRESH), cases[i].verdict);
        assert_int_equal(fake_auths[1].asked[AUTH_SLOT_REFRESH], 1);
        assert_int_equal(asked(0) + asked(1) + asked(2), 0);
        assert_int_equal(fake_auths[2].asked[AUTH_SLOT_REFRESH], 0);
        assert_int_equal(f.query.identity != before, cases[i].verdict == AUTH_YES);
        tear_down(&f);
    }
}

static void an_operation_goes_to_who_let_it_in(void **state) {
    static const struct {
        int status;
        enum auth_verdict verdict;
    } cases[] = {{WSHUB_OK, AUTH_YES},         {WSHUB_DENIED, AUTH_NO},      {WSHUB_PASS, AUTH_FAILED},
                 {WSHUB_EXPIRED, AUTH_FAILED}, {WSHUB_TIMEOUT, AUTH_FAILED}, {WSHUB_CLOSED, AUTH_FAILED}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        set_up(&f, 3);
        be_in(&f, "42", 2);
        const struct identity *before = f.query.identity;
        fake_auths[2].status = cases[i].status;
        assert_int_equal(ask(&f, AUTH_OPERATION), cases[i].verdict);
        assert_int_equal(fake_auths[2].asked[AUTH_SLOT_AUTHORIZE], 1);
        assert_ptr_equal(f.query.identity, before);
        assert_int_equal(f.query.plugin, 2);
        assert_logged(&f, "credentials refused", 0); // applications refuse things all the time
        assert_logged(&f, "auth plugin failed", cases[i].verdict == AUTH_FAILED);
        tear_down(&f);
    }
}

// ---- the log

static void show(struct fixture *f, const char *address, const char *token) {
    f->query.request.address = (struct wshub_bytes){address, strlen(address)};
    f->query.request.token = (struct wshub_bytes){token, strlen(token)};
}

static void a_refusal_is_logged_without_what_was_shown(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, 2);
    show(&f, "192.0.2.7", "hunter2");
    fake_auths[0].status = WSHUB_DENIED;
    fake_auths[0].explanation = "the signature is not good";
    ask(&f, AUTH_CONNECT);
    assert_logged(&f,
                  "level=info event=\"credentials refused\" auth=first address=192.0.2.7 reason=\"the "
                  "signature is not good\"",
                  1);
    fake_auths[0].status = WSHUB_PASS;
    fake_auths[1].status = WSHUB_EXPIRED;
    ask(&f, AUTH_CONNECT);
    assert_logged(&f, "auth=second address=192.0.2.7 reason=expired", 1);
    fake_auths[1].status = WSHUB_PASS;
    ask(&f, AUTH_CONNECT);
    assert_logged(&f, "event=\"credentials refused\" address=192.0.2.7 reason=\"no auth plugin knows", 1);
    show(&f, "", "");
    ask(&f, AUTH_CONNECT); // has shown nothing yet
    assert_logged(&f, "credentials refused", 3);
    fake_auths[1].status = WSHUB_DENIED;
    ask(&f, AUTH_CONNECT);
    assert_logged(&f, "auth=second address=unix reason=denied", 1);
    assert_logged(&f, "hunter2", 0);
    tear_down(&f);
}

static void a_failure_is_logged_with_its_reason(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, 1);
    fake_auths[0].status = WSHUB_TIMEOUT;
    ask(&f, AUTH_CONNECT);
    assert_logged(&f,
                  "level=warn event=\"auth plugin failed: nobody is let in by that\" auth=first "
                  "slot=authenticate reason=\"no answer within timeouts.auth\"",
                  1);
    fake_auths[0].explanation = "the backend answers 500";
    ask(&f, AUTH_CONNECT);
    assert_logged(&f, "reason=\"the backend answers 500\"", 1);
    tear_down(&f);
}

static bool has_told_the_rest(void *context) {
    struct fixture *f = context;
    chain_expire(f->chain);
    return log_count(&f->log, "not_logged=") == 2;
}

static void a_flood_of_refusals_is_no_flood_of_lines(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, 1);
    show(&f, "192.0.2.7", "hunter2");
    for (int i = 0; i < 500; i++) {
        fake_auths[0].status = i % 2 ? WSHUB_DENIED : WSHUB_UNAVAILABLE;
        ask(&f, AUTH_CONNECT);
    }
    assert_logged(&f, "credentials refused", 10);
    assert_logged(&f, "auth plugin failed", 10);
    run_until(f.loop, has_told_the_rest, &f);
    assert_logged(&f, "not_logged=240", 2);
    ask(&f, AUTH_CONNECT);
    assert_logged(&f, "credentials refused", 11);
    tear_down(&f);
}

// ---- life

static void all_that_is_under_way_ends_with_it(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f, 2);
    fake_auths[0].holds = true;
    begin_asking(&f, AUTH_CONNECT);
    chain_free(f.chain);
    f.chain = NULL;
    assert_int_equal(f.answers, 1);
    assert_int_equal(f.query.verdict, AUTH_CLOSED);
    assert_int_equal(asked(1), 0);
    assert_false(fake_auths[0].is_open || fake_auths[1].is_open);
    tear_down(&f);
}

static void those_that_can_read_their_files_again(void **state) {
    struct fixture f;
    (void)state;
    make(&f, 3);
    f.entries[0].plugin = f.entries[2].plugin = (char *)"reloads";
    begin(&f);
    assert_int_equal(chain_reload(f.chain), 2);
    assert_int_equal(fake_auths[0].reloaded, 1);
    assert_int_equal(fake_auths[1].reloaded, 0);
    assert_int_equal(fake_auths[2].reloaded, 1);
    chain_expire(f.chain);
    assert_int_equal(fake_auths[1].expired, 1);
    assert_int_equal(chain_count(f.chain), 3);
    assert_ptr_equal(chain_plugin(f.chain, 1), &fake_auths[1]);
    tear_down(&f);
}

static void one_that_cannot_be_used_is_a_reason_not_to_start(void **state) {
    static const struct {
        const char *plugin;
        int fails;
        const char *said;
    } cases[] = {
        {"nowhere", -1,
         "event=\"auth plugin cannot be used\" auth=second reason=\"there is no such plugin\""},
        {"no-auth", -1, "auth=second reason=\"found plugin no-auth, which is not an auth plugin, expected"},
        {"auth", 1, ""}, // whose open fails, and which says so itself
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        make(&f, 3);
        f.entries[1].plugin = (char *)cases[i].plugin;
        fake_auth_fails = cases[i].fails;
        assert_null(chain_new(f.loop, &f.log, &f.config, "me", fake_auth_load));
        assert_logged(&f, "auth plugin cannot be used", cases[i].said[0] != '\0');
        if (cases[i].said[0] != '\0') {
            assert_logged(&f, cases[i].said, 1);
        }
        assert_int_equal(fake_auth_count, 1);
        assert_false(fake_auths[0].is_open);
        tear_down(&f);
    }
}

static void without_memory_nobody_is_let_in(void **state) {
    struct fixture f;
    (void)state;
#if !SCARCE_MEMORY
    skip();
#endif
    set_up(&f, 1);
    fake_auths[0].status = WSHUB_OK;
    memory_allowed = 0;
    begin_asking(&f, AUTH_CONNECT);
    memory_allowed = SIZE_MAX;
    assert_int_equal(f.answers, 1);
    assert_int_equal(f.query.verdict, AUTH_FAILED);
    assert_int_equal(asked(0), 0);
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_does_not_pass_decides),
        cmocka_unit_test(nobody_decides),
        cmocka_unit_test(an_answer_that_comes_later_is_as_good),
        cmocka_unit_test(a_yes_without_an_identity_is_a_failure),
        cmocka_unit_test(a_refresh_goes_to_who_let_it_in),
        cmocka_unit_test(an_operation_goes_to_who_let_it_in),
        cmocka_unit_test(a_refusal_is_logged_without_what_was_shown),
        cmocka_unit_test(a_failure_is_logged_with_its_reason),
        cmocka_unit_test(a_flood_of_refusals_is_no_flood_of_lines),
        cmocka_unit_test(all_that_is_under_way_ends_with_it),
        cmocka_unit_test(those_that_can_read_their_files_again),
        cmocka_unit_test(one_that_cannot_be_used_is_a_reason_not_to_start),
        cmocka_unit_test(without_memory_nobody_is_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
