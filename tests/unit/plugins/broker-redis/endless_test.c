// SPDX-License-Identifier: MIT
// Replies without an end: refused soon, before they cost memory or time.
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "redis_fixture.h"

#include "loop_fixture.h"

struct liar {
    pid_t pid;
    char url[64];
};

// Says `head` once on each connection, then `more` for as long as somebody reads.
static void lie(int listening, const char *head, const char *more) {
    char block[64 * 1024];
    size_t length = strlen(more);
    for (size_t i = 0; length && i < sizeof block; i++) {
        block[i] = more[i % length];
    }
    for (;;) {
        int fd = accept(listening, NULL, NULL);
        ssize_t sent = send(fd, head, strlen(head), MSG_NOSIGNAL);
        while (sent > 0 && length) {
            sent = send(fd, block, sizeof block / length * length, MSG_NOSIGNAL);
        }
        char rest[1024];
        while (recv(fd, rest, sizeof rest, 0) > 0) {
        }
        close(fd);
    }
}

static void liar_start(struct liar *liar, const char *head, const char *more) {
    struct sockaddr_in name;
    pid_t parent = getpid();
    int listening = tcp_listen(&name);
    snprintf(liar->url, sizeof liar->url, "redis://127.0.0.1:%u", ntohs(name.sin_port));
    liar->pid = fork();
    assert_true(liar->pid >= 0);
    if (liar->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            lie(listening, head, more);
        }
        _exit(1);
    }
    close(listening);
}

static void liar_stop(struct liar *liar) {
    kill(liar->pid, SIGKILL);
    waitpid(liar->pid, NULL, 0);
}

static void what_has_no_end_is_cut_off(void **state) {
    static const struct {
        const char *head, *more, *reason;
    } lies[] = {
        {"+", "x", "a line of more than"}, {"-ERR ", "x", "a line of more than"},
        {"$", "1", "a line of more than"}, {"*2\r\n:1\r\n+", "x", "a line of more than"},
        {"*1\r\n", "*1\r\n", ""}, // hiredis 0.14 refuses it by itself
    };
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct liar liar;
        liar_start(&liar, lies[i].head, lies[i].more);
        struct plugin_host *host =
            plugin_host_new(wshub_plugin_entry(), OPTIONS("url", liar.url, "timeout", "3s"));
        uint64_t since = now_ms();
        assert_int_equal(plugin_host_open(host), WSHUB_OK);
        plugin_host_wait_link(host, WSHUB_LINK_DOWN);
        assert_says(host->reason, lies[i].reason);
        assert_true(now_ms() - since < 2000); // noticed by what it says, not by how long it takes
        plugin_host_free(host);
        liar_stop(&liar);
    }
}

static int set_up(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_end_is_cut_off),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
