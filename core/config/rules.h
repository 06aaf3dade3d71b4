// SPDX-License-Identifier: MIT
// What must hold between keys, once each of them has been read.
#pragma once

struct config;
struct node;
struct report;

// `root` is the tree that `config` was read from. A rule keeps silent about a value that was refused already.
void rules_check(const struct config *config, struct node *root, struct report *report);
