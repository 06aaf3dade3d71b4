// SPDX-License-Identifier: MIT
#include "storm/member.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)
enum {
    SILENT_MS = 800,        // then it asks for a sign of life
    DEAD_MS = 2500,         // without any: the connection is given up, as docs/protocol.md lets a client
    CONNECT_MS = 2000,      // for connect, upgrade and welcome
    BACKOFF_MS = 1000,      // doubled with each attempt, and a random part of it waited
    BACKOFF_MOST_MS = 4000, // a client's is 30 s; a bounded run cannot wait so long
    TEXT_MAX = 61000,
    SILENT_CODE = 1, // of no close frame
};

const char *const member_closes[] = {"cut", "drained", "too_slow", "unavailable", "other", "silent", NULL};
enum { CLOSE_CUT, CLOSE_DRAINED, CLOSE_SLOW, CLOSE_UNAVAILABLE, CLOSE_OTHER, CLOSE_SILENT };

void member_init(struct member *member, struct storm *storm, const struct peer_calls *calls,
                 uint64_t open_ns) {
    *member = (struct member){.storm = storm, .open_ns = open_ns};
    member->peer = (struct peer){.peers = &storm->peers, .calls = calls};
}

// ---- connecting ----

// As a load balancer would choose: not one that is known to leave, or not to run. A paused one looks well.
static bool choose_hub(struct member *member) {
    struct storm *storm = member->storm;
    unsigned living[FLEET_HUBS], count = 0;
    for (unsigned i = 0; i < storm->fleet.hub_count; i++)
        if (storm->fleet.hubs[i].ready || storm->fleet.hubs[i].process.paused)
            living[count++] = i;
    if (count > 0)
        member->hub = living[random_below(&storm->random, count)];
    return count > 0;
}

static void plan_next(struct member *member) {
    struct storm *storm = member->storm;
    uint64_t most = (uint64_t)BACKOFF_MS << (member->attempts < 4 ? member->attempts : 4);
    if (most > BACKOFF_MOST_MS)
        most = BACKOFF_MOST_MS;
    uint64_t wait = member->after_ms ? member->after_ms : random_below(&storm->random, most);
    member->after_ms = 0;
    member->attempts++;
    member->open_ns = storm->now_ns + wait * MS;
}

static void open_it(struct member *member) {
    if (!choose_hub(member)) {
        plan_next(member);
        return;
    }
    const struct server *hub = &member->storm->fleet.hubs[member->hub];
    member->welcomed = member->pinged = false;
    member->connection++;
    peer_open(&member->peer, hub->address, hub->port, member->receive_buffer);
    if (member->peer.state == PEER_CLOSED)
        plan_next(member);
}

static void watch_over(struct member *member) {
    uint64_t now_ns = member->storm->now_ns;
    uint64_t silent_ms = (now_ns - member->peer.heard_ns) / MS;
    if (member->peer.deaf)
        return; // it does not listen itself
    if (!member->welcomed ? (now_ns - member->peer.opened_ns) / MS > CONNECT_MS : silent_ms > DEAD_MS) {
        member->peer.close_code = SILENT_CODE;
        peer_fail(&member->peer);
    } else if (silent_ms > SILENT_MS && member->welcomed && !member->pinged) {
        member->pinged = true;
        member_say(member, "{\"op\":\"ping\",\"id\":%u}", PING_ID);
    } else if (silent_ms <= SILENT_MS) {
        member->pinged = false;
    }
}

void member_tick(struct member *member) {
    if (member->peer.state != PEER_CLOSED)
        watch_over(member);
    else if (member->storm->now_ns >= member->open_ns)
        open_it(member);
}

static void note_welcome(struct storm *storm, bool again) {
    if (storm->welcome_count == storm->welcome_room) {
        size_t room = storm->welcome_room ? storm->welcome_room * 2 : 1024;
        struct welcome *grown = realloc(storm->welcomes, room * sizeof *grown);
        if (!grown) {
            storm->ledger.starved = true;
            return;
        }
        storm->welcomes = grown;
        storm->welcome_room = room;
    }
    storm->welcomes[storm->welcome_count++] = (struct welcome){storm->now_ns, again};
}

void member_welcome(struct member *member) {
    note_welcome(member->storm, member->known);
    member->welcomed = member->known = true;
    member->attempts = 0;
}

static unsigned why_closed(unsigned code) {
    switch (code) {
    case 0:
        return CLOSE_CUT;
    case 1001:
        return CLOSE_DRAINED;
    case SILENT_CODE:
        return CLOSE_SILENT;
    case 4409:
        return CLOSE_SLOW;
    case 1013:
        return CLOSE_UNAVAILABLE;
    default:
        return CLOSE_OTHER;
    }
}

void member_gone(struct member *member, unsigned code) {
    char text[32];
    int length = snprintf(text, sizeof text, "gone, code %u", code);
    member_trace(member, '-', text, (size_t)length);
    member->storm->closed[why_closed(code)]++;
    member->welcomed = false;
    plan_next(member);
}

// ---- talking ----

bool member_say(struct member *member, const char *format, ...) {
    char text[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length < sizeof text)
        member_trace(member, '>', text, (size_t)length);
    return length > 0 && (size_t)length < sizeof text && peer_send(&member->peer, text, (size_t)length);
}

void member_trace(const struct member *member, char way, const char *text, size_t length) {
    enum { LINE_MOST = 240 };
    if (member->traced)
        fprintf(stderr, "%.6f hub-%u %c %.*s\n", (double)member->peer.peers->now_ns / 1e9, member->hub + 1,
                way, (int)(length < LINE_MOST ? length : LINE_MOST), text);
}

void member_strange(struct member *member, const char *text, size_t length) {
    struct storm *storm = member->storm;
    if (storm->strange++ == 0)
        snprintf(storm->strange_text, sizeof storm->strange_text, "%.*s",
                 (int)(length < STRANGE_TEXT ? length : STRANGE_TEXT), text);
}

// ---- the data ----

enum { DATA_HEAD = 18 }; // "g" 8 hex digits "-" 8 hex digits

static uint32_t check_word(const struct storm *storm, uint32_t publish) {
    struct random random = {storm->options.seed ^ ((uint64_t)publish << 20)};
    return (uint32_t)random_next(&random);
}

size_t member_data(const struct storm *storm, uint32_t publish, char *out) {
    size_t length = storm->options.size;
    snprintf(out, DATA_HEAD + 1, "g%08x-%08x", publish, check_word(storm, publish));
    memset(out + DATA_HEAD, '.', length - DATA_HEAD);
    out[length] = 0;
    return length;
}

uint32_t member_data_read(const struct storm *storm, const char *data, size_t length) {
    char head[DATA_HEAD + 1];
    unsigned publish, check;
    int end = 0;
    if (length != storm->options.size)
        return PUBLISH_NONE;
    memcpy(head, data, DATA_HEAD);
    head[DATA_HEAD] = 0;
    if (sscanf(head, "g%8x-%8x%n", &publish, &check, &end) != 2 || end != DATA_HEAD ||
        check != check_word(storm, publish) || publish >= storm->ledger.publish_count)
        return PUBLISH_NONE;
    return publish;
}
