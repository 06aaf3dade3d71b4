// SPDX-License-Identifier: MIT
#include "redis_server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "free_port.h"
#include "loop_fixture.h"

enum { START_MS = 20000, WORDS = 64 };

unsigned redis_server_free_port(void) {
    unsigned port = free_port();
    assert_int_not_equal(port, 0);
    return port;
}

static redisContext *connect_to(const struct redis_server *server) {
    redisContext *context = redisConnectWithTimeout("127.0.0.1", (int)server->port, (struct timeval){5, 0});
    assert_non_null(context);
    if (!context->err) {
        redisSetTimeout(context, (struct timeval){5, 0});
    }
    return context;
}

static bool answers(const struct redis_server *server) {
    redisContext *context = connect_to(server);
    redisReply *reply = context->err ? NULL : redisCommand(context, "PING");
    bool ok = reply != NULL;
    freeReplyObject(reply);
    redisFree(context);
    return ok;
}

static void wait_for_it(const struct redis_server *server) {
    uint64_t until = clock_ns() / 1000000 + START_MS;
    while (!answers(server)) {
        if (clock_ns() / 1000000 > until || waitpid(server->pid, NULL, WNOHANG) != 0) {
            fail_msg("redis-server does not answer on port %u", server->port);
        }
        usleep(5000); // asked again, until the deadline
    }
}

static void run(struct redis_server *server, const char *const *arguments) {
    pid_t parent = getpid();
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            execvp(arguments[0], (char *const *)(uintptr_t)arguments);
        }
        _exit(127);
    }
    wait_for_it(server);
}

static void launch(struct redis_server *server) {
    char port[16], log[96];
    snprintf(port, sizeof port, "%u", server->port);
    snprintf(log, sizeof log, "%s/log", server->folder);
    const char *arguments[32 + REDIS_ARGUMENTS] = {
        "redis-server", "--port", port,           "--bind",    "127.0.0.1",
        "--save",       "",       "--appendonly", "no",        "--unixsocket",
        server->socket, "--dir",  server->folder, "--logfile", log,
    };
    size_t count = 15;
    for (size_t i = 0; server->arguments[i]; i++) {
        arguments[count++] = server->arguments[i];
    }
    run(server, arguments);
}

static void make_folder(struct redis_server *server) {
    *server = (struct redis_server){.port = redis_server_free_port(), .folder = "/tmp/wshub-redis-XXXXXX"};
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->socket, sizeof server->socket, "%s/socket", server->folder);
    snprintf(server->url, sizeof server->url, "redis://127.0.0.1:%u", server->port);
}

void redis_server_start(struct redis_server *server, const char *const *arguments) {
    make_folder(server);
    for (size_t i = 0; arguments && arguments[i]; i++) {
        assert_true(i + 1 < REDIS_ARGUMENTS);
        server->arguments[i] = arguments[i];
    }
    launch(server);
}

void redis_server_start_sentinel(struct redis_server *server, const char *master, unsigned master_port) {
    char path[96];
    make_folder(server);
    snprintf(path, sizeof path, "%s/sentinel.conf", server->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "port %u\nbind 127.0.0.1\ndir %s\nlogfile %s/log\n"
            "sentinel monitor %s 127.0.0.1 %u 1\nsentinel down-after-milliseconds %s 500\n"
            "sentinel failover-timeout %s 2000\n",
            server->port, server->folder, server->folder, master, master_port, master, master);
    fclose(file);
    const char *arguments[] = {"redis-server", path, "--sentinel", NULL};
    run(server, arguments);
}

void redis_server_kill(struct redis_server *server) {
    if (server->pid) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

void redis_server_restart(struct redis_server *server) {
    redis_server_kill(server);
    launch(server);
}

void redis_server_signal(struct redis_server *server, int signum) {
    assert_int_equal(kill(server->pid, signum), 0);
    if (signum == SIGSTOP) { // not before it has really stopped
        assert_int_equal(waitpid(server->pid, NULL, WUNTRACED), server->pid);
    }
}

void redis_server_stop(struct redis_server *server) {
    static const char *const names[] = {"log", "socket", "sentinel.conf", "dump.rdb"};
    char path[160];
    redis_server_kill(server);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", server->folder, names[i]);
        unlink(path);
    }
    rmdir(server->folder);
}

static void print_reply(const redisReply *reply, char *out, size_t size) {
    size_t n = strlen(out);
    if (reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < reply->elements; i++) {
            n = strlen(out);
            snprintf(out + n, size - n, "%s", i ? " " : "");
            print_reply(reply->element[i], out, size);
        }
    } else if (reply->type == REDIS_REPLY_INTEGER) {
        snprintf(out + n, size - n, "%lld", reply->integer);
    } else {
        snprintf(out + n, size - n, "%s", reply->type == REDIS_REPLY_NIL ? "(nil)" : reply->str);
    }
}

const char *redis_server_ask(struct redis_server *server, const char *command) {
    static char text[64 * 1024];
    char words[4096];
    const char *argv[WORDS];
    int argc = 0;
    snprintf(words, sizeof words, "%s", command);
    for (char *rest = words, *word; (word = strsep(&rest, "|"));) {
        assert_true(argc < WORDS);
        argv[argc++] = word;
    }
    redisContext *context = connect_to(server);
    assert_int_equal(context->err, 0);
    redisReply *reply = redisCommandArgv(context, argc, argv, NULL);
    assert_non_null(reply);
    text[0] = 0;
    print_reply(reply, text, sizeof text);
    freeReplyObject(reply);
    redisFree(context);
    return text;
}
