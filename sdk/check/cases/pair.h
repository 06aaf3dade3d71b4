// SPDX-License-Identifier: MIT
// Two instances, as most cases of semantics want them: one publishes, the other receives.
//
// There are brokers that live inside one instance, such as `memory`; nothing that is published there leaves
// it. They have no descriptor and no thread to reach another by, and no registry of the others, and that is
// how they are told from a broker whose instances should hear each other and do not. For them both ends are
// one peer; a case that is about two instances is skipped.
#pragma once

#include "host/peer.h"

struct pair {
    struct check *check;
    struct peer *from, *to; // the same one in a broker inside one instance
    bool is_alone;
};

struct pair pair_open(struct check *check);
// Skips the case when there is only one.
struct pair pair_open_two(struct check *check);
