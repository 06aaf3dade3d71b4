// SPDX-License-Identifier: MIT
#include "broker/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/address.h"
#include "broker/relay.h"
#include "check_priv.h"
#include "host/peer.h"

enum { LIMIT_MS = 30000, SAID = 256 };

struct command {
    struct check *check;
    const char *section, *name, *text;
    pid_t pid;
    bool may_fail;
    int output; // a file in memory: a broker that stays in the background may keep it
    uint64_t until;
};

static const struct {
    const char *name;
    size_t text; // where it stands in struct settings
} kinds[COMMANDS] = {
    [COMMAND_STOP] = {"stop", offsetof(struct settings, stop)},
    [COMMAND_PAUSE] = {"pause", offsetof(struct settings, pause)},
    [COMMAND_RESUME] = {"resume", offsetof(struct settings, resume)},
    [COMMAND_RESTART] = {"restart", offsetof(struct settings, restart)},
    [COMMAND_CHANGE] = {"change", offsetof(struct settings, change)},
    [COMMAND_SPOIL] = {"spoil", offsetof(struct settings, spoil)},
    [COMMAND_RESTORE] = {"restore", offsetof(struct settings, restore)},
};

static const char *section_of(const struct check *check, enum command_kind kind) {
    return kind >= COMMAND_CHANGE ? "reload" : check->settings.section;
}

static const char *text_of(const struct check *check, enum command_kind kind) {
    return *(char *const *)((const char *)&check->settings + kinds[kind].text);
}

// A process group of its own, so that all of it can be ended; no signal blocked or ignored.
static int set_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setpgroup(attributes, 0);
    return posix_spawnattr_setflags(attributes,
                                    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

static int spawn(struct command *command) {
    char *const arguments[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)command->text, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, command->output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, command->output, STDERR_FILENO);
    set_attributes(&attributes);
    int error = posix_spawn(&command->pid, "/bin/sh", &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

struct command *command_start(struct check *check, enum command_kind kind) {
    struct command *command = calloc(1, sizeof *command);
    const char *text = text_of(check, kind);
    if (!text) {
        check_skip(check, "%s.%s is not in the configuration", section_of(check, kind), kinds[kind].name);
    }
    if (!command) {
        check_fail(check, "the kit has no memory left");
    }
    *command = (struct command){
        .check = check, .section = section_of(check, kind), .name = kinds[kind].name, .text = text};
    command->until = check_now() + check_scaled(LIMIT_MS) * 1000000;
    command->output = memfd_create("output", MFD_CLOEXEC);
    int error = command->output < 0 ? errno : spawn(command);
    if (error) {
        check_fail(check, "the command '%s' cannot be run: %s", kinds[kind].name, strerror(error));
    }
    return command;
}

// The last line that the command said, in `said`.
static const char *last_words(const struct command *command, char said[SAID]) {
    const off_t length = lseek(command->output, 0, SEEK_END);
    const off_t from = length > SAID - 1 ? length - (SAID - 1) : 0;
    ssize_t n = pread(command->output, said, SAID - 1, from);
    n = n < 0 ? 0 : n;
    while (n > 0 && said[n - 1] == '\n') {
        n--;
    }
    said[n] = '\0';
    const char *line = strrchr(said, '\n');
    return line ? line + 1 : said;
}

static _Noreturn void fail(const struct command *command, int status) {
    char said[SAID];
    const char *words = last_words(command, said);
    if (WIFSIGNALED(status)) {
        check_fail(command->check, "%s.%s (%s) was ended by signal %d: %s", command->section, command->name,
                   command->text, WTERMSIG(status), words);
    }
    check_fail(command->check, "%s.%s (%s) exited with %d, expected 0: %s", command->section, command->name,
               command->text, WEXITSTATUS(status), words);
}

bool command_is_over(struct command *command) {
    int status = 0;
    pid_t ended = waitpid(command->pid, &status, WNOHANG);
    if (ended == 0 || (ended < 0 && errno == EINTR)) {
        if (check_now() > command->until) {
            kill(-command->pid, SIGKILL);
            waitpid(command->pid, &status, 0);
            check_fail(command->check, "%s.%s (%s) did not end within %llu s", command->section,
                       command->name, command->text, (unsigned long long)check_scaled(LIMIT_MS) / 1000);
        }
        return false;
    }
    if (ended < 0 || (status != 0 && !command->may_fail)) {
        fail(command, status);
    }
    close(command->output);
    free(command);
    return true;
}

// ---- the ones that wait ----

static bool is_over(void *context) {
    struct command **command = context;
    if (*command && command_is_over(*command)) {
        *command = NULL;
    }
    return *command == NULL;
}

static void run(struct check *check, enum command_kind kind, bool may_fail) {
    enum { LOOK_MS = 5 };
    struct command *command = command_start(check, kind);
    command->may_fail = may_fail;
    while (!check_wait(check, is_over, &command, LOOK_MS)) {
    }
}

void command_run(struct check *check, enum command_kind kind) {
    run(check, kind, false);
}

void broker_stop(struct check *check) {
    run(check, COMMAND_STOP, false);
}

void broker_pause(struct check *check) {
    run(check, COMMAND_PAUSE, false);
}

void broker_resume(struct check *check) {
    run(check, COMMAND_RESUME, false);
}

void broker_restart(struct check *check) {
    run(check, COMMAND_RESTART, false);
}

void commands_mend(struct check *check) {
    if (text_of(check, COMMAND_RESUME)) {
        run(check, COMMAND_RESUME, true); // what is not paused may say so
    }
    if (text_of(check, COMMAND_RESTART) && !address_answers(check)) {
        run(check, COMMAND_RESTART, false);
    }
}
