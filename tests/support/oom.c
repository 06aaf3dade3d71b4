// SPDX-License-Identifier: MIT
// Allocations that fail on demand, in a running hub. wshub-oom is linked with malloc, calloc and realloc
// wrapped: the hub's own code, the memory broker and llhttp come here. Shared libraries keep theirs, because
// libuv aborts without memory. SIGUSR1 begins, SIGUSR2 ends; each says so on standard error, in a line like
// those of the log.
//
//     WSHUB_OOM_EVERY=37  the 37th, 74th, ... allocation fails from SIGUSR1 on
//     otherwise           one fails: the first after the first SIGUSR1, the second after the second, and so
//     on
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static unsigned long every;
static atomic_ulong one; // which one fails, where `every` is 0
static atomic_ulong asked, failed;
static atomic_bool scarce;

static bool fails(void) {
    if (!atomic_load(&scarce)) {
        return false;
    }
    unsigned long n = atomic_fetch_add(&asked, 1) + 1;
    bool fail = every ? n % every == 0 : n == atomic_load(&one);
    if (fail) {
        atomic_fetch_add(&failed, 1);
        errno = ENOMEM;
    }
    return fail;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails() ? NULL : __real_realloc(old, size);
}

// A signal handler may call little: no printf, no log.
static size_t put(char *out, const char *text, unsigned long number) {
    char digits[24];
    size_t length = strlen(text), n = 0;
    memcpy(out, text, length);
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (n > 0) {
        out[length++] = digits[--n];
    }
    return length;
}

static void on_signal(int signum) {
    char line[160];
    int before = errno;
    bool begins = signum == SIGUSR1;
    if (begins) {
        atomic_fetch_add(&one, 1);
        atomic_store(&asked, 0);
        atomic_store(&failed, 0);
    }
    atomic_store(&scarce, begins);
    size_t length = put(
        line, begins ? "level=info event=scarce turn=" : "level=info event=plenty turn=", atomic_load(&one));
    length += put(line + length, " asked=", atomic_load(&asked));
    length += put(line + length, " failed=", atomic_load(&failed));
    line[length++] = '\n';
    ssize_t n = write(STDERR_FILENO, line, length);
    (void)n; // nobody is left to tell
    errno = before;
}

__attribute__((constructor)) static void set_up(void) {
    const char *period = getenv("WSHUB_OOM_EVERY");
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    every = period ? strtoul(period, NULL, 10) : 0;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
}
