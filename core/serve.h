// SPDX-License-Identifier: MIT
// `wshub serve`: wires a configuration to threads and runs them until the drain is over.
#pragma once

struct config;
struct log;

// Returns the process's exit code: 0 after a clean drain, 1 when it could not start or something was lost.
int serve(const struct config *config, const struct log *log);
