// SPDX-License-Identifier: MIT
// mqtts:// against a real server with certificates made for the occasion.
#include <unistd.h>

#include "mqtt_fixture.h"

static struct mosquitto_server server, picky;
static char folder[] = "/tmp/wshub-tls-XXXXXX";
static char paths[6][64], lines[4][128];
enum { NAMED, NAMED_KEY, OTHER, OTHER_KEY, CLIENT, CLIENT_KEY };

// The authority signs its own certificate, which is for `name`; one file is enough for a test.
static void make_certificate(const char *certificate, const char *key, const char *name) {
    char command[512];
    snprintf(
        command, sizeof command,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test "
        "-addext subjectAltName=%s -keyout %s -out %s 2>/dev/null",
        name, key, certificate);
    assert_int_equal(system(command), 0);
}

static int start(void **state) {
    static const char *const names[] = {"named.pem", "named.key",  "other.pem",
                                        "other.key", "client.pem", "client.key"};
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
    }
    make_certificate(paths[NAMED], paths[NAMED_KEY], "IP:127.0.0.1,DNS:mqtt.example");
    make_certificate(paths[OTHER], paths[OTHER_KEY], "DNS:elsewhere.example");
    make_certificate(paths[CLIENT], paths[CLIENT_KEY], "DNS:client.example");
    snprintf(lines[0], sizeof lines[0], "certfile %s", paths[NAMED]);
    snprintf(lines[1], sizeof lines[1], "keyfile %s", paths[NAMED_KEY]);
    snprintf(lines[2], sizeof lines[2], "cafile %s", paths[CLIENT]);
    mosquitto_server_start(&server, LINES(lines[0], lines[1]));
    mosquitto_server_start(&picky, LINES(lines[0], lines[1], lines[2], "require_certificate true"));
    return 0;
}

static int stop(void **state) {
    (void)state;
    mosquitto_server_stop(&server);
    mosquitto_server_stop(&picky);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        unlink(paths[i]);
    }
    rmdir(folder);
    return 0;
}

static const char *url_of(const struct mosquitto_server *of, const char *host) {
    static char url[96];
    snprintf(url, sizeof url, "mqtts://%s:%u", host, of->port);
    return url;
}

static void everything_works_over_tls(void **state) {
    enum { SIZE = 4 << 20, COUNT = 2000 };
    struct plugin_host *host = open_up(
        OPTIONS("url", url_of(&server, "127.0.0.1"), "tls_ca", paths[NAMED], "reconnect_max", "200ms"));
    char *payload = test_calloc(1, SIZE);
    (void)state;
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    for (int i = 0; i < 5; i++) {
        plugin_host_publish(host, "room", payload, SIZE);
    }
    for (int i = 0; i < COUNT; i++) {
        plugin_host_publish(host, "room", "x", 1);
    }
    plugin_host_wait_messages(host, 5 + COUNT);
    assert_int_equal(host->messages[4].payload_length, SIZE);
    assert_ends(host, host->last, WSHUB_OK);
    assert_ends(host, plugin_host_beat(host, "ws:instance:test", "1", 1000), WSHUB_NOT_FOUND);
    mosquitto_server_restart(&server);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    test_free(payload);
    plugin_host_free(host);
}

static void refuse(const char *const *options, const char *reason) {
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), options);
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_says(host->reason, reason);
    plugin_host_free(host);
}

static void a_server_must_prove_who_it_is(void **state) {
    const char *url = url_of(&server, "127.0.0.1");
    (void)state;
    refuse(OPTIONS("url", url, "tls_ca", paths[OTHER]), "certificate is not to be trusted: self");
    refuse(OPTIONS("url", url, "tls_ca", paths[NAMED], "tls_server_name", "else.example"),
           "hostname mismatch");
    refuse(OPTIONS("url", url, "tls_ca", paths[NAMED], "tls_server_name", "127.0.0.2"),
           "IP address mismatch");
    plugin_host_free(open_up(OPTIONS("url", url, "tls_ca", paths[NAMED], "tls_server_name", "mqtt.example")));
    if (NAMES_ARE_LOOKED_UP) {
        refuse(OPTIONS("url", url_of(&server, "localhost"), "tls_ca", paths[NAMED]), "hostname mismatch");
    }
}

static void it_may_be_left_unproven(void **state) {
    struct plugin_host *host = open_up(OPTIONS("url", url_of(&server, "127.0.0.1"), "tls_verify", "false"));
    (void)state;
    assert_says(host->log, "tls_verify is false: anybody may be the server");
    plugin_host_free(host);
}

static void a_server_without_tls_is_told(void **state) {
    struct mosquitto_server plain;
    (void)state;
    mosquitto_server_start(&plain, NULL);
    refuse(OPTIONS("url", url_of(&plain, "127.0.0.1"), "tls_ca", paths[NAMED], "timeout", "2s"), "");
    mosquitto_server_stop(&plain);
}

static void a_client_proves_who_it_is(void **state) {
    const char *url = url_of(&picky, "127.0.0.1");
    (void)state;
    plugin_host_free(open_up(OPTIONS("url", url, "tls_ca", paths[NAMED], "tls_cert", paths[CLIENT], "tls_key",
                                     paths[CLIENT_KEY])));
    refuse(OPTIONS("url", url, "tls_ca", paths[NAMED]), "");
}

static void files_that_cannot_be_used_are_told(void **state) {
    const char *url = url_of(&server, "127.0.0.1");
    const struct {
        const char *const *options;
        const char *said;
    } wrong[] = {
        {OPTIONS("url", url, "tls_ca", "/nowhere"), "tls_ca cannot be used"},
        {OPTIONS("url", url, "tls_cert", "/nowhere", "tls_key", paths[NAMED_KEY]), "tls_cert cannot be used"},
        {OPTIONS("url", url, "tls_cert", paths[NAMED], "tls_key", paths[OTHER_KEY]),
         "tls_key cannot be used"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), wrong[i].options);
        assert_int_equal(plugin_host_open(host), WSHUB_INVALID);
        assert_says(host->log, wrong[i].said);
        plugin_host_free(host);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_works_over_tls), cmocka_unit_test(a_server_must_prove_who_it_is),
        cmocka_unit_test(it_may_be_left_unproven),   cmocka_unit_test(a_server_without_tls_is_told),
        cmocka_unit_test(a_client_proves_who_it_is), cmocka_unit_test(files_that_cannot_be_used_are_told),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
