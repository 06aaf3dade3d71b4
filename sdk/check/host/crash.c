// SPDX-License-Identifier: MIT
#include "host/crash.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "host/lend.h"
#include "host/memory.h"
#include "outcome.h"

// A signal handler has no context to be passed.
static struct outcome *last_words;

static void on_fault(int signum, siginfo_t *info, void *context) {
    (void)context;
    last_words->address = (uintptr_t)info->si_addr;
    last_words->lent = lend_owns(info->si_addr);
    last_words->faulted = true;
    signal(signum, SIG_DFL); // the instruction comes again, and dies of it
}

// A sanitizer says more than this would.
void crash_catch(struct outcome *outcome) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    last_words = outcome;
    if (MEMORY_IS_OURS) {
        sigaction(SIGSEGV, &action, NULL);
        sigaction(SIGBUS, &action, NULL);
    }
}
