// SPDX-License-Identifier: MIT
// What the op history gets from the hub: pages of it, bounded, and asked once for all who ask the same.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/asks.h"
#include "reader_fixture.h"

enum { QUESTIONS = 16 };

// What came back, in the order of the questions.
static struct answer {
    struct request *request; // NULL: not yet
    int status;
    struct position position;
    bool more;
    char story[4096];
} answers[QUESTIONS];

static unsigned asked, answered;

static void on_answer(struct worker *worker, struct mail *mail) {
    assert_int_equal(mail->kind, MAIL_ANSWERED);
    struct request *request = (struct request *)(void *)mail;
    struct answer *answer = &answers[request->size];
    assert_int_equal(request->worker, worker->index);
    assert_ptr_equal(answer->request, request);
    answer->status = request->status;
    answer->position = request->position;
    answer->more = request->ask->more;
    for (size_t i = 0; request->ask->found && i < found_count(request->ask->found); i++) {
        size_t length = strlen(answer->story);
        snprintf(answer->story + length, sizeof answer->story - length, "%s%llu", i > 0 ? " " : "",
                 (unsigned long long)found_at(request->ask->found, i)->offset);
    }
    ask_free(request->ask);
    free(request);
    answer->request = NULL;
    answered++;
}

static void set_up_questions(struct fixture *f, const char *more) {
    set_up_histories(f, more);
    f->on_other = on_answer;
    memset(answers, 0, sizeof answers);
    asked = answered = 0;
}

// `epoch` NULL: without a position.
static struct answer *ask(struct fixture *f, const char *channel, const char *epoch, uint64_t offset,
                          uint32_t limit, bool backwards) {
    struct request *request = calloc(1, sizeof *request);
    assert_non_null(request);
    request->mail.kind = MAIL_HISTORY;
    request->worker = asked % WORKERS;
    request->size = asked; // whose it is
    request->ask = ask_new((struct span){channel, strlen(channel)}, (struct span){NULL, 0});
    assert_non_null(request->ask);
    request->ask->limit = limit;
    request->ask->backwards = backwards;
    if (epoch) {
        position_set(&request->ask->since, (struct span){epoch, strlen(epoch)}, offset);
    }
    answers[asked].request = request;
    mailbox_post(hub_mailbox(f->instance.hub), &request->mail);
    return &answers[asked++];
}

static bool all_answered(void *context) {
    (void)context;
    return answered == asked;
}

static void wait_answers(struct fixture *f) {
    run_until(f->loop, all_answered, f);
}

static void store(struct fixture *f, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        fake_store(f->fake, ROOM, "x");
    }
}

static void it_is_read_either_way(void **state) {
    static const struct {
        const char *epoch;
        uint64_t since;
        uint32_t limit;
        bool backwards;
        const char *story;
        bool more;
    } cases[] = {
        {NULL, 0, 3, false, "1 2 3", true},
        {NULL, 0, 100, false, "1 2 3 4 5 6 7", false},
        {NULL, 0, 3, true, "7 6 5", true},
        {NULL, 0, 100, true, "7 6 5 4 3 2 1", false},
        {"first", 5, 100, false, "6 7", false},
        {"first", 5, 1, false, "6", true},
        {"first", 5, 100, true, "4 3 2 1", false},
        {"first", 5, 4, true, "4 3 2 1", false},
        {"first", 7, 10, false, "", false},
        {"first", 1, 10, true, "", false},
        {"first", 0, 2, false, "1 2", true},
        {"first", 0, 2, true, "", false},
        {NULL, 0, 0, false, "", false},
    };
    struct fixture f;
    (void)state;
    set_up_questions(&f, "");
    store(&f, 7);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct answer *answer =
            ask(&f, ROOM, cases[i].epoch, cases[i].since, cases[i].limit, cases[i].backwards);
        wait_answers(&f);
        assert_int_equal(answer->status, WSHUB_OK);
        assert_string_equal(answer->story, cases[i].story);
        assert_int_equal(answer->more, cases[i].more);
        assert_int_equal(answer->position.offset, 7);
    }
    tear_down(&f);
}

static void a_channel_that_nothing_was_published_to_is_empty(void **state) {
    struct fixture f;
    (void)state;
    set_up_questions(&f, "");
    const struct answer *answer = ask(&f, ROOM, NULL, 0, 10, false);
    wait_answers(&f);
    assert_int_equal(answer->status, WSHUB_OK);
    assert_string_equal(answer->story, "");
    assert_int_equal(answer->position.offset, 0);
    assert_int_not_equal(answer->position.epoch_length, 0);
    tear_down(&f);
}

static void what_is_gone_is_not_passed_over(void **state) {
    struct fixture f;
    (void)state;
    set_up_questions(&f, "");
    store(&f, 7);
    fake_trim(f.fake, ROOM, 5);
    const struct answer *gone = ask(&f, ROOM, "first", 2, 10, false);
    const struct answer *there = ask(&f, ROOM, "first", 4, 10, false);
    const struct answer *backwards = ask(&f, ROOM, "first", 2, 10, true);
    const struct answer *other = ask(&f, ROOM, "another", 6, 10, false);
    const struct answer *any = ask(&f, ROOM, NULL, 0, 10, false);
    wait_answers(&f);
    assert_int_equal(gone->status, WSHUB_NOT_FOUND);
    assert_int_equal(gone->position.offset, 7);
    assert_string_equal(there->story, "5 6 7");
    assert_int_equal(backwards->status, WSHUB_OK);
    assert_string_equal(backwards->story, "");
    assert_int_equal(other->status, WSHUB_NOT_FOUND);
    assert_string_equal(any->story, "5 6 7");
    tear_down(&f);
}

static void many_messages_are_read_page_by_page(void **state) {
    struct fixture f;
    (void)state;
    set_up_questions(&f, "");
    store(&f, 1200);
    const struct answer *answer = ask(&f, ROOM, NULL, 0, 1000, false);
    wait_answers(&f);
    assert_string_equal(answer->story + strlen(answer->story) - 12, "998 999 1000");
    assert_true(answer->more);
    assert_int_equal(questions(&f), 2);
    const struct answer *rest = ask(&f, ROOM, "first", 1000, 1000, false);
    wait_answers(&f);
    assert_int_equal(strncmp(rest->story, "1001 1002", 9), 0);
    assert_false(rest->more);
    assert_int_equal(questions(&f), 3);
    tear_down(&f);
}

// Between two pages of one answer: it would look whole.
static void a_history_that_goes_between_pages_is_told(void **state) {
    (void)state;
    for (int is_other = 0; is_other < 2; is_other++) {
        struct fixture f;
        set_up_questions(&f, "");
        store(&f, 700);
        fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
        const struct answer *answer = ask(&f, ROOM, NULL, 0, 1000, false);
        wait_calls(&f, FAKE_HISTORY, 1);
        fake_complete(f.fake, f.fake->held, WSHUB_OK);
        wait_calls(&f, FAKE_HISTORY, 2);
        if (is_other) {
            fake_begin_epoch(f.fake, ROOM, "second");
            store(&f, 700);
        } else {
            fake_trim(f.fake, ROOM, 600);
        }
        fake_complete(f.fake, f.fake->held, WSHUB_OK);
        wait_answers(&f);
        assert_int_equal(answer->status, WSHUB_NOT_FOUND);
        assert_string_equal(answer->story, "");
        tear_down(&f);
    }
}

static void bytes_are_bounded_too(void **state) {
    char payload[3000];
    struct fixture f;
    (void)state;
    memset(payload, 'x', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    set_up_questions(&f, "limits: {outbox: 16KiB, message: 8KiB}\n");
    for (unsigned i = 0; i < 9; i++) {
        fake_store(f.fake, ROOM, payload);
    }
    const struct answer *first = ask(&f, ROOM, NULL, 0, 100, false);
    wait_answers(&f);
    assert_string_equal(first->story, "1 2");
    assert_true(first->more);
    const struct answer *next = ask(&f, ROOM, "first", 2, 100, false);
    wait_answers(&f);
    assert_string_equal(next->story, "3 4");
    tear_down(&f);
}

static void the_same_question_is_asked_once(void **state) {
    struct fixture f;
    (void)state;
    set_up_questions(&f, "recovery: {reads: 1}\n");
    store(&f, 3);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    const struct answer *before = ask(&f, ROOM, NULL, 0, 10, false);
    wait_calls(&f, FAKE_HISTORY, 1);
    const struct answer *a = ask(&f, ROOM, NULL, 0, 10, false); // the first is under way: it may be too old
    const struct answer *b = ask(&f, ROOM, NULL, 0, 10, false);
    const struct answer *other = ask(&f, ROOM, NULL, 0, 10, true);
    run_rounds(f.loop);
    assert_int_equal(questions(&f), 1); // no more than one at a time
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    store(&f, 1);
    wait_calls(&f, FAKE_HISTORY, 2);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    wait_answers(&f);
    assert_string_equal(before->story, "1 2 3");
    assert_string_equal(a->story, "1 2 3 4");
    assert_string_equal(b->story, "1 2 3 4");
    assert_string_equal(other->story, "4 3 2 1");
    assert_int_equal(questions(&f), 3);
    tear_down(&f);
}

static void what_fails_is_told(void **state) {
    static const int statuses[] = {WSHUB_TIMEOUT, WSHUB_UNAVAILABLE, WSHUB_DENIED, WSHUB_NO_MEMORY};
    struct fixture f;
    (void)state;
    set_up_questions(&f, "");
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, statuses[i]);
        const struct answer *answer = ask(&f, ROOM, NULL, 0, 10, false);
        wait_answers(&f);
        assert_int_equal(answer->status, statuses[i]);
    }
    const struct answer *plain = ask(&f, "plain", NULL, 0, 10, false);
    wait_answers(&f);
    assert_int_equal(plain->status, WSHUB_UNSUPPORTED);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    const struct answer *under_way = ask(&f, ROOM, NULL, 0, 10, false);
    wait_calls(&f, FAKE_HISTORY, 5);
    tear_down(&f);
    assert_int_equal(answered, asked);
    assert_int_equal(under_way->status, WSHUB_CLOSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_read_either_way),
        cmocka_unit_test(a_channel_that_nothing_was_published_to_is_empty),
        cmocka_unit_test(what_is_gone_is_not_passed_over),
        cmocka_unit_test(many_messages_are_read_page_by_page),
        cmocka_unit_test(a_history_that_goes_between_pages_is_told),
        cmocka_unit_test(bytes_are_bounded_too),
        cmocka_unit_test(the_same_question_is_asked_once),
        cmocka_unit_test(what_fails_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
