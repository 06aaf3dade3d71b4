// SPDX-License-Identifier: MIT
#include "cases/pair.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cases/expect.h"
#include "cases/shown.h"

enum {
    PATIENCE = 5000, // ms until instances of a broker that does reach out must have heard each other
    ROUNDS = 20,     // messages that the publisher heard by itself, until it is alone
};

// ---- what a plugin could reach others with ----

// Sockets, pipes, files: all but the loop's own.
static bool is_outward(int folder, const char *name) {
    char target[PATH_MAX];
    ssize_t length = readlinkat(folder, name, target, sizeof target - 1);
    if (length <= 0) {
        return false;
    }
    target[length] = '\0';
    return strncmp(target, "anon_inode:", strlen("anon_inode:")) != 0;
}

static unsigned count(const char *path, bool all) {
    unsigned count = 0;
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        if (entry->d_name[0] != '.' && (all || is_outward(dirfd(folder), entry->d_name))) {
            count++;
        }
    }
    if (folder) {
        closedir(folder);
    }
    return count;
}

static unsigned count_ways_out(void) {
    return count("/proc/self/fd", false) + count("/proc/self/task", true);
}

// ---- whether they hear each other ----

struct probe {
    struct pair *pair;
    size_t rounds; // how many the publisher must have heard
};

static bool is_heard(void *context) {
    const struct probe *probe = context;
    return peer_arrivals(probe->pair->to)->count > 0 ||
           peer_arrivals(probe->pair->from)->count >= probe->rounds;
}

// Publishes until the other end has heard one. A single message would not do: losing one is the business of
// the cases.
static bool hear_each_other(struct pair *pair, bool reaches_out) {
    struct check *check = pair->check;
    struct wshub_message message = message_of(check_channel(check, "are-you-there"), "\"hello\"");
    uint64_t end = check_now() + check_scaled(PATIENCE) * 1000000;
    struct probe probe = {.pair = pair};
    expect_subscribed(pair->from, message.channel);
    expect_subscribed(pair->to, message.channel);
    do {
        expect_published(pair->from, &message);
        probe.rounds++;
        check_wait(check, is_heard, &probe, PATIENCE / ROUNDS);
    } while (peer_arrivals(pair->to)->count == 0 &&
             (reaches_out ? check_now() < end : probe.rounds < ROUNDS));
    bool heard = peer_arrivals(pair->to)->count > 0;
    expect_unsubscribed(pair->from, message.channel);
    expect_unsubscribed(pair->to, message.channel);
    return heard;
}

struct pair pair_open(struct check *check) {
    unsigned before = count_ways_out();
    struct pair pair = {.check = check, .from = peer_open(check), .to = peer_open(check)};
    bool reaches_out = count_ways_out() > before || check_can(check, WSHUB_BROKER_REGISTRY);
    if (!hear_each_other(&pair, reaches_out)) {
        if (reaches_out) {
            check_fail(check,
                       "two instances with the same options do not hear each other: what one publishes "
                       "did not reach the other, which had subscribed");
        }
        peer_close(pair.to);
        pair.to = pair.from;
        pair.is_alone = true;
    }
    peer_forget(pair.from);
    peer_forget(pair.to);
    return pair;
}

struct pair pair_open_two(struct check *check) {
    struct pair pair = pair_open(check);
    if (pair.is_alone) {
        check_skip(check, "this broker lives inside one instance: no message can leave it");
    }
    return pair;
}
