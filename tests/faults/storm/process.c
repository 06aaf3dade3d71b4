// SPDX-License-Identifier: MIT
#include "storm/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// In the child: it ends with the storm.
static void belong_to(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
}

// In the child. Nothing of the storm stays open but what is closed on exec.
static void become(const char *const *arguments, const char *log) {
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0)
        _exit(126);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    dprintf(2, "%s: not found\n", arguments[0]);
    _exit(127);
}

static int forked(struct process *process) {
    if (process->pid > 0)
        return 0;
    process->pid = 0;
    return -1;
}

int process_start(struct process *process, const char *const *arguments, const char *log) {
    pid_t parent = getpid();
    *process = (struct process){.pid = fork()};
    if (process->pid == 0) {
        belong_to(parent);
        become(arguments, log);
    }
    return forked(process);
}

int process_fork(struct process *process, int (*run)(void *context), void *context) {
    pid_t parent = getpid();
    *process = (struct process){.pid = fork()};
    if (process->pid == 0) {
        belong_to(parent);
        _exit(run(context));
    }
    return forked(process);
}

bool process_gone(struct process *process) {
    if (process->pid && waitpid(process->pid, &process->status, WNOHANG) == process->pid) {
        process->pid = 0;
        process->ended = true;
    }
    return process->pid == 0;
}

void process_signal(struct process *process, int signum) {
    if (process_gone(process))
        return;
    kill(process->pid, signum);
    if (signum == SIGSTOP || signum == SIGCONT)
        process->paused = signum == SIGSTOP;
}

void process_kill(struct process *process) {
    if (process_gone(process))
        return;
    kill(process->pid, SIGKILL);
    waitpid(process->pid, &process->status, 0);
    process->pid = 0;
    process->ended = true;
}
