// SPDX-License-Identifier: MIT
// What a process holds: its descriptors, its threads and its children. Taken before the plugin is opened, and
// compared once it is closed.
#pragma once

#include <stdbool.h>

struct buf;
struct leftovers;

struct leftovers *leftovers_new(void); // NULL: no memory, or no /proc
void leftovers_free(struct leftovers *leftovers);

// What is there now and was not before, for people: "1 thread, 2 descriptors (socket, /tmp/x)"; nothing when
// all is as it was. A thread that has been joined is still there for a moment: waits up to `milliseconds`.
void leftovers_compare(const struct leftovers *before, unsigned milliseconds, struct buf *out);
// A descriptor that was there before, and is not now; -1: none.
int leftovers_closed(const struct leftovers *before);
