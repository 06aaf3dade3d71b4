// SPDX-License-Identifier: MIT
// Sentinel discovery, with real Sentinels where they decide, and plain servers where they refuse.
#include "redis_fixture.h"

struct cluster {
    struct redis_server first, second, sentinel;
    char sentinels[96];
};

static void start_cluster(struct cluster *cluster) {
    char command[64], port[16];
    redis_server_start(&cluster->first, NULL);
    snprintf(port, sizeof port, "%u", cluster->first.port);
    redis_server_start(&cluster->second, OPTIONS("--replicaof", "127.0.0.1", port));
    redis_server_start_sentinel(&cluster->sentinel, "mine", cluster->first.port);
    snprintf(command, sizeof command, "127.0.0.1:%u",
             redis_server_free_port()); // nobody: the next one is asked
    snprintf(cluster->sentinels, sizeof cluster->sentinels, "%s,127.0.0.1:%u", command,
             cluster->sentinel.port);
}

static void stop_cluster(struct cluster *cluster) {
    redis_server_stop(&cluster->sentinel);
    redis_server_stop(&cluster->second);
    redis_server_stop(&cluster->first);
}

static bool knows_replica(void *context) {
    return strstr(redis_server_ask(context, "SENTINEL|REPLICAS|mine"), "master-link-status ok") != NULL;
}

static void the_master_is_found_and_followed(void **state) {
    struct cluster cluster;
    (void)state;
    start_cluster(&cluster);
    struct plugin_host *host =
        open_up(OPTIONS("sentinels", cluster.sentinels, "sentinel_master", "mine", "timeout", "2s"));
    assert_ends(host, plugin_host_subscribe(host, "room"), WSHUB_OK);
    assert_says(redis_server_ask(&cluster.first, "CLIENT|LIST"), "name=wshub-test-pub");
    plugin_host_wait_until(host, knows_replica, &cluster.sentinel, "the Sentinel knows the replica");
    redis_server_kill(&cluster.first);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    plugin_host_wait_link(host, WSHUB_LINK_UP);
    assert_says(redis_server_ask(&cluster.second, "CLIENT|LIST"), "name=wshub-test-pub");
    assert_says(redis_server_ask(&cluster.second, "ROLE"), "master");
    plugin_host_free(host);
    stop_cluster(&cluster);
}

static void down_because(const char *const *options, const char *reason) {
    struct plugin_host *host = plugin_host_new(wshub_plugin_entry(), options);
    assert_int_equal(plugin_host_open(host), WSHUB_OK);
    plugin_host_wait_link(host, WSHUB_LINK_DOWN);
    assert_says(host->reason, reason);
    plugin_host_free(host);
}

static void what_is_wrong_is_said(void **state) {
    struct redis_server plain, sentinel;
    char place[32], nobody[32];
    (void)state;
    redis_server_start(&plain, NULL);
    redis_server_start_sentinel(&sentinel, "mine", plain.port);
    snprintf(place, sizeof place, "127.0.0.1:%u", plain.port);
    snprintf(nobody, sizeof nobody, "127.0.0.1:%u", redis_server_free_port());
    down_because(OPTIONS("sentinels", nobody, "sentinel_master", "mine"), "Connection refused");
    down_because(OPTIONS("sentinels", place, "sentinel_master", "mine"), "SENTINEL: ERR unknown command");
    snprintf(place, sizeof place, "127.0.0.1:%u", sentinel.port);
    down_because(OPTIONS("sentinels", place, "sentinel_master", "other"), "it knows no master named other");
    down_because(OPTIONS("sentinels", place, "sentinel_master", "mine", "sentinel_password", "x"),
                 "AUTH: ERR AUTH <password> called");
    redis_server_stop(&sentinel);
    redis_server_stop(&plain);
}

// The Sentinel is asked before it has noticed: it is told of a master that is none.
static void a_replica_is_not_taken_for_a_master(void **state) {
    struct redis_server master, replica, sentinel;
    char place[32], command[64];
    (void)state;
    redis_server_start(&master, NULL);
    redis_server_start(&replica, NULL);
    snprintf(command, sizeof command, "REPLICAOF|127.0.0.1|%u", master.port);
    redis_server_ask(&replica, command);
    redis_server_start_sentinel(&sentinel, "mine", replica.port);
    snprintf(place, sizeof place, "127.0.0.1:%u", sentinel.port);
    down_because(OPTIONS("sentinels", place, "sentinel_master", "mine"), "which is no master");
    redis_server_stop(&sentinel);
    redis_server_stop(&replica);
    redis_server_stop(&master);
}

static int set_up(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_master_is_found_and_followed),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_replica_is_not_taken_for_a_master),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
