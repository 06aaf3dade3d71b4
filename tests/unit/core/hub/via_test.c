// SPDX-License-Identifier: MIT
// A history at one broker, the live messages through another: what is published goes to both, and who listens
// has it once and in order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reader_fixture.h"

#define VIA                                                                \
    "brokers: [{name: live, plugin: fake}, {name: past, plugin: dense}]\n" \
    "registry: {enabled: off}\n"                                           \
    "channels: [{match: \"room*\", history: {size: 9, ttl: 1m, via: past, key_window: 7s}}]\n"

struct scene {
    struct fixture f; // its fake is the live broker
    struct fake_broker *past;
};

static void set_up_via(struct scene *s, const char *more) {
    char config[1024];
    snprintf(config, sizeof config, "%s%s", VIA, more);
    make(&s->f, config);
    s->past = fake_new();
    s->past->keeps_pasts = true;
    assert_true(hub_start(s->f.instance.hub, fake_load, on_failure, &s->f));
    run_rounds(s->f.loop);
}

static void end(struct scene *s, struct reader *reader) {
    if (reader) {
        leave(reader->claim);
        reader_free(reader);
    }
    run_rounds(s->f.loop);
    tear_down(&s->f);
    fake_free(s->past);
}

static struct position last_position;

static void publish(struct scene *s, const char *payload, const char *key) {
    struct request *request = calloc(1, sizeof *request);
    assert_non_null(request);
    request->mail.kind = MAIL_PUBLISH;
    request->message = message_new(
        &(struct wshub_message){
            .channel = {ROOM, strlen(ROOM)},
            .payload = {payload, strlen(payload)},
            .key = {key, key ? strlen(key) : 0},
        },
        WORKERS);
    assert_non_null(request->message);
    mailbox_post(hub_mailbox(s->f.instance.hub), &request->mail);
}

static bool has_result(void *context) {
    struct scene *s = context;
    return s->f.published[0] + s->f.published[1] > 0;
}

// Its status.
static int published(struct scene *s, const char *payload, const char *key) {
    memset(s->f.published, 0, sizeof s->f.published);
    publish(s, payload, key);
    run_until(s->f.loop, has_result, s);
    last_position = s->f.last_position;
    run_rounds(s->f.loop);
    return s->f.last_status;
}

static void it_is_kept_first_and_then_live(void **state) {
    struct scene s;
    (void)state;
    set_up_via(&s, "");
    struct reader *reader = reads_room(&s.f, 0);
    assert_int_equal(published(&s, "a", "the-key"), WSHUB_OK);
    const struct fake_call *kept = s.past->calls[s.past->call_count - 1];
    const struct fake_call *live = s.f.fake->calls[s.f.fake->call_count - 1];
    assert_int_equal(kept->slot, FAKE_PUBLISH);
    assert_int_equal(kept->history_size, 9);
    assert_int_equal(kept->ttl, 60000);
    assert_string_equal(kept->key, "the-key");
    assert_int_equal(kept->offset, 0);
    assert_int_equal(live->slot, FAKE_PUBLISH);
    assert_int_equal(live->history_size, 0);
    assert_string_equal(live->key, "");
    assert_string_equal(live->epoch, "first");
    assert_int_equal(live->offset, 1);
    assert_int_equal(last_position.offset, 1);
    assert_int_equal(published(&s, "b", NULL), WSHUB_OK);
    assert_int_equal(last_position.offset, 2);
    assert_string_equal(reader->story, "1 2");
    assert_false(fake_is_subscribed(s.past, ROOM)); // nobody listens there
    end(&s, reader);
}

static void both_have_to_take_it(void **state) {
    struct scene s;
    (void)state;
    set_up_via(&s, "");
    fake_behave(s.past, FAKE_PUBLISH, FAKE_AT_ONCE, WSHUB_TIMEOUT);
    assert_int_equal(published(&s, "a", NULL), WSHUB_TIMEOUT);
    assert_int_equal(s.f.fake->counts[FAKE_PUBLISH], 0);
    fake_behave(s.past, FAKE_PUBLISH, FAKE_AT_ONCE, WSHUB_OK);
    fake_behave(s.f.fake, FAKE_PUBLISH, FAKE_REFUSE, WSHUB_TOO_LARGE);
    assert_int_equal(published(&s, "a", NULL), WSHUB_TOO_LARGE);
    fake_behave(s.f.fake, FAKE_PUBLISH, FAKE_AT_ONCE, WSHUB_OK);
    s.past->keeps_pasts = false; // it does not say where
    assert_int_equal(published(&s, "a", NULL), WSHUB_INTERNAL);
    assert_int_equal(s.f.fake->counts[FAKE_PUBLISH], 1);
    end(&s, NULL);
}

static void what_is_lost_live_is_in_the_history(void **state) {
    struct scene s;
    (void)state;
    set_up_via(&s, "recovery: {check: 100ms}\n");
    struct reader *reader = reads_room(&s.f, 0);
    assert_int_equal(published(&s, "a", NULL), WSHUB_OK);
    s.f.fake->drops = true;
    assert_int_equal(published(&s, "b", NULL), WSHUB_OK);
    wait_story(reader, "1 2");
    assert_int_equal(published(&s, "c", NULL), WSHUB_OK);
    s.f.fake->drops = false;
    assert_int_equal(published(&s, "d", NULL), WSHUB_OK);
    wait_story(reader, "1 2 3 4");
    // A broker of live messages that was away is asked for none of them.
    link_is(&s.f, WSHUB_LINK_DOWN);
    fake_store(s.past, ROOM, "e");
    link_is(&s.f, WSHUB_LINK_UP);
    wait_story(reader, "1 2 3 4 5");
    assert_int_equal(s.f.workers[0].gaps, 0);
    end(&s, reader);
}

static void while_the_history_is_away_the_rest_goes_on(void **state) {
    struct scene s;
    struct position position;
    (void)state;
    set_up_via(&s, "recovery: {check: 1h}\n");
    struct reader *reader = reads_room(&s.f, 0);
    assert_int_equal(published(&s, "a", NULL), WSHUB_OK);
    assert_int_equal(published(&s, "b", NULL), WSHUB_OK);
    fake_link(s.past, WSHUB_LINK_DOWN, "gone");
    run_rounds(s.f.loop);
    assert_int_equal(published(&s, "c", NULL), WSHUB_UNAVAILABLE);
    struct reader *recent = reader_new(&s.f, reader->claim, "first", 1);
    wait_story(recent, "2"); // the window has it
    struct reader *old = reader_new(&s.f, reader->claim, "first", 9);
    wait_story(old, "x3");
    struct claim *claim = come_to(&s.f, 1, ROOM, &position); // where it stands is known here
    wait_answered(claim, WSHUB_OK);
    assert_int_equal(position.offset, 2);
    leave(claim);
    claim = come(&s.f, 0, "room2");
    wait_answered(claim, WSHUB_UNAVAILABLE);
    drop(claim);
    fake_store(s.past, ROOM, "3"); // by another instance, which could
    fake_link(s.past, WSHUB_LINK_UP, NULL);
    wait_story(reader, "1 2 3"); // a check, for this was a time to lose something
    reader_free(recent);
    reader_free(old);
    end(&s, reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_kept_first_and_then_live),
        cmocka_unit_test(both_have_to_take_it),
        cmocka_unit_test(what_is_lost_live_is_in_the_history),
        cmocka_unit_test(while_the_history_is_away_the_rest_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
