// SPDX-License-Identifier: MIT
#include "cases/tally.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/expect.h"
#include "cases/receipt.h"
#include "cases/shown.h"

enum {
    RECEIVERS = 4,
    WINDOW = 1000,    // publishes of one peer under way
    PATIENCE = 10000, // ms for the broker to take a window, and for the last messages to arrive
};

struct lane {
    struct peer *from;
    struct wshub_bytes channel;
    size_t sent;
    size_t last;       // the number that ends it; 0: not published yet
    uint64_t failures; // of its publisher, before the tally
};

struct receiver {
    struct tally *tally;
    struct peer *peer;
    bool *hears; // by lane
    struct receipt receipt;
    size_t awaited;    // last messages that are not there yet
    uint64_t losses;   // before it
    uint64_t link;     // when it changed last, before it
    char foreign[512]; // the first that is no message of the tally's, or came on another channel
};

struct tally {
    struct check *check;
    uint64_t tag; // in every message: others' are not counted
    struct lane *lanes;
    size_t lane_count, lane_size;
    struct receiver receivers[RECEIVERS];
    size_t receiver_count;
};

// ---- making one ----

struct tally *tally_new(struct check *check, size_t lanes_at_most) {
    struct tally *tally = expect_memory(check, 1, sizeof *tally);
    tally->check = check;
    tally->tag = check_random(check);
    tally->lane_size = lanes_at_most;
    tally->lanes = expect_memory(check, lanes_at_most, sizeof *tally->lanes);
    return tally;
}

void tally_free(struct tally *tally) {
    for (size_t i = 0; i < tally->receiver_count; i++) {
        struct receiver *receiver = &tally->receivers[i];
        peer_set_on_arrival(receiver->peer, NULL, NULL);
        receipt_free(&receiver->receipt);
        free(receiver->hears);
    }
    free(tally->lanes);
    free(tally);
}

size_t tally_add_lane(struct tally *tally, struct peer *from, struct wshub_bytes channel) {
    if (tally->lane_count == tally->lane_size) {
        check_fail(tally->check, "the kit made a tally for %zu lanes and wants another", tally->lane_size);
    }
    tally->lanes[tally->lane_count] =
        (struct lane){.from = from, .channel = channel, .failures = peer_failed(from)};
    return tally->lane_count++;
}

// ---- arrivals ----

// The first one is kept, for the verdict.
__attribute__((format(printf, 2, 3))) static void note_foreign(struct receiver *receiver, const char *format,
                                                               ...) {
    va_list arguments;
    va_start(arguments, format);
    if (receiver->foreign[0] == '\0') {
        vsnprintf(receiver->foreign, sizeof receiver->foreign, format, arguments);
    }
    va_end(arguments);
}

static void note_unknown(struct receiver *receiver, const struct wshub_message *message) {
    note_foreign(receiver, "%s came on %s, and nobody published that", shown_bytes(message->payload).text,
                 shown_bytes(message->channel).text);
}

// A payload is ["<tag>",<lane>,<number>].
static bool read_payload(struct wshub_bytes payload, uint64_t *tag, size_t *lane, size_t *number) {
    char text[80];
    if (payload.length >= sizeof text) {
        return false;
    }
    memcpy(text, payload.data, payload.length);
    text[payload.length] = '\0';
    return sscanf(text, "[\"%" SCNx64 "\",%zu,%zu]", tag, lane, number) == 3;
}

static void on_arrival(void *context, struct peer *peer, const struct wshub_message *message) {
    struct receiver *receiver = context;
    struct tally *tally = receiver->tally;
    uint64_t tag;
    size_t number, at;
    (void)peer;
    if (!read_payload(message->payload, &tag, &at, &number)) {
        note_unknown(receiver, message);
        return;
    }
    if (tag != tally->tag) {
        return; // of another run beside this one, or of a case before
    }
    if (at >= tally->lane_count || number == 0 || number > tally->lanes[at].sent) {
        note_unknown(receiver, message);
        return;
    }
    struct lane *lane = &tally->lanes[at];
    if (!bytes_are(message->channel, lane->channel.data, lane->channel.length)) {
        note_foreign(receiver, "message %zu published on %s came on %s", number,
                     shown_bytes(lane->channel).text, shown_bytes(message->channel).text);
        return;
    }
    bool first = receipt_take(&receiver->receipt, at, number);
    if (first && number == lane->last && receiver->hears[at]) {
        receiver->awaited--;
    }
}

size_t tally_add_receiver(struct tally *tally, struct peer *peer) {
    size_t number = tally->receiver_count++;
    if (number >= RECEIVERS) {
        check_fail(tally->check, "the kit made a tally for %d receivers and wants another", RECEIVERS);
    }
    struct receiver *receiver = &tally->receivers[number];
    *receiver = (struct receiver){
        .tally = tally, .peer = peer, .losses = peer_losses(peer), .link = peer_link(peer)->changed};
    receiver->hears = expect_memory(tally->check, tally->lane_size, sizeof *receiver->hears);
    if (!receipt_init(&receiver->receipt, tally->lane_size)) {
        check_fail(tally->check, "the kit has no memory for a tally: this says nothing of the plugin");
    }
    peer_set_on_arrival(peer, on_arrival, receiver);
    return number;
}

void tally_hears(struct tally *tally, size_t receiver, size_t lane) {
    tally->receivers[receiver].hears[lane] = true;
}

void tally_hears_all(struct tally *tally, size_t receiver) {
    for (size_t i = 0; i < tally->lane_count; i++) {
        tally_hears(tally, receiver, i);
    }
}

// ---- publishing ----

static bool has_room(void *context) {
    return peer_in_flight(context) <= WINDOW / 2;
}

static void wait_for_room(struct tally *tally, struct peer *from) {
    if (peer_in_flight(from) >= WINDOW && !check_wait(tally->check, has_room, from, PATIENCE)) {
        check_fail(tally->check, "%d publishes were under way, and after %d ms there are still %zu", WINDOW,
                   PATIENCE, peer_in_flight(from));
    }
}

void tally_publish(struct tally *tally, size_t at) {
    struct lane *lane = &tally->lanes[at];
    char payload[80];
    wait_for_room(tally, lane->from);
    snprintf(payload, sizeof payload, "[\"%016" PRIx64 "\",%zu,%zu]", tally->tag, at, ++lane->sent);
    struct wshub_message message = message_of(lane->channel, payload);
    peer_fire_publish(lane->from, &message);
}

void tally_settle(struct tally *tally) {
    for (size_t i = 0; i < tally->lane_count; i++) {
        const struct lane *lane = &tally->lanes[i];
        if (peer_in_flight(lane->from) > 0 && !peer_wait_idle(lane->from, PATIENCE)) {
            check_fail(tally->check, "%zu of %" PRIu64 " publishes were not completed within %d ms",
                       peer_in_flight(lane->from), tally_published(tally), PATIENCE);
        }
        uint64_t failed = peer_failed(lane->from) - lane->failures;
        if (failed > 0) {
            check_fail(tally->check, "%" PRIu64 " of %" PRIu64 " publishes failed", failed,
                       tally_published(tally));
        }
    }
}

uint64_t tally_published(const struct tally *tally) {
    uint64_t sum = 0;
    for (size_t i = 0; i < tally->lane_count; i++) {
        sum += tally->lanes[i].sent;
    }
    return sum;
}

// ---- the verdict ----

// Or it is known already how it ends.
static bool is_over(void *context) {
    const struct tally *tally = context;
    bool waiting = false;
    for (size_t i = 0; i < tally->receiver_count; i++) {
        if (tally->receivers[i].foreign[0] != '\0') {
            return true;
        }
        waiting |= tally->receivers[i].awaited > 0;
    }
    return !waiting;
}

// A message more on each lane, after all the others were taken.
static void publish_last(struct tally *tally) {
    tally_settle(tally);
    for (size_t i = 0; i < tally->receiver_count; i++) {
        for (size_t lane = 0; lane < tally->lane_count; lane++) {
            tally->receivers[i].awaited += tally->receivers[i].hears[lane];
        }
    }
    for (size_t i = 0; i < tally->lane_count; i++) {
        tally->lanes[i].last = tally->lanes[i].sent + 1;
        tally_publish(tally, i);
    }
    tally_settle(tally);
}

static const char *fate_of_others(const struct lane *lane, const struct receipt_lane *got, size_t missing) {
    if (got->highest == lane->sent) {
        return "though the last one did";
    }
    if (got->highest == 0) {
        return "nor did any other";
    }
    return missing > got->highest ? "nor did any after it" : "though later ones did";
}

static void judge_heard(const struct receiver *receiver, size_t at) {
    const struct lane *lane = &receiver->tally->lanes[at];
    const struct receipt_lane *got = &receiver->receipt.lanes[at];
    struct check *check = receiver->tally->check;
    struct shown channel = shown_bytes(lane->channel);
    if (got->late > 0) {
        check_fail(check, "one instance published %zu in order on %s; at %s message %zu came after %zu",
                   lane->sent, channel.text, peer_instance_id(receiver->peer), got->late, got->after);
    }
    size_t missing = receipt_missing(&receiver->receipt, at, 1, lane->sent);
    if (missing > 0) {
        check_fail(check, "one instance published %zu on %s; at %s message %zu never came, %s", lane->sent,
                   channel.text, peer_instance_id(receiver->peer), missing,
                   fate_of_others(lane, got, missing));
    }
    size_t doubled = receipt_doubled(&receiver->receipt, at);
    if (doubled > 0) {
        check_fail(check, "one instance published %zu on %s, each once; at %s message %zu came %u times",
                   lane->sent, channel.text, peer_instance_id(receiver->peer), doubled,
                   receipt_seen(&receiver->receipt, at, doubled));
    }
}

static void judge_unheard(const struct receiver *receiver, size_t at) {
    if (receiver->receipt.lanes[at].highest > 0) {
        check_fail(receiver->tally->check, "%s has not subscribed %s, and message %zu on it came",
                   peer_instance_id(receiver->peer), shown_bytes(receiver->tally->lanes[at].channel).text,
                   receiver->receipt.lanes[at].highest);
    }
}

static void judge_receiver(const struct receiver *receiver) {
    if (receiver->receipt.failed) {
        check_fail(receiver->tally->check,
                   "the kit has no memory for a tally: this says nothing of the plugin");
    }
    if (receiver->foreign[0] != '\0') {
        check_fail(receiver->tally->check, "at %s, %s", peer_instance_id(receiver->peer), receiver->foreign);
    }
    for (size_t i = 0; i < receiver->tally->lane_count; i++) {
        if (!receiver->hears[i]) {
            judge_unheard(receiver, i);
        }
    }
    for (size_t i = 0; i < receiver->tally->lane_count; i++) {
        if (receiver->hears[i]) {
            judge_heard(receiver, i);
        }
    }
}

// A hub hands that on to every subscriber, who may ask for all he has once more.
static void warn_of_gaps(const struct receiver *receiver) {
    struct check *check = receiver->tally->check;
    uint64_t losses = peer_losses(receiver->peer) - receiver->losses;
    if (losses > 0) {
        check_warn(check, "%s said %" PRIu64 " times that messages may be lost, and none was",
                   peer_instance_id(receiver->peer), losses);
    }
    if (peer_link(receiver->peer)->changed != receiver->link) {
        check_warn(check, "the link of %s changed while messages passed, and none was lost",
                   peer_instance_id(receiver->peer));
    }
}

void tally_judge(struct tally *tally) {
    publish_last(tally);
    check_wait(tally->check, is_over, tally, PATIENCE);
    for (size_t i = 0; i < tally->receiver_count; i++) {
        judge_receiver(&tally->receivers[i]);
        warn_of_gaps(&tally->receivers[i]);
    }
}

void tally_judge_order(struct tally *tally) {
    for (size_t i = 1; i < tally->receiver_count; i++) {
        const struct receipt *one = &tally->receivers[0].receipt, *other = &tally->receivers[i].receipt;
        size_t at = receipt_parting(one, other);
        if (at == SIZE_MAX) {
            continue;
        }
        check_fail(tally->check,
                   "two instances saw %" PRIu64
                   " messages in different orders: the %zuth is number %u of publisher "
                   "%u at %s, and number %u of publisher %u at %s",
                   tally_published(tally), at + 1, one->marks[at].number, one->marks[at].lane + 1,
                   peer_instance_id(tally->receivers[0].peer), other->marks[at].number,
                   other->marks[at].lane + 1, peer_instance_id(tally->receivers[i].peer));
    }
}
