// SPDX-License-Identifier: MIT
// Thousands of connections come back to one channel at once, and do not read: the memory that they take stays
// far below what they have missed, live messages of others pass, and who reads has all of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "hub_threads.h"

enum { CROWD = 2000, MISSED = 1000, PAYLOAD = 400, READ_EACH = 100 };

// A sixth of what they have missed. Sanitizers keep what was freed.
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { GROWTH_MAX = 1024 * 1024 * 1024 };
#else
enum { GROWTH_MAX = 128 * 1024 * 1024 };
#endif

// As many as there may be files, of which each connection has two here.
static size_t crowd_size(void) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur < 2 * CROWD + 200 ? (limit.rlim_cur - 200) / 2 : CROWD;
}

static size_t resident(void) {
    unsigned long size = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &size, &pages), 2);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int store_all(struct setup *s, void *argument) {
    char payload[PAYLOAD + 1];
    (void)argument;
    memset(payload, '1', PAYLOAD);
    payload[PAYLOAD] = '\0';
    s->fake->keeps_pasts = true;
    for (int i = 0; i < MISSED; i++) {
        fake_store(s->fake, "room", payload);
    }
    return 0;
}

static void come_back(struct client *c) {
    client_send(c, "{\"op\":\"subscribe\",\"id\":1,\"channel\":\"room\",\"since\":{\"epoch\":\"first\","
                   "\"offset\":0}}");
}

static void expect_all(struct client *c) {
    const char *payload;
    size_t length;
    expect(c,
           "{\"op\":\"ok\",\"id\":1,\"channel\":\"room\",\"position\":{\"epoch\":\"first\",\"offset\":1000},"
           "\"recovered\":true}");
    for (int i = 1; i <= MISSED; i++) {
        char end[32];
        int size = snprintf(end, sizeof end, ",\"offset\":%d}", i);
        assert_int_equal(client_next(c, &payload, &length), TEXT);
        assert_true(length > PAYLOAD);
        assert_string_equal(payload + length - size, end);
    }
    client_sync(c); // and nothing twice
}

static void expect_live(struct client *c) {
    for (int i = 0; i < 20; i++) {
        client_send(c, "{\"op\":\"publish\",\"channel\":\"live\",\"data\":1}");
        const char *payload;
        size_t length;
        assert_int_equal(client_next(c, &payload, &length), TEXT);
        assert_non_null(strstr(payload, "\"op\":\"message\",\"channel\":\"live\""));
    }
}

static int has_room_claims(struct setup *s, void *argument) {
    return counter_get(&hub_stats(s->instance.hub)->recoveries[RECOVERY_WHOLE]) >= *(size_t *)argument;
}

static void thousands_come_back_and_do_not_read(void **state) {
    struct setup s;
    struct client live;
    const int small = 4096;
    size_t count = crowd_size();
    struct client *crowd = calloc(count, sizeof *crowd);
    (void)state;
    assert_non_null(crowd);
    start_on(&s, "dense", 2,
             "registry: {enabled: off}\nrecovery: {check: 1h}\ntimeouts: {write: 60s}\n"
             "channels: [{match: room, history: {size: 2000, ttl: 1h}}, {match: '*'}]\n");
    s.instance.connection_limit = CROWD + 10;
    on_hub(&s, store_all, NULL);
    client_open(&s, &live);
    client_send(&live, "{\"op\":\"subscribe\",\"id\":1,\"channel\":\"live\"}");
    expect(&live, "{\"op\":\"ok\",\"id\":1,\"channel\":\"live\"}");
    for (size_t i = 0; i < count; i++) {
        client_open(&s, &crowd[i]);
        if (i % READ_EACH > 0) {
            setsockopt(crowd[i].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        }
    }
    size_t before = resident(), most = before;
    for (size_t i = 0; i < count; i++) {
        come_back(&crowd[i]);
        most = resident() > most ? resident() : most;
    }
    expect_live(&live);
    for (size_t i = 0; i < count; i += READ_EACH) {
        most = resident() > most ? resident() : most;
        expect_all(&crowd[i]);
    }
    size_t whole = count / READ_EACH;
    wait_until(&s, has_room_claims, &whole);
    expect_live(&live);
    most = resident() > most ? resident() : most;
    print_message("%zu clients, %zu MiB\n", count, (most - before) >> 20);
    assert_in_range(most - before, 0, GROWTH_MAX);
    assert_int_equal(TOTAL(&s, connections), count + 1); // nobody was cut
    for (size_t i = 0; i < count; i++) {
        client_free(&crowd[i]);
    }
    client_free(&live);
    free(crowd);
    wait_connections(&s, 0);
    stop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(thousands_come_back_and_do_not_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
