// SPDX-License-Identifier: MIT
// `${NAME}` in the values of a tree, taken from the environment. Called before any thread starts: getenv(3).
#pragma once

struct node;
struct report;

// Replaces every ${NAME} by its variable and $$ by $, in values but not in keys. A `$` in front of anything
// else stays. A variable that is not set is an error, so is one that is not UTF-8.
void environment_substitute(struct node *root, struct report *report);
