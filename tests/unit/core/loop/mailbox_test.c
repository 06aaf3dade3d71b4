// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "loop/mailbox.h"
#include "loop_fixture.h"

enum { SENDERS = 8, MAILS = 20000 };

struct letter {
    struct mail mail; // kind: the sender
    int number;
};

struct reader {
    struct mailbox *mailbox;
    pthread_t thread;
    int expected[SENDERS]; // the next number of each
    int received;
    int wanted;
};

// What the sender wrote before posting is visible here, in the order in which each sender posted.
static void on_mail(void *context, struct mail *mail) {
    struct reader *reader = context;
    struct letter *letter = (struct letter *)(void *)mail;
    assert_true(pthread_equal(pthread_self(), reader->thread));
    assert_in_range(mail->kind, 0, SENDERS - 1);
    assert_int_equal(letter->number, reader->expected[mail->kind]);
    reader->expected[mail->kind]++;
    reader->received++;
    free(letter); // it is ours: the sender and the mailbox do not look at it again
}

static void post(struct mailbox *mailbox, int sender, int number) {
    struct letter *letter = malloc(sizeof *letter);
    *letter = (struct letter){.mail.kind = sender, .number = number};
    mailbox_post(mailbox, &letter->mail);
}

static struct reader *reader_new(struct loop *loop, int wanted) {
    struct reader *reader = calloc(1, sizeof *reader);
    reader->thread = pthread_self();
    reader->wanted = wanted;
    reader->mailbox = mailbox_new(loop, on_mail, reader);
    assert_non_null(reader->mailbox);
    return reader;
}

static bool has_all(void *self) {
    struct reader *reader = self;
    return reader->received >= reader->wanted;
}

struct sender {
    struct mailbox *mailbox;
    pthread_t thread;
    int index, mails;
};

static void *send_all(void *self) {
    struct sender *sender = self;
    for (int i = 0; i < sender->mails; i++) {
        post(sender->mailbox, sender->index, i);
    }
    return NULL;
}

static void start_senders(struct sender senders[SENDERS], struct mailbox *mailbox, int mails) {
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.mailbox = mailbox, .index = i, .mails = mails};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
}

static void join_senders(struct sender senders[SENDERS]) {
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
    }
}

static void many_threads_lose_nothing_and_keep_their_order(void **state) {
    (void)state;
    struct sender senders[SENDERS];
    struct loop *loop = loop_new();
    struct reader *reader = reader_new(loop, SENDERS * MAILS);
    start_senders(senders, reader->mailbox, MAILS);
    run_until(loop, has_all, reader);
    join_senders(senders);
    assert_int_equal(reader->received, SENDERS * MAILS);
    mailbox_free(reader->mailbox);
    loop_free(loop);
    free(reader);
}

// The doorbell alone must wake a loop that sleeps: no timer runs beside it.
struct sleeper {
    struct reader reader;
    struct loop *loop;
};

static void on_mail_stop(void *context, struct mail *mail) {
    struct sleeper *sleeper = context;
    on_mail(&sleeper->reader, mail);
    if (has_all(&sleeper->reader)) {
        loop_stop(sleeper->loop);
    }
}

static void a_sleeping_loop_is_woken(void **state) {
    (void)state;
    struct sleeper sleeper = {.reader = {.thread = pthread_self()}, .loop = loop_new()};
    sleeper.reader.mailbox = mailbox_new(sleeper.loop, on_mail_stop, &sleeper);
    for (int i = 0; i < 500; i++) { // each time from sleep; a lost wake-up runs into the test's time limit
        struct sender sender = {.mailbox = sleeper.reader.mailbox, .mails = 1 + i % 3};
        memset(sleeper.reader.expected, 0, sizeof sleeper.reader.expected);
        sleeper.reader.received = 0;
        sleeper.reader.wanted = sender.mails;
        pthread_create(&sender.thread, NULL, send_all, &sender);
        loop_run(sleeper.loop);
        pthread_join(sender.thread, NULL);
        assert_int_equal(sleeper.reader.received, sender.mails);
    }
    mailbox_free(sleeper.reader.mailbox);
    loop_free(sleeper.loop);
}

static void what_lies_in_the_box_is_delivered_when_it_is_freed(void **state) {
    (void)state;
    struct sender senders[SENDERS];
    struct loop *loop = loop_new();
    struct reader *reader = reader_new(loop, 0);
    start_senders(senders, reader->mailbox, 100);
    join_senders(senders);
    assert_int_equal(reader->received, 0); // the loop has not run
    mailbox_free(reader->mailbox);
    assert_int_equal(reader->received, SENDERS * 100);
    loop_free(loop); // the doorbell that has rung finds nobody
    assert_int_equal(reader->received, SENDERS * 100);
    free(reader);
}

struct relay {
    struct mailbox *mailbox;
    struct mail mail;
    int left;
    bool inside;
};

static void on_relay(void *context, struct mail *mail) {
    struct relay *relay = context;
    assert_false(relay->inside);
    relay->inside = true;
    if (--relay->left > 0) {
        mailbox_post(relay->mailbox, mail); // the same mail may go round at once
    }
    relay->inside = false;
}

static bool relay_done(void *self) {
    return ((struct relay *)self)->left == 0;
}

static void mail_may_be_posted_again_while_it_is_received(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct relay relay = {.left = 1000};
    relay.mailbox = mailbox_new(loop, on_relay, &relay);
    mailbox_post(relay.mailbox, &relay.mail);
    run_until(loop, relay_done, &relay);
    run_rounds(loop);
    assert_int_equal(relay.left, 0);
    mailbox_free(relay.mailbox);
    loop_free(loop);
}

struct peer {
    struct loop *loop;
    struct mailbox *mine, *theirs;
    int left;
};

static void on_ball(void *context, struct mail *mail) {
    struct peer *peer = context;
    if (peer->left == 0) {
        return; // the game is over, and this is mailbox_free
    }
    bool last = --peer->left == 0;
    mailbox_post(peer->theirs, mail);
    if (last) {
        loop_stop(peer->loop);
    }
}

static void *run_peer(void *self) {
    loop_run(((struct peer *)self)->loop);
    return NULL;
}

// As workers and the hub talk: two loops, each on its own thread.
static void two_loops_play_ball(void **state) {
    (void)state;
    struct peer peers[2] = {{.loop = loop_new(), .left = 2000}, {.loop = loop_new(), .left = 2000}};
    struct mail ball = {0};
    pthread_t thread;
    for (int i = 0; i < 2; i++) {
        peers[i].mine = mailbox_new(peers[i].loop, on_ball, &peers[i]);
    }
    peers[0].theirs = peers[1].mine;
    peers[1].theirs = peers[0].mine;
    mailbox_post(peers[0].mine, &ball);
    pthread_create(&thread, NULL, run_peer, &peers[1]);
    loop_run(peers[0].loop);
    pthread_join(thread, NULL);
    assert_int_equal(peers[0].left, 0);
    assert_int_equal(peers[1].left, 0);
    mailbox_free(peers[0].mine);
    mailbox_free(peers[1].mine);
    loop_free(peers[0].loop);
    loop_free(peers[1].loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_lose_nothing_and_keep_their_order),
        cmocka_unit_test(a_sleeping_loop_is_woken),
        cmocka_unit_test(what_lies_in_the_box_is_delivered_when_it_is_freed),
        cmocka_unit_test(mail_may_be_posted_again_while_it_is_received),
        cmocka_unit_test(two_loops_play_ball),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
