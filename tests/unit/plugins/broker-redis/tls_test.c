// SPDX-License-Identifier: MIT
// rediss:// against a real server with certificates made for the occasion.
#include <unistd.h>

#include "redis_fixture.h"
#include "tls.h"

static struct redis_server server;
static char folder[] = "/tmp/wshub-tls-XXXXXX";
static char paths[6][64];
enum { CA, CA_KEY, CERT, KEY, OTHER_CA, OTHER_CA_KEY };
static unsigned tls_port;

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
    static const char *const names[] = {"ca.pem", "ca.key", "cert.pem", "cert.key", "other.pem", "other.key"};
    static char port[16];
    (void)state;
    if (tls_missing()) {
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
    }
    make_certificate(paths[CA], paths[CA_KEY], "IP:127.0.0.1");
    make_certificate(paths[OTHER_CA], paths[OTHER_CA_KEY], "DNS:elsewhere.example");
    tls_port = redis_server_free_port();
    snprintf(port, sizeof port, "%u", tls_port);
    redis_server_start(&server,
                       OPTIONS("--tls-port", port, "--tls-cert-file", paths[CA], "--tls-key-file",
                               paths[CA_KEY], "--tls-ca-cert-file", paths[CA], "--tls-auth-clients", "no"));
    return 0;
}

static int stop(void **state) {
    (void)state;
    if (tls_missing()) {
        return 0;
    }
    redis_server_stop(&server);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        unlink(paths[i]);
    }
    rmdir(folder);
    return 0;
}

static const char *url_of(const char *host) {
    static char url[96];
    snprintf(url, sizeof url, "rediss://%s:%u", host, tls_port);
    return url;
}

static void everything_works_over_tls(void **state) {
    enum { SIZE = 4 << 20 };
    (void)state;
    if (tls_missing()) {
        skip();
    }
    struct plugin_host *host = open_up(OPTIONS("url", url_of("127.0.0.1"), "tls_ca", paths[CA]));
    char *payload = test_calloc(1, SIZE);
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    for (int i = 0; i < 5; i++) {
        plugin_host_publish(host, "room", payload, SIZE);
    }
    plugin_host_wait_messages(host, 5);
    assert_int_equal(host->messages[4].payload_length, SIZE);
    redis_server_ask(&server, "CLIENT|KILL|TYPE|pubsub");
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
    (void)state;
    if (tls_missing()) {
        skip();
    }
    refuse(OPTIONS("url", url_of("127.0.0.1"), "tls_ca", paths[OTHER_CA]),
           "certificate is not to be trusted");
    refuse(OPTIONS("url", url_of("localhost"), "tls_ca", paths[CA]), "hostname mismatch");
}

static void files_that_are_not_there_are_told(void **state) {
    (void)state;
    if (tls_missing()) {
        skip();
    }
    struct plugin_host *host =
        plugin_host_new(wshub_plugin_entry(), OPTIONS("url", url_of("127.0.0.1"), "tls_ca", "/nowhere"));
    assert_int_equal(plugin_host_open(host), WSHUB_INVALID);
    assert_says(host->log, "tls_ca cannot be used");
    plugin_host_free(host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_works_over_tls),
        cmocka_unit_test(a_server_must_prove_who_it_is),
        cmocka_unit_test(files_that_are_not_there_are_told),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
