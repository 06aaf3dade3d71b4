// SPDX-License-Identifier: MIT
// Every case, in the order in which they run: what is simple fails first.
#include "cases.h"

#include <string.h>

#include "config/nearest.h"

const struct check_group check_groups[] = {
    {"library", cases_library, TABLE_ANY},       {"contract", cases_contract, TABLE_BROKER},
    {"contract", cases_memory, TABLE_BROKER},    {"semantics", cases_delivery, TABLE_BROKER},
    {"semantics", cases_names, TABLE_BROKER},    {"semantics", cases_payloads, TABLE_BROKER},
    {"semantics", cases_registry, TABLE_BROKER}, {"semantics", cases_groups, TABLE_BROKER},
    {"semantics", cases_history, TABLE_BROKER},  {"semantics", cases_positions, TABLE_BROKER},
    {"semantics", cases_keys, TABLE_BROKER},     {"semantics", cases_last_value, TABLE_BROKER},
    {"faults", cases_faults, TABLE_BROKER},      {"faults", cases_again, TABLE_BROKER},
    {"auth", cases_auth_life, TABLE_AUTH},       {"auth", cases_auth_answers, TABLE_AUTH},
    {"auth", cases_auth_hostile, TABLE_AUTH},    {"auth", cases_auth_secrets, TABLE_AUTH},
    {"auth", cases_auth_reload, TABLE_AUTH},     {"auth", cases_auth_memory, TABLE_AUTH},
    {"auth", cases_auth_backend, TABLE_AUTH},    {0},
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

enum check_table cases_table(const struct check_case *item) {
    for (struct case_at at = {0}; cases_next(&at);) {
        if (at.item == item) {
            return at.group->table;
        }
    }
    return TABLE_ANY; // what is asked in front of all cases
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
