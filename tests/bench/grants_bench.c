// SPDX-License-Identifier: MIT
// What a worker pays for the question whether a client may: ns for each, by how many grants the client has,
// of exact names and of patterns, when a grant covers the name and when none does. Run
// build/tests/bench/wshub-grants.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/identity.h"

enum { RUNS = 15, QUESTIONS = 20000, NAME_SIZE = 64 };

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct identity *make(unsigned count, const char *tail, char (*names)[NAME_SIZE]) {
    static struct wshub_grant grants[IDENTITY_GRANTS_MAX];
    for (unsigned i = 0; i < count; i++) {
        int length = snprintf(names[i], NAME_SIZE, "room:%u%s", i, tail);
        grants[i] = (struct wshub_grant){{names[i], (size_t)length}, WSHUB_VERB_SUBSCRIBE, 0};
    }
    const struct wshub_identity told = {
        .struct_size = sizeof told, .user = {"ann", 3}, .grants = grants, .grant_count = count};
    const char *why = NULL;
    struct identity *identity = identity_new(&told, &why);
    if (!identity) {
        fprintf(stderr, "no identity: %s\n", why ? why : "out of memory");
        exit(1);
    }
    return identity;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The median of the runs. The names that are asked for go round, so that no cache knows the answer.
static double measure(const struct identity *identity, unsigned count, const char *tail, bool covered) {
    double runs[RUNS];
    char name[NAME_SIZE];
    unsigned answers = 0;
    for (int run = 0; run < RUNS; run++) {
        uint64_t spent = 0;
        for (unsigned i = 0; i < QUESTIONS; i++) {
            int length = snprintf(name, sizeof name, "room:%u%s", i * 7919 % count, tail);
            name[0] = covered ? name[0] : 'x';
            uint64_t start = now_ns();
            answers += identity_may(identity, WSHUB_VERB_SUBSCRIBE, (struct span){name, (size_t)length});
            spent += now_ns() - start;
        }
        runs[run] = (double)spent / QUESTIONS;
    }
    if (answers != (covered ? RUNS * QUESTIONS : 0u)) {
        fprintf(stderr, "a wrong answer\n");
        exit(1);
    }
    qsort(runs, RUNS, sizeof *runs, by_size);
    return runs[RUNS / 2];
}

int main(void) {
    static const unsigned counts[] = {1, 16, 128, IDENTITY_GRANTS_MAX};
    static const struct {
        const char *what, *granted, *asked; // what follows "room:7"
    } kinds[] = {{"exact names", "", ""}, {"patterns", ":*", ":chat"}};
    static char names[IDENTITY_GRANTS_MAX][NAME_SIZE];
    printf("%-12s %7s %12s %12s   ns for a question, reading the clock once included\n", "grants", "count",
           "covered", "not covered");
    for (size_t kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            struct identity *identity = make(counts[i], kinds[kind].granted, names);
            printf("%-12s %7u %12.0f %12.0f\n", kinds[kind].what, counts[i],
                   measure(identity, counts[i], kinds[kind].asked, true),
                   measure(identity, counts[i], kinds[kind].asked, false));
            identity_unref(identity);
        }
    }
    return 0;
}
