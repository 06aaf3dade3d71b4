// SPDX-License-Identifier: MIT
// Servers that allow less than everything: users, rights, sizes, quotas. What is refused is told, and nothing
// else suffers.
#include <unistd.h>

#include "mqtt_fixture.h"

static char folder[] = "/tmp/wshub-mqtt-XXXXXX";
static char passwords[64], rights[64];

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int start(void **state) {
    char command[160];
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(folder));
    snprintf(passwords, sizeof passwords, "%s/passwords", folder);
    snprintf(rights, sizeof rights, "%s/rights", folder);
    write_file(passwords, "me:secret\n");
    snprintf(command, sizeof command, "mosquitto_passwd -U %s", passwords);
    assert_int_equal(system(command), 0);
    return 0;
}

static int stop(void **state) {
    (void)state;
    unlink(passwords);
    unlink(rights);
    rmdir(folder);
    return 0;
}

static const char *line(const char *word, const char *path) {
    static char lines[2][96];
    static unsigned at;
    char *text = lines[at++ % 2];
    snprintf(text, sizeof lines[0], "%s %s", word, path);
    return text;
}

static void a_wrong_password_is_told(void **state) {
    struct mosquitto_server server;
    (void)state;
    mosquitto_server_start(&server, LINES("allow_anonymous false", line("password_file", passwords)));
    struct plugin_host *host = plugin_host_new(
        wshub_plugin_entry(), OPTIONS("url", server.url, "username", "me", "password", "wrong"));
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_says(host->reason, "refused the connection: not authorized (0x87)");
    plugin_host_free(host);
    host = open_up(OPTIONS("url", server.url, "username", "me", "password", "secret"));
    plugin_host_free(host);
    mosquitto_server_stop(&server);
}

static void what_is_not_allowed_is_denied_and_the_link_stays(void **state) {
    struct mosquitto_server server;
    (void)state;
    write_file(rights, "topic readwrite wshub/open\ntopic readwrite wshub/$inbox/#\n");
    mosquitto_server_start(&server, LINES(line("acl_file", rights)));
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    assert_ends(host, plugin_host_subscribe(host, "open"), WSHUB_OK);
    assert_ends(host, plugin_host_publish(host, "closed", "1", 1), WSHUB_DENIED);
    assert_ends(host, plugin_host_publish(host, "closed", "1", 1), WSHUB_DENIED);
    assert_says(host->log, "PUBLISH: not authorized");
    assert_ends(host, plugin_host_set(host, "k", "v", 1000), WSHUB_DENIED);
    assert_says(host->log, "registry set: not authorized");
    assert_int_equal(count_lines(host->log), 2); // once each
    assert_ends(host, plugin_host_publish(host, "open", "2", 1), WSHUB_OK);
    plugin_host_wait_messages(host, 1);
    assert_int_equal(host->message_count, 1);
    assert_int_equal(host->losses, 0);
    assert_int_equal(host->downs, 0);
    plugin_host_free(host);
    mosquitto_server_stop(&server);
}

static void without_an_inbox_there_is_no_reading(void **state) {
    struct mosquitto_server server;
    (void)state;
    write_file(rights,
               "topic readwrite wshub/open\ntopic readwrite wshub/$registry/#\ntopic read wshub/$inbox/#\n");
    mosquitto_server_start(&server, LINES(line("acl_file", rights)));
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    assert_ends(host, plugin_host_set(host, "k", "v", 60000), WSHUB_OK);
    assert_ends(host, plugin_host_get(host, "k"), WSHUB_DENIED);
    assert_ends(host, plugin_host_list(host, ""), WSHUB_DENIED);
    assert_ends(host, plugin_host_publish(host, "open", "1", 1), WSHUB_OK);
    assert_says(host->log, "reading the registry: not authorized");
    plugin_host_free(host);
    mosquitto_server_stop(&server);
}

static void a_message_that_is_too_large_hurts_nobody(void **state) {
    enum { LIMIT = 10000 };
    struct mosquitto_server server;
    char payload[LIMIT + 1] = {0};
    bool some = false, none = false;
    (void)state;
    mosquitto_server_start(&server, LINES("max_packet_size 10000"));
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    const struct wshub_broker *broker = wshub_plugin_entry()->broker;
    for (size_t size = LIMIT - 120; size <= LIMIT; size++) { // every size around the limit
        const struct wshub_message message = {
            .struct_size = sizeof message, .channel = {"room", 4}, .payload = {payload, size}};
        host->last++;
        host->pending++;
        int status = broker->publish(host->self, &message, host->last);
        if (status == WSHUB_OK) {
            assert_false(none);
            some = true;
            assert_ends(host, host->last, WSHUB_OK);
        } else {
            assert_int_equal(status, WSHUB_TOO_LARGE);
            none = true;
            host->pending--;
        }
    }
    assert_true(some && none);
    assert_int_equal(host->downs, 0);
    assert_says(host->log, "the server takes 10000 (max_packet_size)");
    plugin_host_free(host);
    mosquitto_server_stop(&server);
}

// mosquitto 2.0.11 refuses the message; a later one, for which this limit is out of date, ends the
// connection.
static void a_limit_of_payloads_is_an_error_and_no_more(void **state) {
    struct mosquitto_server server;
    char payload[2000] = {0};
    (void)state;
    mosquitto_server_start(&server, LINES("message_size_limit 1000"));
    struct plugin_host *host = open_up(OPTIONS("url", server.url));
    assert_ends(host, plugin_host_publish(host, "room", payload, 1000), WSHUB_OK);
    const int status = plugin_host_wait(host, plugin_host_publish(host, "room", payload, 1001));
    if (status != WSHUB_TOO_LARGE) {
        assert_int_equal(status, WSHUB_UNAVAILABLE);
        assert_int_equal(host->downs, 1);
        plugin_host_wait_link(host, WSHUB_LINK_UP);
    }
    assert_ends(host, plugin_host_publish(host, "room", payload, 1000), WSHUB_OK);
    plugin_host_free(host);
    mosquitto_server_stop(&server);
}

static void a_server_that_retains_nothing_is_refused(void **state) {
    struct mosquitto_server server;
    (void)state;
    mosquitto_server_start(&server, LINES("retain_available false"));
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), OPTIONS("url", server.url));
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_says(host->reason, "retain_available");
    plugin_host_free(host);
    mosquitto_server_stop(&server);
}

static void a_server_without_qos_1_is_told(void **state) {
    struct mosquitto_server server;
    char listener[48];
    (void)state;
    mosquitto_server_start(&server, NULL);
    snprintf(listener, sizeof listener, "listener %u 127.0.0.1", server.port);
    server.lines[0] = listener;
    server.lines[1] = "max_qos 0";
    server.lines[2] = NULL;
    mosquitto_server_restart(&server);
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), OPTIONS("url", server.url));
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_says(host->reason, "does not take this QoS");
    plugin_host_free(host);
    mosquitto_server_stop(&server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_password_is_told),
        cmocka_unit_test(what_is_not_allowed_is_denied_and_the_link_stays),
        cmocka_unit_test(without_an_inbox_there_is_no_reading),
        cmocka_unit_test(a_message_that_is_too_large_hurts_nobody),
        cmocka_unit_test(a_limit_of_payloads_is_an_error_and_no_more),
        cmocka_unit_test(a_server_that_retains_nothing_is_refused),
        cmocka_unit_test(a_server_without_qos_1_is_told),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
