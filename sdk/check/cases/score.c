// SPDX-License-Identifier: MIT
#include "cases/score.h"

#include <stdlib.h>
#include <string.h>

enum { TAKEN = 1 << 0 };                  // of a line's message
enum { CAME = 1 << 0, EXCUSED = 1 << 1 }; // of the same, at a receiver

struct line { // what one publisher says on one channel
    uint8_t *flags;
    uint32_t count, size;
};

struct heard { // what one receiver hears of one line
    uint8_t *flags;
    uint32_t size;
    uint32_t next; // after the highest number that came
    bool gap;      // has begun, and was not told yet
    uint32_t from; // it begins here; 0 without a gap: what is told then can be about anything
    uint64_t duplicated, reordered;
    uint32_t first_reordered;
};

struct entry {
    unsigned publisher;
    uint32_t number;
};

struct sequence { // what one receiver got of one channel, each message once, in its order
    struct entry *entries;
    size_t count, size;
};

struct score {
    struct score_size size;
    struct line *lines;
    struct heard *heard;
    struct sequence *sequences;
};

static struct line *line_of(const struct score *score, unsigned publisher, unsigned channel) {
    return &score->lines[publisher * score->size.channels + channel];
}

static struct heard *heard_of(const struct score *score, unsigned receiver, unsigned publisher,
                              unsigned channel) {
    return &score->heard[(receiver * score->size.publishers + publisher) * score->size.channels + channel];
}

static struct sequence *sequence_of(const struct score *score, unsigned receiver, unsigned channel) {
    return &score->sequences[receiver * score->size.channels + channel];
}

static size_t lines(const struct score *score) {
    return (size_t)score->size.publishers * score->size.channels;
}

struct score *score_new(struct score_size size) {
    struct score *score = calloc(1, sizeof *score);
    if (score) {
        score->size = size;
        score->lines = calloc(lines(score), sizeof *score->lines);
        score->heard = calloc(lines(score) * size.receivers, sizeof *score->heard);
        score->sequences = calloc((size_t)size.receivers * size.channels, sizeof *score->sequences);
        if (!score->lines || !score->heard || !score->sequences) {
            score_free(score);
            score = NULL;
        }
    }
    return score;
}

void score_free(struct score *score) {
    if (!score) {
        return;
    }
    for (size_t i = 0; score->lines && i < lines(score); i++) {
        free(score->lines[i].flags);
    }
    for (size_t i = 0; score->heard && i < lines(score) * score->size.receivers; i++) {
        free(score->heard[i].flags);
    }
    for (size_t i = 0; score->sequences && i < (size_t)score->size.receivers * score->size.channels; i++) {
        free(score->sequences[i].entries);
    }
    free(score->lines);
    free(score->heard);
    free(score->sequences);
    free(score);
}

// ---- what is told ----

// Room for `count` bytes, the new ones zero.
static bool grow(uint8_t **bytes, uint32_t *size, uint32_t count) {
    uint32_t wanted = *size ? *size : 64;
    if (count <= *size) {
        return true;
    }
    while (wanted < count) {
        wanted *= 2;
    }
    uint8_t *more = realloc(*bytes, wanted);
    if (!more) {
        return false;
    }
    memset(more + *size, 0, wanted - *size);
    *bytes = more;
    *size = wanted;
    return true;
}

uint32_t score_publish(struct score *score, unsigned publisher, unsigned channel) {
    struct line *line = line_of(score, publisher, channel);
    return grow(&line->flags, &line->size, line->count + 1) ? line->count++ : UINT32_MAX;
}

void score_taken(struct score *score, unsigned publisher, unsigned channel, uint32_t number) {
    line_of(score, publisher, channel)->flags[number] |= TAKEN;
}

void score_gap(struct score *score, unsigned receiver, unsigned channel) {
    for (unsigned i = 0; i < score->size.publishers; i++) {
        struct heard *heard = heard_of(score, receiver, i, channel);
        heard->from = heard->gap ? heard->from : heard->next;
        heard->gap = true;
    }
}

void score_resumed(struct score *score, unsigned receiver, unsigned channel) {
    for (unsigned i = 0; i < score->size.publishers; i++) {
        struct heard *heard = heard_of(score, receiver, i, channel);
        heard->gap = false;
        heard->from = 0;
    }
}

bool score_told(struct score *score, unsigned receiver, unsigned channel) {
    for (unsigned i = 0; i < score->size.publishers; i++) {
        struct heard *heard = heard_of(score, receiver, i, channel);
        const uint32_t count = line_of(score, i, channel)->count;
        if (!grow(&heard->flags, &heard->size, count)) {
            return false;
        }
        for (uint32_t number = heard->from; number < count; number++) {
            heard->flags[number] |= EXCUSED;
        }
    }
    score_resumed(score, receiver, channel);
    return true;
}

static bool append(struct sequence *sequence, struct entry entry) {
    if (sequence->count == sequence->size) {
        const size_t size = sequence->size ? 2 * sequence->size : 64;
        struct entry *more = realloc(sequence->entries, size * sizeof *more);
        if (!more) {
            return false;
        }
        sequence->entries = more;
        sequence->size = size;
    }
    sequence->entries[sequence->count++] = entry;
    return true;
}

static bool is_known(const struct score *score, const struct score_message *message) {
    return message->publisher < score->size.publishers && message->receiver < score->size.receivers &&
           message->channel < score->size.channels &&
           message->number < line_of(score, message->publisher, message->channel)->count;
}

bool score_arrived(struct score *score, const struct score_message *message) {
    if (!is_known(score, message)) {
        return false;
    }
    struct heard *heard = heard_of(score, message->receiver, message->publisher, message->channel);
    if (!grow(&heard->flags, &heard->size, message->number + 1)) {
        return false;
    }
    if (heard->flags[message->number] & CAME) {
        heard->duplicated++;
        return true;
    }
    heard->flags[message->number] |= CAME;
    if (message->number < heard->next) {
        heard->first_reordered = heard->reordered++ ? heard->first_reordered : message->number;
    } else {
        heard->next = message->number + 1;
    }
    return append(sequence_of(score, message->receiver, message->channel),
                  (struct entry){message->publisher, message->number});
}

// ---- what it comes to ----

static bool is(const struct heard *heard, uint32_t number, uint8_t flag) {
    return number < heard->size && heard->flags[number] & flag;
}

uint32_t score_published(const struct score *score, unsigned publisher, unsigned channel) {
    return line_of(score, publisher, channel)->count;
}

uint32_t score_heard(const struct score *score, unsigned receiver, unsigned publisher, unsigned channel) {
    return heard_of(score, receiver, publisher, channel)->next;
}

// Adds up one line at one receiver; `message` names them.
static void sum_line(const struct score *score, struct score_message message, struct score_sum *sum) {
    const struct line *line = line_of(score, message.publisher, message.channel);
    const struct heard *heard = heard_of(score, message.receiver, message.publisher, message.channel);
    for (message.number = 0; message.number < line->count; message.number++) {
        if (is(heard, message.number, CAME)) {
            sum->arrived++;
        } else if (!(line->flags[message.number] & TAKEN)) {
            continue; // its publisher knows
        } else if (is(heard, message.number, EXCUSED)) {
            sum->told++;
        } else if (sum->lost++ == 0) {
            sum->first = message;
        }
    }
    if (heard->reordered && sum->lost == 0 && sum->reordered == 0) {
        message.number = heard->first_reordered;
        sum->first = message;
    }
    sum->reordered += heard->reordered;
    sum->duplicated += heard->duplicated;
}

static void sum_lines(const struct score *score, struct score_sum *sum) {
    const struct score_size *size = &score->size;
    for (unsigned publisher = 0; publisher < size->publishers; publisher++) {
        for (unsigned channel = 0; channel < size->channels; channel++) {
            const struct line *line = line_of(score, publisher, channel);
            sum->published += line->count;
            for (uint32_t i = 0; i < line->count; i++) {
                sum->taken += (line->flags[i] & TAKEN) != 0;
            }
            for (unsigned receiver = 0; receiver < size->receivers; receiver++) {
                sum_line(score, (struct score_message){publisher, channel, receiver, 0}, sum);
            }
        }
    }
}

bool score_is_whole(const struct score *score) {
    struct score_sum sum = {0};
    sum_lines(score, &sum);
    return sum.lost == 0;
}

// ---- one order for all ----

// Where the messages of one channel stand with the first receiver: ranks[publisher][number], 0 for nowhere.
static bool rank(const struct score *score, unsigned channel, size_t **ranks) {
    const struct sequence *sequence = sequence_of(score, 0, channel);
    for (unsigned i = 0; i < score->size.publishers; i++) {
        ranks[i] = calloc((size_t)line_of(score, i, channel)->count + 1, sizeof *ranks[i]);
        if (!ranks[i]) {
            return false;
        }
    }
    for (size_t i = 0; i < sequence->count; i++) {
        ranks[sequence->entries[i].publisher][sequence->entries[i].number] = i + 1;
    }
    return true;
}

static void compare(const struct score *score, struct score_message message, size_t *const *ranks,
                    struct score_sum *sum) {
    const struct sequence *sequence = sequence_of(score, message.receiver, message.channel);
    size_t last = 0;
    for (size_t i = 0; i < sequence->count; i++) {
        const struct entry *entry = &sequence->entries[i];
        const size_t place = ranks[entry->publisher][entry->number];
        if (place == 0) {
            continue; // the first receiver does not have it
        }
        if (place < last && sum->disordered++ == 0 && sum->lost == 0 && sum->reordered == 0) {
            message.publisher = entry->publisher;
            message.number = entry->number;
            sum->first = message;
        }
        last = place;
    }
}

static bool sum_order(const struct score *score, unsigned channel, struct score_sum *sum) {
    size_t **ranks = calloc(score->size.publishers, sizeof *ranks);
    const bool ranked = ranks && rank(score, channel, ranks);
    for (unsigned receiver = 1; ranked && receiver < score->size.receivers; receiver++) {
        compare(score, (struct score_message){.channel = channel, .receiver = receiver}, ranks, sum);
    }
    for (unsigned i = 0; ranks && i < score->size.publishers; i++) {
        free(ranks[i]);
    }
    free(ranks);
    return ranked;
}

bool score_sum(const struct score *score, struct score_sum *sum) {
    *sum = (struct score_sum){0};
    sum_lines(score, sum);
    for (unsigned channel = 0; channel < score->size.channels; channel++) {
        if (!sum_order(score, channel, sum)) {
            return false;
        }
    }
    return true;
}
