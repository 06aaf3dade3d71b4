// SPDX-License-Identifier: MIT
// A server that says what no server should. Each ends the connection with a reason, and settles every call.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "redis_fixture.h"

enum { PUBLISHER, SUBSCRIBER };

// The peer, part of the test's own loop: takes both connections and gets them through the handshake.
struct peer {
    int listening, fds[2];
    int count; // of fds
    char url[64];
    const char *greeting; // answers the first command of each connection
    struct plugin_host *host;
};

static void start_peer(struct peer *peer, const char *greeting) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    *peer = (struct peer){.greeting = greeting, .fds = {-1, -1}};
    peer->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer->listening, (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(peer->listening, 8), 0);
    assert_int_equal(getsockname(peer->listening, (struct sockaddr *)&name, &length), 0);
    snprintf(peer->url, sizeof peer->url, "redis://me:hunter2@127.0.0.1:%d", ntohs(name.sin_port));
}

static void stop_peer(struct peer *peer) {
    plugin_host_free(peer->host);
    close(peer->listening);
    for (int i = 0; i < peer->count; i++) {
        close(peer->fds[i]);
    }
}

static void say(int fd, const char *text, size_t length) {
    assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), length);
}

static bool play(void *context) {
    struct peer *peer = context;
    char heard[4096];
    int fd = peer->count < 2 ? accept4(peer->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;
    if (fd >= 0) {
        peer->fds[peer->count++] = fd;
    }
    for (int i = 0; i < peer->count; i++) {
        if (recv(peer->fds[i], heard, sizeof heard, 0) > 0) {
            say(peer->fds[i], peer->greeting, strlen(peer->greeting));
        }
    }
    return peer->host->links > 0;
}

static void meet_for(struct peer *peer, const char *greeting, const char *timeout) {
    start_peer(peer, greeting);
    peer->host = plugin_host_new(wshub_plugin_entry(),
                                 OPTIONS("url", peer->url, "reconnect_min", "60s", "reconnect_max", "60s",
                                         "keepalive", "60s", "timeout", timeout));
    assert_int_equal(plugin_host_open(peer->host), WSHUB_OK);
    plugin_host_wait_until(peer->host, play, peer, "a first word");
}

static void meet(struct peer *peer, const char *greeting) {
    meet_for(peer, greeting, "5s");
}

#define SCRIPT(text) text, sizeof(text) - 1

static void to_the_subscriber(void **state) {
    static const struct {
        const char *text;
        size_t length;
        const char *reason;
    } cases[] = {
        {SCRIPT("*1000000000\r\n"), "a reply with more than"},
        {SCRIPT("*200000\r\n*200000\r\n"), "a reply with more than"},
        {SCRIPT("*99999999999999999999\r\n"), ""},
        {SCRIPT("$99999999999999999999\r\n"), ""},
        {SCRIPT("$-5\r\n"), ""},
        {SCRIPT("hello\r\n"), "not Redis' protocol"},
        {SCRIPT("\0\0\0\0"), "not Redis' protocol"},
        {SCRIPT("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"), ""},
        {SCRIPT("+OK\r\n"), "no answer to the command"},
        {SCRIPT(":1\r\n"), "no answer to the command"},
        {SCRIPT("$-1\r\n"), "no answer to the command"},
        {SCRIPT("*0\r\n"), "no answer to the command"},
        {SCRIPT("*-1\r\n"), "no answer to the command"},
        {SCRIPT("*3\r\n$-1\r\n$-1\r\n$-1\r\n"), "no answer to the command"},
        {SCRIPT("*3\r\n$7\r\nmessage\r\n:1\r\n$1\r\nx\r\n"), "no answer to the command"},
        {SCRIPT("*3\r\n$7\r\nmessage\r\n$4\r\nroom\r\n*0\r\n"), "no answer to the command"},
        {SCRIPT("*3\r\n$9\r\nsubscribe\r\n$5\r\nother\r\n:1\r\n"), "no answer to the command"},
        {SCRIPT("*3\r\n$11\r\nunsubscribe\r\n$4\r\nroom\r\n:1\r\n"), "no answer to the command"},
        {SCRIPT("*3\r\n$9\r\nsubscribe\r\n$-1\r\n:1\r\n"), "no answer to the command"},
        {SCRIPT("_\r\n"), ""}, // RESP3, which nobody has asked for
        {SCRIPT("#t\r\n"), ""},
        {SCRIPT(",1.5\r\n"), ""},
        {SCRIPT("%1\r\n$9\r\nsubscribe\r\n$4\r\nroom\r\n"), ""},
        {SCRIPT("~3\r\n$9\r\nsubscribe\r\n$4\r\nroom\r\n:1\r\n"), ""},
        {SCRIPT(">3\r\n$7\r\nmessage\r\n$4\r\nroom\r\n$1\r\nx\r\n"), ""},
        {SCRIPT("%1000000000\r\n"), ""},
        {SCRIPT("-NOPERM no\r\n:1\r\n"), "nobody has asked for"},
        {SCRIPT("-NOPERM no\r\n-ERR bye\r\n"), "the server says: ERR bye"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer peer;
        meet(&peer, "+OK\r\n+PONG\r\n+OK\r\n"); // AUTH, PING, CLIENT SETNAME
        assert_int_equal(peer.host->link, WSHUB_LINK_UP);
        plugin_host_subscribe(peer.host, "room");
        plugin_host_publish(peer.host, "room", "1", 1);
        say(peer.fds[SUBSCRIBER], cases[i].text, cases[i].length);
        plugin_host_wait_link(peer.host, WSHUB_LINK_DOWN);
        assert_says(peer.host->reason, cases[i].reason);
        assert_int_equal(peer.host->pending, 0);
        stop_peer(&peer);
    }
}

static void to_the_publisher(void **state) {
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {SCRIPT("+OK\r\n")},                         // to PUBLISH
        {SCRIPT(":1\r\n:1\r\n")},                    // to SET
        {SCRIPT(":1\r\n+OK\r\n*0\r\n")},             // to GET
        {SCRIPT(":1\r\n+OK\r\n$1\r\nv\r\n+OK\r\n")}, // to SCAN
        {SCRIPT(":1\r\n+OK\r\n$1\r\nv\r\n*2\r\n$1\r\nx\r\n*0\r\n")},
        {SCRIPT(":1\r\n+OK\r\n$1\r\nv\r\n*2\r\n$1\r\n0\r\n:1\r\n")},
        {SCRIPT(":1\r\n+OK\r\n$1\r\nv\r\n*2\r\n$30\r\n111111111111111111111111111111\r\n*0\r\n")},
        {SCRIPT(":1\r\n+OK\r\n$1\r\nv\r\n*2\r\n$1\r\n0\r\n*2\r\n:1\r\n$1\r\nx\r\n:1\r\n")}, // to SCRIPT
        {SCRIPT(
            ":1\r\n+OK\r\n$1\r\nv\r\n*2\r\n$1\r\n0\r\n*2\r\n:1\r\n$1\r\nx\r\n$1\r\nx\r\n+OK\r\n")}, // EVALSHA
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer peer;
        meet(&peer, "+OK\r\n+PONG\r\n+OK\r\n");
        assert_int_equal(peer.host->link, WSHUB_LINK_UP);
        plugin_host_publish(peer.host, "room", "1", 1);
        plugin_host_set(peer.host, "k", "v", 1000);
        plugin_host_get(peer.host, "k");
        plugin_host_list(peer.host, "k");
        plugin_host_beat(peer.host, "k", "v", 1000);
        say(peer.fds[PUBLISHER], cases[i].text, cases[i].length);
        plugin_host_wait_link(peer.host, WSHUB_LINK_DOWN);
        assert_says(peer.host->reason, "no answer to the command");
        assert_int_equal(peer.host->pending, 0);
        stop_peer(&peer);
    }
}

#define LOADED "$1\r\nx\r\n" // to SCRIPT LOAD
#define ARRIVED LOADED "$4\r\n1234\r\n" LOADED

// Each version has its own words for what a script's user may not do.
static void not_allowed_within_a_script(void **state) {
    static const char *const words[] = {
        "NOPERM No permissions to access a key",
        "ERR The user executing the script can't run this command or subcommand",
        "ERR ACL failure in script: No permissions to access a channel",
    };
    const struct wshub_message message = {
        .channel = {"room", 4}, .payload = {"1", 1}, .history_size = 9, .history_ttl = 9};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char answer[160];
        struct peer peer;
        meet(&peer, "+OK\r\n+PONG\r\n+OK\r\n");
        const wshub_token token = plugin_host_publish_message(peer.host, &message);
        snprintf(answer, sizeof answer, ARRIVED "-%s\r\n", words[i]);
        say(peer.fds[PUBLISHER], answer, strlen(answer));
        assert_ends(peer.host, token, WSHUB_DENIED);
        assert_int_equal(peer.host->link, WSHUB_LINK_UP);
        stop_peer(&peer);
    }
}

// The scripts' answers about a history: where it stands, then what was asked for.
static void about_a_history(void **state) {
    static const struct {
        bool reads;
        const char *text;
        size_t length;
    } cases[] = {
        {false, SCRIPT(":1\r\n")}, // to SCRIPT LOAD
        {false, SCRIPT(LOADED ":5\r\n")},
        {false, SCRIPT(LOADED "$0\r\n\r\n")},
        {false, SCRIPT(LOADED "$3\r\n12a\r\n")},
        {false, SCRIPT(LOADED "$30\r\n111111111111111111111111111111\r\n")},
        {false, SCRIPT(ARRIVED "+OK\r\n")},
        {false, SCRIPT(ARRIVED "*0\r\n")},
        {false, SCRIPT(ARRIVED "*2\r\n:1\r\n:1\r\n")},
        {false, SCRIPT(ARRIVED "*2\r\n$0\r\n\r\n:1\r\n")},
        {false, SCRIPT(ARRIVED "*2\r\n$3\r\na b\r\n:1\r\n")},
        {false, SCRIPT(ARRIVED "*2\r\n$1\r\ne\r\n:0\r\n")},
        {false, SCRIPT(ARRIVED "*2\r\n$1\r\ne\r\n:-1\r\n")},
        {false, SCRIPT(ARRIVED "*2\r\n$1\r\ne\r\n$1\r\n1\r\n")},
        {true, SCRIPT(ARRIVED "*2\r\n$1\r\ne\r\n:1\r\n")},
        {true, SCRIPT(ARRIVED "*4\r\n$1\r\ne\r\n:5\r\n:4\r\n:0\r\n")},
        {true, SCRIPT(ARRIVED "*5\r\n$1\r\ne\r\n:1\r\n:2\r\n:1\r\n$3\r\n1-1\r\n")},
        {true, SCRIPT(ARRIVED "*4\r\n$17\r\n12345678901234567\r\n:1\r\n:2\r\n:1\r\n")},
    };
    const struct wshub_message message = {
        .channel = {"room", 4}, .payload = {"1", 1}, .history_size = 9, .history_ttl = 9};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer peer;
        meet(&peer, "+OK\r\n+PONG\r\n+OK\r\n");
        if (cases[i].reads) {
            plugin_host_history(peer.host, "room",
                                (struct wshub_history_query){.size = 9, .ttl = 9, .limit = 9});
        } else {
            plugin_host_publish_message(peer.host, &message);
        }
        say(peer.fds[PUBLISHER], cases[i].text, cases[i].length);
        plugin_host_wait_link(peer.host, WSHUB_LINK_DOWN);
        assert_says(peer.host->reason, "no answer to the command");
        assert_int_equal(peer.host->pending, 0);
        assert_int_equal(peer.host->position_token, 0);
        stop_peer(&peer);
    }
}

// More than was asked for is not handed on, and what cannot be of this history is left out.
static void a_history_of_nonsense(void **state) {
    static const char said[] = ARRIVED "*12\r\n$1\r\ne\r\n:2\r\n:3\r\n:2\r\n" // oldest, newest, first
                                       "$3\r\n1-1\r\n$1\r\nx\r\n"             // older
                                       "$1\r\n2\r\n$1\r\nx\r\n"               // no id
                                       "$3\r\n4-1\r\n$1\r\nx\r\n"             // newer
                                       ":2\r\n$-1\r\n";
    struct peer peer;
    (void)state;
    meet(&peer, "+OK\r\n+PONG\r\n+OK\r\n");
    wshub_token token =
        plugin_host_history(peer.host, "room", (struct wshub_history_query){.size = 9, .ttl = 9, .limit = 9});
    say(peer.fds[PUBLISHER], said, sizeof said - 1);
    assert_ends(peer.host, token, WSHUB_OK);
    assert_int_equal(peer.host->found_count, 0);
    assert_int_equal(peer.host->position.newest, 3);
    stop_peer(&peer);
}

// A page of an epoch, which says that there is more.
#define PAGE(epoch, id) \
    "*6\r\n$1\r\n" epoch "\r\n:1\r\n:2\r\n:1\r\n$3\r\n" id "\r\n$9\r\n\xffwsh\x01\0\0\0x\r\n"

// What comes then counts under other offsets.
static void a_history_that_is_lost_between_two_pages(void **state) {
    static const char same[] = ARRIVED PAGE("e", "1-1") PAGE("e", "2-1"),
                      other[] = ARRIVED PAGE("e", "1-1") PAGE("f", "2-1");
    (void)state;
    for (int lost = 0; lost < 2; lost++) {
        struct peer peer;
        meet(&peer, "+OK\r\n+PONG\r\n+OK\r\n");
        const struct wshub_history_query query = {.size = 9, .ttl = 9, .limit = 9};
        const wshub_token token = plugin_host_history(peer.host, "room", query);
        say(peer.fds[PUBLISHER], lost ? other : same, sizeof same - 1);
        assert_ends(peer.host, token, lost ? WSHUB_UNAVAILABLE : WSHUB_OK);
        assert_int_equal(peer.host->found_count, lost ? 1 : 2);
        assert_int_equal(peer.host->link, WSHUB_LINK_UP);
        stop_peer(&peer);
    }
}

// A script that is forgotten for ever is no loop.
static void a_script_is_sent_as_text_once(void **state) {
    static const char said[] = ARRIVED "-NOSCRIPT No matching script.\r\n-NOSCRIPT No matching script.\r\n";
    const struct wshub_message message = {
        .channel = {"room", 4}, .payload = {"1", 1}, .history_size = 9, .history_ttl = 9};
    struct peer peer;
    (void)state;
    meet(&peer, "+OK\r\n+PONG\r\n+OK\r\n");
    wshub_token token = plugin_host_publish_message(peer.host, &message);
    say(peer.fds[PUBLISHER], said, sizeof said - 1);
    assert_ends(peer.host, token, WSHUB_INTERNAL);
    assert_says(peer.host->log, "publish to a history: NOSCRIPT");
    assert_int_equal(peer.host->downs, 0);
    stop_peer(&peer);
}

static bool chat(void *context) {
    static const char said[] = "*3\r\n$7\r\nmessage\r\n$1\r\nr\r\n$1\r\nx\r\n";
    struct peer *peer = context;
    if (peer->host->downs == 0) {
        say(peer->fds[SUBSCRIBER], said, sizeof said - 1);
    }
    return peer->host->downs > 0;
}

// Messages come all the time, and no answer.
static void one_that_talks_of_other_things(void **state) {
    struct peer peer;
    (void)state;
    meet_for(&peer, "+OK\r\n+PONG\r\n+OK\r\n", "200");
    plugin_host_subscribe(peer.host, "room");
    uint64_t since = now_ms();
    plugin_host_wait_until(peer.host, chat, &peer, "it is noticed");
    assert_says(peer.host->reason, "no answer for 800ms");
    assert_in_range(now_ms() - since, 700, 5000);
    assert_true(peer.host->message_count > 0);
    stop_peer(&peer);
}

// SCAN may, while it turns its table over.
static void a_key_that_is_named_twice_is_one_entry(void **state) {
    static const char said[] = "*2\r\n$1\r\n7\r\n*3\r\n$2\r\nka\r\n$2\r\nkb\r\n$2\r\nka\r\n"
                               "*2\r\n$1\r\n0\r\n*3\r\n$2\r\nkb\r\n$2\r\nkc\r\n$2\r\nka\r\n"
                               "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n";
    struct peer peer;
    (void)state;
    meet(&peer, "+OK\r\n+PONG\r\n+OK\r\n");
    wshub_token token = plugin_host_list(peer.host, "k");
    say(peer.fds[PUBLISHER], said, sizeof said - 1);
    assert_ends(peer.host, token, WSHUB_OK);
    assert_int_equal(peer.host->entry_count, 3);
    assert_string_equal(plugin_host_value(peer.host, token, "kc"), "3");
    stop_peer(&peer);
}

static void a_cluster_is_called_by_its_name(void **state) {
    static const char said[] = "-MOVED 1 192.0.2.1:6379\r\n";
    struct peer peer;
    (void)state;
    meet(&peer, "+OK\r\n+PONG\r\n+OK\r\n");
    wshub_token token = plugin_host_set(peer.host, "k", "v", 1000);
    say(peer.fds[PUBLISHER], said, sizeof said - 1);
    assert_ends(peer.host, token, WSHUB_UNSUPPORTED);
    assert_says(peer.host->log,
                "SET: MOVED 1 192.0.2.1:6379 (a Redis Cluster; the registry and histories need one master)");
    stop_peer(&peer);
}

static void in_the_handshake(void **state) {
    static const struct {
        const char *greeting, *reason;
    } cases[] = {
        {"-ERR unknown command 'AUTH', with args beginning with: 'me' 'hunter2'\r\n",
         "AUTH: the server refused it"},
        {"-NOAUTH \x1b[31mred\r\n", "AUTH: NOAUTH ?[31mred"},
        {"+OK\r\n-LOADING Redis is loading\r\n", "PING: LOADING"},
        {"+OK\r\n$4\r\nPONG\r\n", "no answer to the command"},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", "not Redis' protocol"},
        {":1\r\n", "no answer to the command"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer peer;
        meet(&peer, cases[i].greeting);
        assert_int_equal(peer.host->link, WSHUB_LINK_DOWN);
        assert_says(peer.host->reason, cases[i].reason);
        assert_null(strstr(peer.host->reason, "hunter2"));
        stop_peer(&peer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_the_subscriber),
        cmocka_unit_test(to_the_publisher),
        cmocka_unit_test(not_allowed_within_a_script),
        cmocka_unit_test(about_a_history),
        cmocka_unit_test(a_history_of_nonsense),
        cmocka_unit_test(a_history_that_is_lost_between_two_pages),
        cmocka_unit_test(a_script_is_sent_as_text_once),
        cmocka_unit_test(one_that_talks_of_other_things),
        cmocka_unit_test(a_key_that_is_named_twice_is_one_entry),
        cmocka_unit_test(a_cluster_is_called_by_its_name),
        cmocka_unit_test(in_the_handshake),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
