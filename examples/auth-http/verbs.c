/* SPDX-License-Identifier: MIT */
#include "verbs.h"

#include <string.h>

#include <wshub/wshub.h>

static const struct {
    const char *name;
    uint32_t verb;
} verbs[] = {
    {"subscribe", WSHUB_VERB_SUBSCRIBE}, {"publish", WSHUB_VERB_PUBLISH}, {"presence", WSHUB_VERB_PRESENCE},
    {"history", WSHUB_VERB_HISTORY},     {"send", WSHUB_VERB_SEND},
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

const char *verb_name(uint32_t verb) {
    for (size_t i = 0; i < VERBS; i++) {
        if (verbs[i].verb == verb) {
            return verbs[i].name;
        }
    }
    return NULL;
}

uint32_t verb_named(const char *name) {
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return verbs[i].verb;
        }
    }
    return 0;
}
