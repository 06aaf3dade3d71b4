// SPDX-License-Identifier: MIT
// The configuration's commands, which stop, pause, resume and restart the broker: run by /bin/sh while the
// case goes on. relay.h has the ones that wait. A command that fails, or takes longer than 30 s (scaled),
// fails the case with the last that it said.
#pragma once

#include <stdbool.h>

#include "check.h"

enum command_kind {
    COMMAND_STOP,
    COMMAND_PAUSE,
    COMMAND_RESUME,
    COMMAND_RESTART,
    COMMAND_CHANGE, // of the files that an auth plugin reads
    COMMAND_SPOIL,
    COMMAND_RESTORE,
    COMMANDS
};

struct command;

// To be asked by command_is_over until it is true, which frees it.
struct command *command_start(struct check *check, enum command_kind kind);
bool command_is_over(struct command *command);

// Runs one to its end.
void command_run(struct check *check, enum command_kind kind);

// A case that failed may have left the broker paused or stopped: makes it run again, before the next one, as
// far as commands are there. Fails the case when the broker cannot be reached after that.
void commands_mend(struct check *check);
