// SPDX-License-Identifier: MIT
// Who is revoked is revoked on every instance: over the control channel, and by the registry for those that
// were away.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "auth/query.h"
#include "fake_auth.h"
#include "hub_fixture.h"
#include "scarce_memory.h"

#define CHANNEL "$wshub:control"
#define PREFIX "ws:revoke:"
#define KEEPER "brokers: [{name: main, plugin: keeper}]\nauth: [{plugin: auth}]\n"
#define NO_KEEPER "brokers: [{name: main, plugin: fake}]\nauth: [{plugin: auth}]\n"

enum { HOUR = 3600 * 1000 };

// What the workers have heard.
static struct {
    unsigned revoked;         // notices, to all workers together
    unsigned answers;         // to questions
    unsigned taken;           // orders to revoke
    int status;               // of the last one
    char last[64];            // who was revoked last: "user 42"
    struct auth_query *query; // the last answer
} heard;

static uint64_t wall_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void forget_query(void) {
    if (heard.query) {
        identity_unref(heard.query->identity);
        free(heard.query);
        heard.query = NULL;
    }
}

static void on_other(struct worker *worker, struct mail *mail) {
    if (mail->kind == MAIL_REVOKED) {
        struct revoke_notice *notice = (struct revoke_notice *)(void *)mail;
        heard.revoked++;
        snprintf(heard.last, sizeof heard.last, "%s %.*s", revocation_kind_names[notice->revocation.kind],
                 (int)notice->revocation.id.length, notice->revocation.id.data);
        free(notice);
    } else if (mail->kind == MAIL_REVOKE_TAKEN) {
        struct revoke_request *request = (struct revoke_request *)(void *)mail;
        assert_int_equal(request->worker, worker->index);
        heard.taken++;
        heard.status = request->status;
        free(request);
    } else if (mail->kind == MAIL_AUTHENTICATED) {
        forget_query();
        heard.query = (struct auth_query *)(void *)mail;
        heard.answers++;
    }
}

static bool load(struct plugin *plugin, const char *name, const struct config *config, struct buf *why) {
    return strcmp(name, "auth") == 0 ? fake_auth_load(plugin, name, config, why)
                                     : fake_load(plugin, name, config, why);
}

static void prepare(struct fixture *f, const char *config) {
    memset(&heard, 0, sizeof heard);
    fake_auth_forget();
    make(f, config);
    f->on_other = on_other;
    f->config.registry.heartbeat = LONG;
}

static void begin(struct fixture *f) {
    assert_true(hub_start(f->instance.hub, load, on_failure, f));
    run_rounds(f->loop);
}

static void set_up_with(struct fixture *f, const char *config) {
    prepare(f, config);
    begin(f);
}

static size_t count(const struct fixture *f, enum fake_slot slot) {
    return f->fake->counts[slot];
}

static size_t published(const struct fixture *f) {
    return fake_count(f->fake, FAKE_PUBLISH, CHANNEL);
}

static const struct fake_call *last_call(const struct fixture *f, enum fake_slot slot) {
    size_t i = f->fake->call_count;
    while (i > 0 && f->fake->calls[i - 1]->slot != slot) {
        i--;
    }
    assert_true(i > 0);
    return f->fake->calls[i - 1];
}

// ---- what a worker does

static struct auth_query *query_of(enum auth_question question, struct identity *who) {
    struct auth_query *query = calloc(1, sizeof *query);
    assert_non_null(query);
    query->mail.kind = MAIL_AUTHENTICATE;
    query->question = question;
    query->worker = 1;
    query->identity = who;
    return query;
}

static void ask(struct fixture *f, enum auth_question question, struct identity *who) {
    mailbox_post(hub_mailbox(f->instance.hub), &query_of(question, who)->mail);
    run_rounds(f->loop);
}

// How a client fares that the plugin lets in as this one.
static enum auth_verdict connect_as(struct fixture *f, const char *user, const char *token_id,
                                    uint64_t issued) {
    fake_auths[0].status = WSHUB_OK;
    fake_auths[0].user = user;
    fake_auths[0].token_id = token_id;
    fake_auths[0].issued = issued;
    unsigned before = heard.answers;
    ask(f, AUTH_CONNECT, NULL);
    assert_int_equal(heard.answers, before + 1);
    enum auth_verdict verdict = heard.query->verdict;
    assert_int_equal(heard.query->identity != NULL, verdict == AUTH_YES);
    forget_query();
    return verdict;
}

static void order_from(struct fixture *f, enum revocation_kind kind, const char *id, uint64_t at,
                       uint64_t until) {
    size_t length = strlen(id);
    struct revoke_request *request = calloc(1, sizeof *request + length);
    assert_non_null(request);
    memcpy(request->id, id, length);
    request->mail.kind = MAIL_REVOKE;
    request->worker = 2;
    request->revocation = (struct revocation){kind, {request->id, length}, at, until};
    mailbox_post(hub_mailbox(f->instance.hub), &request->mail);
    run_rounds(f->loop);
}

static void order(struct fixture *f, const char *user) {
    uint64_t at = wall_clock();
    order_from(f, REVOKE_USER, user, at, at + HOUR);
}

// Another instance has revoked this user; as JSON.
static char *revocation_of(const char *user, uint64_t at, uint64_t until) {
    struct revocation revocation = {REVOKE_USER, {user, strlen(user)}, at, until};
    struct buf out = {0};
    revocation_write(&out, &revocation);
    buf_append(&out, "", 1);
    assert_false(out.failed);
    return out.data;
}

static void deliver(struct fixture *f, const char *text) {
    assert_int_equal(fake_deliver(f->fake, CHANNEL, text), WSHUB_OK);
    run_rounds(f->loop);
}

static void deliver_revocation(struct fixture *f, const char *user) {
    uint64_t at = wall_clock();
    char *text = revocation_of(user, at, at + HOUR);
    deliver(f, text);
    free(text);
}

static void be_kept(struct fixture *f, const char *value) {
    f->fake->entries[f->fake->entry_count++] = (struct fake_entry){PREFIX "0123", value};
}

// ---- the start

static void it_listens_and_reads_before_it_is_ready(void **state) {
    struct fixture f;
    uint64_t at = wall_clock();
    char *kept = revocation_of("42", at, at + HOUR);
    (void)state;
    prepare(&f, KEEPER);
    be_kept(&f, kept);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    fake_behave(f.fake, FAKE_LIST, FAKE_HOLD, 0);
    begin(&f);
    assert_string_equal(f.fake->held->channel, CHANNEL);
    assert_int_equal(count(&f, FAKE_LIST), 0); // not before it listens, or something could slip through
    assert_true(f.fake->probes > 0);           // the broker itself is well
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    run_rounds(f.loop);
    assert_int_equal(count(&f, FAKE_LIST), 1);
    assert_string_equal(f.fake->held->channel, PREFIX);
    assert_false(is_ready(&f));
    assert_false(hub_broker_is_ready(f.instance.hub, 0));
    assert_int_equal(connect_as(&f, "42", NULL, 1), AUTH_FAILED); // nor does it let anybody in
    assert_int_equal(connect_as(&f, "43", NULL, 1), AUTH_FAILED);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    run_until(f.loop, is_ready, &f);
    assert_int_equal(connect_as(&f, "42", NULL, 1), AUTH_REVOKED);
    assert_int_equal(connect_as(&f, "42", NULL, at + 1), AUTH_YES);
    assert_int_equal(connect_as(&f, "43", NULL, 1), AUTH_YES);
    assert_int_equal(hub_revocations(f.instance.hub), 1);
    tear_down(&f);
    free(kept);
}

static void a_broker_without_a_registry_has_nothing_to_read(void **state) {
    static const char *const configs[] = {NO_KEEPER, KEEPER "registry: {enabled: off}\n"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        set_up_with(&f, configs[i]);
        run_until(f.loop, is_ready, &f);
        assert_int_equal(count(&f, FAKE_LIST), 0);
        order(&f, "42");
        assert_int_equal(heard.status, WSHUB_OK);
        assert_int_equal(count(&f, FAKE_SET), 0);
        assert_int_equal(published(&f), 1);
        tear_down(&f);
    }
}

static void without_auth_plugins_there_is_none_of_it(void **state) {
    struct fixture f;
    (void)state;
    set_up_with(&f, "brokers: [{name: main, plugin: keeper}]\n");
    run_until(f.loop, is_ready, &f);
    assert_calls(&f, 0, 0);
    assert_int_equal(count(&f, FAKE_LIST), 0);
    assert_int_equal(hub_auth_count(f.instance.hub) + hub_revocations(f.instance.hub), 0);
    assert_int_equal(hub_reload(f.instance.hub), 0);
    tear_down(&f);
}

static void what_fails_is_tried_again(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f, KEEPER);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_REFUSE, WSHUB_DENIED);
    fake_behave(f.fake, FAKE_LIST, FAKE_REFUSE, WSHUB_INTERNAL);
    begin(&f);
    wait_calls(&f, FAKE_SUBSCRIBE, 2);
    assert_int_equal(log_count(&f.log, "the channel of the hubs cannot be subscribed"), 1);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_AT_ONCE, WSHUB_OK);
    wait_calls(&f, FAKE_LIST, 2);
    assert_false(is_ready(&f));
    fake_behave(f.fake, FAKE_LIST, FAKE_AT_ONCE, WSHUB_OK);
    run_until(f.loop, is_ready, &f);
    assert_int_equal(count(&f, FAKE_SUBSCRIBE), 3);
    tear_down(&f);
}

static void a_registry_that_cannot_be_kept_after_all_is_none(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f, KEEPER);
    fake_behave(f.fake, FAKE_LIST, FAKE_AT_ONCE, WSHUB_UNSUPPORTED);
    fake_behave(f.fake, FAKE_SET, FAKE_AT_ONCE, WSHUB_UNSUPPORTED);
    begin(&f);
    run_until(f.loop, is_ready, &f);
    order(&f, "42");
    assert_int_equal(heard.status, WSHUB_OK);
    tear_down(&f);
}

// ---- what others revoke

static void who_is_revoked_elsewhere_is_revoked_here(void **state) {
    struct fixture f;
    (void)state;
    set_up_with(&f, KEEPER);
    assert_int_equal(connect_as(&f, "42", NULL, 1), AUTH_YES);
    deliver_revocation(&f, "42");
    assert_int_equal(heard.revoked, WORKERS);
    assert_string_equal(heard.last, "user 42");
    assert_int_equal(connect_as(&f, "42", NULL, 1), AUTH_REVOKED);
    assert_int_equal(connect_as(&f, "42", NULL, wall_clock() + 1000), AUTH_YES);
    assert_logged(&f, "event=\"credentials refused\" address=unix reason=revoked");
    tear_down(&f);
}

static void what_is_known_is_not_told_again(void **state) {
    struct fixture f;
    uint64_t at = wall_clock();
    char *text = revocation_of("42", at, at + HOUR), *shorter = revocation_of("42", at - 1, at + 1000),
         *longer = revocation_of("42", at, at + 2 * HOUR);
    (void)state;
    set_up_with(&f, KEEPER);
    deliver(&f, text);
    deliver(&f, text);
    deliver(&f, shorter);
    assert_int_equal(heard.revoked, WORKERS);
    deliver(&f, longer);
    assert_int_equal(heard.revoked, 2 * WORKERS);
    assert_int_equal(hub_revocations(f.instance.hub), 1);
    tear_down(&f);
    free(text);
    free(shorter);
    free(longer);
}

// A short one, of a machine whose clock is behind this one's: who is connected goes all the same.
static void one_that_is_over_by_this_clock_still_closes(void **state) {
    struct fixture f;
    uint64_t at = wall_clock() - 3000;
    char *over = revocation_of("42", at, at + 1000);
    (void)state;
    set_up_with(&f, KEEPER);
    deliver(&f, over);
    assert_int_equal(heard.revoked, WORKERS);
    assert_string_equal(heard.last, "user 42");
    assert_int_equal(hub_revocations(f.instance.hub), 0);
    assert_int_equal(connect_as(&f, "42", NULL, 1), AUTH_YES);
    tear_down(&f);
    free(over);
}

// An entry may outlive what it says, and who came since then came rightly.
static void an_entry_that_is_over_closes_nobody(void **state) {
    struct fixture f;
    uint64_t at = wall_clock() - 3000;
    char *over = revocation_of("42", at, at + 1000);
    (void)state;
    prepare(&f, KEEPER);
    be_kept(&f, over);
    begin(&f);
    run_until(f.loop, is_ready, &f);
    assert_int_equal(count(&f, FAKE_LIST), 1);
    assert_int_equal(heard.revoked, 0);
    tear_down(&f);
    free(over);
}

static void what_cannot_be_read_is_nobodys_message(void **state) {
    struct fixture f;
    (void)state;
    set_up_with(&f, KEEPER);
    for (int i = 0; i < 100; i++) {
        deliver(&f, "{\"revoke\":{}}");
    }
    assert_int_equal(log_count(&f.log, "what cannot be read as a revocation is ignored"), 10);
    assert_int_equal(heard.revoked, 0);
    tear_down(&f);
}

// While the plugin thought about it.
static void a_yes_that_comes_too_late_is_taken_back(void **state) {
    struct fixture f;
    (void)state;
    set_up_with(&f, KEEPER);
    fake_auths[0].holds = true;
    fake_auths[0].user = "42";
    ask(&f, AUTH_CONNECT, NULL);
    ask(&f, AUTH_REFRESH, fake_auth_identity("42", NULL, 1));
    deliver_revocation(&f, "42");
    for (unsigned i = 0; i < 2; i++) {
        fake_auth_answer(&fake_auths[0], WSHUB_OK);
        run_rounds(f.loop);
        assert_int_equal(heard.answers, i + 1);
        assert_int_equal(heard.query->verdict, AUTH_REVOKED);
        forget_query();
    }
    tear_down(&f);
}

// ---- what is revoked here

static void it_is_followed_here_before_the_broker_answers(void **state) {
    struct fixture f;
    uint64_t at = wall_clock();
    char value[128];
    (void)state;
    set_up_with(&f, KEEPER);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    fake_behave(f.fake, FAKE_SET, FAKE_HOLD, 0);
    order_from(&f, REVOKE_TOKEN, "jti", at, at + HOUR);
    assert_int_equal(heard.revoked, WORKERS);
    assert_string_equal(heard.last, "token jti");
    assert_int_equal(heard.taken, 0);
    assert_int_equal(connect_as(&f, "42", "jti", 0), AUTH_REVOKED);
    assert_int_equal(connect_as(&f, "42", "other", 0), AUTH_YES);
    snprintf(value, sizeof value, "{\"revoke\":{\"token\":\"jti\"},\"at\":%llu,\"until\":%llu}",
             (unsigned long long)at, (unsigned long long)(at + HOUR));
    const struct fake_call *publish = last_call(&f, FAKE_PUBLISH), *set = last_call(&f, FAKE_SET);
    assert_string_equal(publish->channel, CHANNEL);
    assert_string_equal(publish->payload, value);
    assert_string_equal(set->payload, value);
    assert_memory_equal(set->channel, PREFIX, sizeof PREFIX - 1);
    assert_int_equal(strlen(set->channel), sizeof PREFIX - 1 + 32);
    assert_int_equal(set->ttl, HOUR);
    fake_complete(f.fake, fake_held(f.fake, FAKE_PUBLISH, NULL), WSHUB_OK);
    assert_int_equal(published(&f), 1);
    fake_complete(f.fake, fake_held(f.fake, FAKE_SET, NULL),
                  WSHUB_OK); // published once more, now that it is kept
    run_rounds(f.loop);
    assert_int_equal(published(&f), 2);
    assert_int_equal(heard.taken, 0);
    fake_complete_all(f.fake, WSHUB_OK);
    run_rounds(f.loop);
    assert_int_equal(heard.taken, 1);
    assert_int_equal(heard.status, WSHUB_OK);
    assert_int_equal(heard.revoked, WORKERS); // its own message is no news
    assert_logged(&f, "event=revoked token=jti for_ms=3600000");
    tear_down(&f);
}

// A broker may have to make a place for each of them.
static void an_entry_lives_long_enough_and_of_few_lengths(void **state) {
    static const struct {
        uint64_t lasts, ttl;
    } cases[] = {
        {1000, 60000},
        {60000, 60000},
        {60001, 600000},
        {HOUR - 1, HOUR},
        {HOUR, HOUR},
        {HOUR + 1, 6 * HOUR},
        {UINT64_C(720) * HOUR - 1, UINT64_C(720) * HOUR},
        {UINT64_C(720) * HOUR, UINT64_C(720) * HOUR},
    };
    struct fixture f;
    uint64_t at = wall_clock();
    char id[32];
    (void)state;
    set_up_with(&f, KEEPER);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(id, sizeof id, "user-%zu", i);
        order_from(&f, REVOKE_USER, id, at, at + cases[i].lasts);
        assert_int_equal(last_call(&f, FAKE_SET)->ttl, cases[i].ttl);
    }
    tear_down(&f);
}

static void keys_tell_users_from_tokens(void **state) {
    struct fixture f;
    uint64_t at = wall_clock();
    char key[256];
    (void)state;
    set_up_with(&f, KEEPER);
    order_from(&f, REVOKE_TOKEN, "42", at, at + HOUR);
    snprintf(key, sizeof key, "%s", last_call(&f, FAKE_SET)->channel);
    order_from(&f, REVOKE_USER, "42", at, at + HOUR);
    assert_string_not_equal(last_call(&f, FAKE_SET)->channel, key);
    order_from(&f, REVOKE_TOKEN, "42", at, at + HOUR);
    assert_string_equal(last_call(&f, FAKE_SET)->channel, key);
    tear_down(&f);
}

static void what_the_broker_does_not_take_is_said(void **state) {
    static const struct {
        enum fake_slot slot;
        int status;
    } cases[] = {{FAKE_PUBLISH, WSHUB_TIMEOUT}, {FAKE_SET, WSHUB_INTERNAL}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        set_up_with(&f, KEEPER);
        fake_behave(f.fake, cases[i].slot, FAKE_REFUSE, cases[i].status);
        order(&f, "42");
        assert_int_equal(heard.taken, 1);
        assert_int_equal(heard.status, cases[i].status);
        assert_int_equal(heard.revoked, WORKERS);
        tear_down(&f);
    }
}

static void without_a_link_it_is_followed_here_alone(void **state) {
    struct fixture f;
    (void)state;
    set_up_with(&f, KEEPER);
    link_is(&f, WSHUB_LINK_DOWN);
    order(&f, "42");
    assert_int_equal(heard.status, WSHUB_UNAVAILABLE);
    assert_int_equal(heard.revoked, WORKERS);
    assert_int_equal(connect_as(&f, "42", NULL, 1), AUTH_REVOKED);
    tear_down(&f);
}

static void one_that_is_longer_stays_so_everywhere(void **state) {
    struct fixture f;
    uint64_t at = wall_clock();
    (void)state;
    set_up_with(&f, KEEPER);
    order_from(&f, REVOKE_USER, "42", at, at + 2 * HOUR);
    order_from(&f, REVOKE_USER, "42", at + 5, at + HOUR);
    char *text = revocation_of("42", at + 5, at + 2 * HOUR);
    assert_string_equal(last_call(&f, FAKE_SET)->payload, text);
    assert_string_equal(last_call(&f, FAKE_PUBLISH)->payload, text);
    tear_down(&f);
    free(text);
}

// ---- what may have been missed

static void after_the_link_was_down_all_is_read_again(void **state) {
    static const struct {
        enum wshub_link_state state;
        unsigned subscribes;
    } cases[] = {{WSHUB_LINK_UP, 2}, {WSHUB_LINK_RESUMED, 1}, {WSHUB_LINK_RESUBSCRIBED, 1}};
    uint64_t at = wall_clock();
    char *kept = revocation_of("42", at, at + HOUR);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        set_up_with(&f, KEEPER);
        run_until(f.loop, is_ready, &f);
        assert_int_equal(count(&f, FAKE_LIST), 1);
        link_is(&f, WSHUB_LINK_DOWN);
        be_kept(&f, kept);
        link_is(&f, cases[i].state);
        run_rounds(f.loop);
        assert_int_equal(count(&f, FAKE_LIST), 2);
        assert_int_equal(count(&f, FAKE_SUBSCRIBE), cases[i].subscribes);
        assert_int_equal(heard.revoked, WORKERS);
        assert_int_equal(connect_as(&f, "42", NULL, 1), AUTH_REVOKED);
        run_until(f.loop, is_ready, &f);
        tear_down(&f);
    }
    free(kept);
}

// It was informed once, and what it missed it cannot know: that is no reason to let nobody in.
static void while_it_is_deaf_it_goes_on(void **state) {
    struct fixture f;
    (void)state;
    set_up_with(&f, KEEPER);
    run_until(f.loop, is_ready, &f);
    fake_behave(f.fake, FAKE_SUBSCRIBE, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_DOWN);
    assert_int_equal(connect_as(&f, "42", NULL, 1), AUTH_YES);
    link_is(&f, WSHUB_LINK_UP);
    run_rounds(f.loop);
    assert_false(hub_broker_is_ready(f.instance.hub, 0)); // but it says so
    assert_int_equal(connect_as(&f, "42", NULL, 1), AUTH_YES);
    fake_complete_all(f.fake, WSHUB_OK);
    run_until(f.loop, is_ready, &f);
    tear_down(&f);
}

static void a_loss_is_read_up(void **state) {
    static const struct {
        const char *channel;
        unsigned reads;
    } cases[] = {{CHANNEL, 2}, {"", 2}, {"room", 1}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        set_up_with(&f, KEEPER);
        const char *channel = cases[i].channel;
        f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){channel, strlen(channel)});
        run_rounds(f.loop);
        assert_int_equal(count(&f, FAKE_LIST), cases[i].reads);
        tear_down(&f);
    }
}

static void what_found_no_memory_is_read_up(void **state) {
    (void)state;
#if !SCARCE_MEMORY
    skip();
#endif
    struct fixture f;
    uint64_t at = wall_clock();
    char *text = revocation_of("42", at, at + HOUR);
    set_up_with(&f, KEEPER);
    be_kept(&f, text);
    const struct wshub_message message = {.struct_size = sizeof message,
                                          .channel = {CHANNEL, sizeof CHANNEL - 1},
                                          .payload = {text, strlen(text)}};
    for (size_t allowed = 0; heard.revoked == 0; allowed++) {
        memory_allowed = allowed;
        f.fake->host->deliver(f.fake->host->self, &message);
        memory_allowed = SIZE_MAX;
        run_rounds(f.loop);
        assert_true(heard.revoked == 0 || heard.revoked == WORKERS); // all of them or none
    }
    wait_calls(&f, FAKE_LIST, 2);
    assert_int_equal(connect_as(&f, "42", NULL, 1), AUTH_REVOKED);
    tear_down(&f);
    free(text);
}

// One that every instance wrote and none could hold would keep the next that starts from ever being ready.
static void what_is_one_too_many_here_is_not_left_in_the_registry(void **state) {
    struct fixture f;
    uint64_t at = wall_clock();
    char *kept = revocation_of("kept", at, at + HOUR), user[16];
    (void)state;
    set_up_with(&f, KEEPER);
    run_until(f.loop, is_ready, &f);
    fake_behave(f.fake, FAKE_SET, FAKE_HOLD, 0); // or all of them would be spread
    for (unsigned i = 0; i < REVOCATIONS_MAX; i++) {
        snprintf(user, sizeof user, "u%u", i);
        char *text = revocation_of(user, at, at + HOUR);
        assert_int_equal(fake_deliver(f.fake, CHANNEL, text), WSHUB_OK);
        free(text);
    }
    run_rounds(f.loop);
    assert_int_equal(heard.revoked, REVOCATIONS_MAX * WORKERS);
    order(&f, "too many");
    assert_int_equal(heard.status, WSHUB_NO_MEMORY);
    assert_int_equal(published(&f), 1); // it closes whom it can
    assert_int_equal(count(&f, FAKE_SET), 0);
    be_kept(&f, kept); // by an instance that had room
    deliver(&f, kept);
    wait_calls(&f, FAKE_LIST, 2);
    run_rounds(f.loop);
    assert_int_equal(connect_as(&f, "kept", NULL, 1), AUTH_REVOKED);
    assert_int_equal(hub_revocations(f.instance.hub), REVOCATIONS_MAX + 1);
    tear_down(&f);
    free(kept);
}

// ---- what the registry does not have

static void what_was_revoked_without_a_link_is_spread_when_it_is_up(void **state) {
    struct fixture f;
    (void)state;
    set_up_with(&f, KEEPER);
    link_is(&f, WSHUB_LINK_DOWN);
    order(&f, "42");
    assert_int_equal(count(&f, FAKE_SET) + published(&f), 0);
    link_is(&f, WSHUB_LINK_UP);
    run_rounds(f.loop);
    assert_int_equal(count(&f, FAKE_SET), 1);
    assert_int_equal(published(&f), 1);
    assert_string_equal(last_call(&f, FAKE_SET)->payload, last_call(&f, FAKE_PUBLISH)->payload);
    assert_int_equal(heard.taken, 1); // of the order, then
    assert_int_equal(heard.revoked, WORKERS);
    tear_down(&f);
}

static void what_the_registry_has_is_left_alone(void **state) {
    struct fixture f;
    uint64_t at = wall_clock();
    char *same = revocation_of("1", at, at + HOUR), *longer = revocation_of("2", at, at + 2 * HOUR),
         *shorter = revocation_of("3", at, at + 1000), *soon = revocation_of("5", at, at + 900);
    (void)state;
    set_up_with(&f, KEEPER);
    for (int i = 0; i < 4; i++) {
        static const char *const users[] = {"1", "2", "3", "4"};
        char *text = revocation_of(users[i], at, at + HOUR);
        deliver(&f, text);
        free(text);
    }
    deliver(&f, soon);
    be_kept(&f, same);
    be_kept(&f, longer);
    be_kept(&f, shorter);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP);
    run_rounds(f.loop);
    assert_int_equal(count(&f, FAKE_SET), 2); // of 3, which is longer here, and of 4, which is not there
    assert_int_equal(published(&f), 2);
    free(same);
    free(longer);
    free(shorter);
    free(soon);
    tear_down(&f);
}

static void some_are_spread_at_a_time(void **state) {
    enum { MANY = 200, WINDOW = 64 };
    struct fixture f;
    char user[32];
    (void)state;
    set_up_with(&f, KEEPER);
    for (int i = 0; i < MANY; i++) {
        snprintf(user, sizeof user, "user-%d", i);
        deliver_revocation(&f, user);
    }
    fake_behave(f.fake, FAKE_SET, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP);
    run_rounds(f.loop);
    for (size_t done = 0; done < MANY; done += WINDOW) {
        size_t wanted = done + WINDOW < MANY ? done + WINDOW : MANY;
        assert_int_equal(count(&f, FAKE_SET), wanted);
        fake_complete_all(f.fake, WSHUB_OK);
        run_rounds(f.loop);
        assert_int_equal(published(&f), wanted);
    }
    assert_int_equal(f.fake->held_count, 0);
    tear_down(&f);
}

static void a_spread_that_fails_ends(void **state) {
    struct fixture f;
    (void)state;
    set_up_with(&f, KEEPER);
    deliver_revocation(&f, "42");
    fake_behave(f.fake, FAKE_SET, FAKE_REFUSE, WSHUB_INTERNAL);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP);
    let_pass(&f, 100);
    assert_int_equal(count(&f, FAKE_SET), 1); // to be tried again, but not at once
    assert_int_equal(published(&f), 0);
    tear_down(&f);
}

// ---- the end

static void what_nobody_waits_for_is_not_unsettled(void **state) {
    struct fixture f;
    (void)state;
    prepare(&f, KEEPER);
    begin(&f);
    deliver_revocation(&f, "42");
    fake_behave(f.fake, FAKE_SET, FAKE_HOLD, 0);
    link_is(&f, WSHUB_LINK_DOWN);
    link_is(&f, WSHUB_LINK_UP);
    run_rounds(f.loop);
    fake_behave(f.fake, FAKE_LIST, FAKE_HOLD, 0);
    f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){NULL, 0});
    run_rounds(f.loop);
    assert_non_null(fake_held(f.fake, FAKE_SET, NULL));
    assert_non_null(fake_held(f.fake, FAKE_LIST, PREFIX));
    hub_drain(f.instance.hub);
    run_until(f.loop, has_ended, &f);
    assert_int_equal(f.ending.unsettled, 0);
    tear_down(&f);
}

static void what_is_under_way_is_answered_at_the_end(void **state) {
    struct fixture f;
    (void)state;
    set_up_with(&f, KEEPER);
    fake_behave(f.fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    fake_auths[0].holds = true;
    order(&f, "42");
    ask(&f, AUTH_CONNECT, NULL);
    mailbox_post(hub_mailbox(f.instance.hub), &query_of(AUTH_CONNECT, NULL)->mail); // still in the box
    assert_int_equal(heard.taken + heard.answers, 0);
    hub_free(f.instance.hub);
    f.instance.hub = NULL;
    for (unsigned i = 0; i < WORKERS; i++) {
        mailbox_free(f.workers[i].mailbox);
        f.workers[i].mailbox = NULL;
    }
    assert_int_equal(heard.status, WSHUB_CLOSED);
    assert_int_equal(heard.taken, 1);
    assert_int_equal(heard.answers, 2);
    assert_int_equal(heard.query->verdict, AUTH_CLOSED);
    forget_query();
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_listens_and_reads_before_it_is_ready),
        cmocka_unit_test(a_broker_without_a_registry_has_nothing_to_read),
        cmocka_unit_test(without_auth_plugins_there_is_none_of_it),
        cmocka_unit_test(what_fails_is_tried_again),
        cmocka_unit_test(a_registry_that_cannot_be_kept_after_all_is_none),
        cmocka_unit_test(who_is_revoked_elsewhere_is_revoked_here),
        cmocka_unit_test(what_is_known_is_not_told_again),
        cmocka_unit_test(one_that_is_over_by_this_clock_still_closes),
        cmocka_unit_test(an_entry_that_is_over_closes_nobody),
        cmocka_unit_test(what_cannot_be_read_is_nobodys_message),
        cmocka_unit_test(a_yes_that_comes_too_late_is_taken_back),
        cmocka_unit_test(it_is_followed_here_before_the_broker_answers),
        cmocka_unit_test(an_entry_lives_long_enough_and_of_few_lengths),
        cmocka_unit_test(keys_tell_users_from_tokens),
        cmocka_unit_test(what_the_broker_does_not_take_is_said),
        cmocka_unit_test(without_a_link_it_is_followed_here_alone),
        cmocka_unit_test(one_that_is_longer_stays_so_everywhere),
        cmocka_unit_test(after_the_link_was_down_all_is_read_again),
        cmocka_unit_test(while_it_is_deaf_it_goes_on),
        cmocka_unit_test(a_loss_is_read_up),
        cmocka_unit_test(what_found_no_memory_is_read_up),
        cmocka_unit_test(what_is_one_too_many_here_is_not_left_in_the_registry),
        cmocka_unit_test(what_was_revoked_without_a_link_is_spread_when_it_is_up),
        cmocka_unit_test(what_the_registry_has_is_left_alone),
        cmocka_unit_test(some_are_spread_at_a_time),
        cmocka_unit_test(a_spread_that_fails_ends),
        cmocka_unit_test(what_nobody_waits_for_is_not_unsettled),
        cmocka_unit_test(what_is_under_way_is_answered_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
