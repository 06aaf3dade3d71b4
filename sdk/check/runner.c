// SPDX-License-Identifier: MIT
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/buf.h"

enum { SECONDS = 30, HEARD_MAX = 64 * 1024, SHOWN_MAX = 60 };

// What the case's process writes to: files without a name, so that it never waits for a reader.
struct ears {
    int out, err;
};

static bool ears_open(struct ears *ears) {
    ears->out = memfd_create("stdout", MFD_CLOEXEC);
    ears->err = memfd_create("stderr", MFD_CLOEXEC);
    return ears->out >= 0 && ears->err >= 0;
}

static void ears_close(const struct ears *ears) {
    close(ears->out);
    close(ears->err);
}

static size_t size_of(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 ? (size_t)status.st_size : 0;
}

static void read_back(int fd, size_t from, size_t length, struct buf *out) {
    if (length > 0 && buf_reserve(out, length)) {
        ssize_t n = pread(fd, out->data + out->length, length, (off_t)from);
        out->length += n > 0 ? (size_t)n : 0;
    }
}

// ---- the case's process ----

_Noreturn static void live(const struct run *run, const struct check_case *item, struct outcome *outcome,
                           const struct ears *ears, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    if (getppid() != parent) {
        _exit(0); // the runner was gone before it could be told
    }
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); // a case that crashes is a verdict, and no file
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(ears->out, STDOUT_FILENO);
    dup2(ears->err, STDERR_FILENO);
    close(null);
    ears_close(ears);
    check_run(run, item, outcome);
}

// ---- the runner's ----

// True: it has ended by itself, or did while a kernel without pidfd was asked for it.
static bool wait_until(pid_t pid, uint64_t deadline) {
    int watched = pidfd_open(pid, 0);
    struct pollfd end = {watched, POLLIN, 0};
    siginfo_t info = {0};
    bool ended = false;
    for (uint64_t now = check_now(); !ended && now < deadline; now = check_now()) {
        int left = (int)((deadline - now) / 1000000) + 1;
        poll(&end, 1, watched < 0 && left > 10 ? 10 : left);
        ended = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
    }
    if (watched >= 0) {
        close(watched);
    }
    return ended;
}

// A process that stands still is killed; and when it has ended, whatever it has left behind in its group.
static bool wait_for(pid_t pid, uint64_t milliseconds, int *status) {
    bool ended = wait_until(pid, check_now() + milliseconds * 1000000);
    kill(-pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR) {
    }
    return ended;
}

static void put_place(const struct outcome *outcome, char *out, size_t size) {
    if (outcome->where[0] == '\0') {
        snprintf(out, size, "before the plugin was called");
    } else {
        snprintf(out, size, "%s %s", outcome->inside ? "within" : "after", outcome->where);
    }
}

static void add_breach(struct outcome *outcome) {
    size_t length = strlen(outcome->text);
    if (outcome->breach[0]) {
        snprintf(outcome->text + length, sizeof outcome->text - length, "; before that, %s", outcome->breach);
    }
}

static void say_crash(struct outcome *outcome, bool ended, int status, unsigned seconds) {
    char place[OUTCOME_WHERE + 32], address[128] = "";
    put_place(outcome, place, sizeof place);
    outcome->verdict = VERDICT_CRASHED;
    if (!ended) {
        snprintf(outcome->text, sizeof outcome->text, "did not end within %u s (%s)", seconds, place);
    } else if (WIFSIGNALED(status)) {
        if (outcome->faulted) {
            snprintf(address, sizeof address, " at address 0x%llx%s", (unsigned long long)outcome->address,
                     outcome->lent
                         ? ", in memory that was lent to a slot: too late, behind its end, or to write there"
                         : "");
        }
        snprintf(outcome->text, sizeof outcome->text, "%s%s, %s", strsignal(WTERMSIG(status)), address,
                 place);
    } else {
        snprintf(outcome->text, sizeof outcome->text, "ended with exit code %d, %s", WEXITSTATUS(status),
                 place);
    }
    add_breach(outcome);
}

// Whatever the case itself found is more to the point.
static void look_at_stdout(int fd, struct outcome *outcome) {
    struct buf wrote = {0}, shown = {0};
    size_t size = size_of(fd);
    read_back(fd, 0, size < SHOWN_MAX ? size : SHOWN_MAX, &wrote);
    if (wrote.length > 0 && outcome->verdict < VERDICT_FAIL) {
        buf_json_string(&shown, wrote.data, wrote.length);
        outcome->verdict = VERDICT_FAIL;
        snprintf(outcome->text, sizeof outcome->text, "wrote to stdout: %.*s%s", (int)shown.length,
                 shown.data ? shown.data : "", size > SHOWN_MAX ? "..." : "");
    }
    buf_free(&wrote);
    buf_free(&shown);
}

static bool run_apart(const struct run *run, const struct check_case *item, struct outcome *outcome,
                      struct buf *heard, bool may_print) {
    struct ears ears;
    unsigned seconds =
        (unsigned)check_scaled((item->seconds ? item->seconds : SECONDS) * UINT64_C(1000)) / 1000;
    uint64_t began = check_now();
    int status = 0;
    pid_t parent = getpid();
    outcome_clear(outcome);
    if (!ears_open(&ears)) {
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        live(run, item, outcome, &ears, parent);
    }
    if (pid > 0) {
        setpgid(pid, pid); // whoever is first
        bool ended = wait_for(pid, seconds * UINT64_C(1000), &status);
        bool sound = outcome_is_sound(outcome);
        if (!ended || !outcome->ended || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            say_crash(outcome, ended, status, seconds);
        }
        if (!sound) {
            snprintf(outcome->text, sizeof outcome->text, "has written into memory of the kit");
        }
        if (!may_print) {
            look_at_stdout(ears.out, outcome);
        }
        size_t said = size_of(ears.err), from = said > HEARD_MAX ? said - HEARD_MAX : 0;
        read_back(ears.err, from, said - from, heard);
        outcome->milliseconds = (check_now() - began) / 1000000;
    }
    ears_close(&ears);
    return pid > 0;
}

bool runner_run(const struct run *run, const struct check_case *item, struct outcome *outcome,
                struct buf *heard) {
    return run_apart(run, item, outcome, heard, false);
}

bool runner_ask(const struct run *run, const struct check_case *item, struct outcome *outcome) {
    struct buf heard = {0};
    bool ok = run_apart(run, item, outcome, &heard, true);
    buf_free(&heard);
    return ok;
}
