// SPDX-License-Identifier: MIT
// Every case, in the order in which they run: what is simple fails first.
#include "cases.h"

#include <string.h>

#include "config/nearest.h"

const struct check_group check_groups[] = {
    {"library", cases_library},
    {"contract", cases_contract},
    {"contract", cases_memory},
    {"semantics", cases_delivery},
    {"semantics", cases_names},
    {"semantics", cases_payloads},
    {"semantics", cases_registry},
    {"semantics", cases_history},
    {"semantics", cases_last_value},
    {"faults", cases_faults},
    {0},
};

bool cases_next(struct case_at *at) {
    if (!at->group) {
        at->group = check_groups;
        at->item = at->group->cases;
    } else {
        at->item++;
    }
    while (at->group->name && !at->item->name) {
        at->group++;
        at->item = at->group->cases;
    }
    return at->group->name;
}

bool cases_is_group(const char *name) {
    for (const struct check_group *group = check_groups; group->name; group++) {
        if (strcmp(group->name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool cases_knows(const char *name) {
    for (struct case_at at = {0}; cases_next(&at);) {
        if (strcmp(at.item->name, name) == 0) {
            return true;
        }
    }
    return cases_is_group(name);
}

const char *cases_nearest(const char *name) {
    struct nearest nearest = nearest_to(name);
    for (struct case_at at = {0}; cases_next(&at);) {
        nearest_offer(&nearest, at.group->name);
        nearest_offer(&nearest, at.item->name);
    }
    return nearest.best;
}
