// SPDX-License-Identifier: MIT
// One program that the storm has started: it ends with the storm, however that ends, and only it is
// signalled.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct process {
    pid_t pid;   // 0: not running
    int status;  // of its end, as wait() has it
    bool ended;  // by itself or by a signal, since it was started
    bool paused; // by process_signal
};

// Output is appended to the file `log`. -1: fork failed.
int process_start(struct process *process, const char *const *arguments, const char *log);
// A copy of this one that runs a function and exits with what it returns.
int process_fork(struct process *process, int (*run)(void *context), void *context);
// True once it has gone; asked without waiting.
bool process_gone(struct process *process);
void process_signal(struct process *process, int signum);
void process_kill(struct process *process); // SIGKILL, and waits for its end
