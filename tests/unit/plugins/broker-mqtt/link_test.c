// SPDX-License-Identifier: MIT
// What happens to the link when the server is refused, killed, paused, or unwilling.
#include <arpa/inet.h>
#include <dirent.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mqtt_fixture.h"

static struct mosquitto_server server;

static int start(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    mosquitto_server_start(&server, NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    mosquitto_server_stop(&server);
    return 0;
}

static struct plugin_host *open_down(const char *const *options) {
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), options);
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    return host;
}

static void a_server_that_is_not_there_is_told_once(void **state) {
    struct plugin_host *host =
        open_down(OPTIONS("url", "mqtt://127.0.0.1:1", "reconnect_min", "1ms", "reconnect_max", "2ms"));
    (void)state;
    assert_says(host->reason, "cannot connect to 127.0.0.1:1: Connection refused");
    plugin_host_run(host, 100);
    assert_int_equal(host->links, 1);
    plugin_host_free(host);
}

static void a_killed_server_is_noticed_and_found_again(void **state) {
    struct plugin_host *host =
        open_up(OPTIONS("url", server.url, "reconnect_min", "10ms", "reconnect_max", "50ms"));
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    mosquitto_server_kill(&server);
    wshub_token lost = plugin_host_publish(host, "room", "1", 1);
    assert_ends(host, lost, WSHUB_UNAVAILABLE);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    const struct wshub_broker *broker = wshub_plugin_entry()->broker;
    assert_int_equal(broker->subscribe(host->self, (struct wshub_bytes){"room", 4}, 1), WSHUB_UNAVAILABLE);
    mosquitto_server_restart(&server);
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    assert_ends(host, plugin_host_publish(host, "room", "2", 1), WSHUB_OK);
    plugin_host_wait_messages(host, 1);
    assert_string_equal(host->messages[0].payload, "2");
    plugin_host_free(host);
}

static void a_server_that_hangs_is_given_up(void **state) {
    struct plugin_host *host = open_up(
        OPTIONS("url", server.url, "timeout", "300ms", "reconnect_min", "10ms", "reconnect_max", "50ms"));
    (void)state;
    mosquitto_server_signal(&server, SIGSTOP);
    wshub_token publish = plugin_host_publish(host, "room", "1", 1);
    wshub_token read = plugin_host_get(host, "key");
    assert_ends(host, publish, WSHUB_UNAVAILABLE);
    assert_ends(host, read, WSHUB_UNAVAILABLE);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_says(host->reasons, "no answer for 0.3 s");
    mosquitto_server_signal(&server, SIGCONT);
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    assert_int_equal(host->pending, 0);
    plugin_host_free(host);
}

// The answer lies in the socket when the process goes on.
static void a_process_that_was_stopped_does_not_blame_the_server(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", server.url, "timeout", "300ms"));
    (void)state;
    mosquitto_server_signal(&server, SIGSTOP);
    wshub_token publish = plugin_host_publish(host, "room", "1", 1);
    wshub_token read = plugin_host_get(host, "key");
    plugin_host_run(host, 50); // sent
    mosquitto_server_signal(&server, SIGCONT);
    nanosleep(&(struct timespec){.tv_sec = 1}, NULL); // as if this process had been stopped
    assert_ends(host, publish, WSHUB_OK);
    assert_ends(host, read, WSHUB_NOT_FOUND);
    assert_int_equal(host->downs, 0);
    plugin_host_free(host);
}

static void a_server_that_says_nothing_is_given_up(void **state) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    char url[64];
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    snprintf(url, sizeof url, "mqtt://127.0.0.1:%u", ntohs(name.sin_port));
    struct plugin_host *host = open_down(OPTIONS("url", url, "timeout", "300ms"));
    assert_says(host->reason, "does not answer within 0.3 s");
    plugin_host_free(host);
    close(fd);
}

static void two_of_one_client_id_are_told(void **state) {
    struct plugin_host *one = open_up(
        OPTIONS("url", server.url, "client_id", "same", "reconnect_min", "10m", "reconnect_max", "10m"));
    struct plugin_host *two = open_up(OPTIONS("url", server.url, "client_id", "same"));
    (void)state;
    plugin_host_wait_link(one, WSHUB_LINK_DOWN);
    assert_says(one->reason,
                "another client has"); // come with the client id, or connected, as the server says it
    plugin_host_free(one);
    plugin_host_free(two);
}

static void names_are_looked_up(void **state) {
    char url[64];
    (void)state;
    if (!NAMES_ARE_LOOKED_UP) {
        skip();
    }
    snprintf(url, sizeof url, "mqtt://localhost:%u", server.port);
    struct plugin_host *host = open_up(OPTIONS("url", url)); // of its addresses, one may not listen
    plugin_host_free(host);
    host = open_down(OPTIONS("url", "mqtt://nowhere.invalid"));
    assert_says(host->reason, "cannot resolve nowhere.invalid");
    plugin_host_free(host);
}

static unsigned count_files(const char *folder) {
    unsigned count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count;
}

static void nothing_is_left_open(void **state) {
    (void)state;
    plugin_host_free(open_up(OPTIONS("url", server.url)));
    unsigned files = count_files("/proc/self/fd"), threads = count_files("/proc/self/task");
    for (int i = 0; i < 10; i++) {
        struct plugin_host *one = open_up(OPTIONS("url", server.url));
        struct plugin_host *two = open_up(OPTIONS("url", server.url, "client_id", "two"));
        plugin_host_publish(one, "room", "1", 1); // in flight
        plugin_host_list(two, "");
        plugin_host_free(one);
        assert_ends(two, plugin_host_publish(two, "room", "1", 1), WSHUB_OK);
        plugin_host_free(two);
    }
    assert_int_equal(count_files("/proc/self/fd"), files);
    assert_int_equal(count_files("/proc/self/task"), threads);
}

static bool is_told(void *context) {
    return ((struct plugin_host *)context)->links > 0;
}

// Whichever of its descriptors is the one too many.
static void too_many_descriptors_are_told_as_such(void **state) {
    struct rlimit limit, before;
    bool failed = true;
    unsigned failures = 0;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (; failed && failures < 20; failures += failed) {
        struct plugin_host *host = plugin_host_new(
            wshub_plugin_entry(), OPTIONS("url", server.url, "reconnect_min", "10m", "reconnect_max", "10m"));
        int next = dup(STDERR_FILENO);
        close(next);
        limit = (struct rlimit){.rlim_cur = (rlim_t)next + failures, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(plugin_host_open(host), WSHUB_OK);
        plugin_host_wait_until(host, is_told, host, "a word about the link");
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        failed = host->link == WSHUB_LINK_DOWN;
        if (failed) {
            assert_says(host->reason, "Too many open files");
        }
        plugin_host_free(host);
    }
    assert_in_range(failures, 1, 19);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_is_not_there_is_told_once),
        cmocka_unit_test(a_killed_server_is_noticed_and_found_again),
        cmocka_unit_test(a_server_that_hangs_is_given_up),
        cmocka_unit_test(a_process_that_was_stopped_does_not_blame_the_server),
        cmocka_unit_test(a_server_that_says_nothing_is_given_up),
        cmocka_unit_test(two_of_one_client_id_are_told),
        cmocka_unit_test(names_are_looked_up),
        cmocka_unit_test(nothing_is_left_open),
        cmocka_unit_test(too_many_descriptors_are_told_as_such),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
