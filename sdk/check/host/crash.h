// SPDX-License-Identifier: MIT
// What a process that dies still says: which signal, and at what address.
#pragma once

struct outcome;

// For the rest of the process. Borrows outcome.
void crash_catch(struct outcome *outcome);
