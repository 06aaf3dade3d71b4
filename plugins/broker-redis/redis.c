/* SPDX-License-Identifier: MIT */
#include "redis.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum { COMPLAINT_MS = 60 * 1000 };

static void on_up(struct link *link) {
    struct redis *redis = (struct redis *)link;
    memset(redis->complaints, 0, sizeof redis->complaints);
    memset(redis->calls.loaded, 0, sizeof redis->calls.loaded);
    lineage_forget(redis);
}

int redis_check(const struct wshub_host *host) {
    struct settings settings;
    int status = settings_read(&settings, host);
    if (status == WSHUB_OK) {
        settings_free(&settings);
    }
    return status;
}

int redis_open(const struct wshub_host *host, void **self) {
    struct redis *redis = calloc(1, sizeof *redis);
    if (!redis) {
        return WSHUB_NO_MEMORY;
    }
    redis->host = host;
    int status = settings_read(&redis->settings, host);
    if (status != WSHUB_OK) {
        free(redis);
        return status;
    }
    status = link_init(&redis->link, host, &redis->settings, redis_on_push, on_up);
    if (status != WSHUB_OK) {
        redis_close(redis);
        return status;
    }
    *self = redis;
    link_start(&redis->link);
    return WSHUB_OK;
}

void redis_close(void *self) {
    struct redis *redis = self;
    redis->closing = true;
    link_free(&redis->link);
    settings_free(&redis->settings);
    free(redis);
}

/* What is in flight when the plugin is closed is the hub's to settle. */
void redis_complete(struct redis *redis, wshub_token token, int status) {
    if (!redis->closing) {
        redis->host->complete(redis->host->self, token, status);
    }
}

void redis_praise(struct redis *redis, enum complaint complaint) {
    redis->complaints[complaint].open = false;
}

void redis_complain(struct redis *redis, enum complaint complaint, const char *text) {
    const uint64_t told = redis->complaints[complaint].told, now = clock_ms();
    if (redis->complaints[complaint].open || (told && now - told < COMPLAINT_MS)) {
        return;
    }
    redis->complaints[complaint].open = true;
    redis->complaints[complaint].told = now;
    redis->host->log(redis->host->self, WSHUB_LOG_WARN, text);
}

bool redis_refused(struct redis *redis, enum complaint complaint, const char *command, wshub_token token,
                   const redisReply *reply) {
    static const char cluster[] = " (a Redis Cluster; the registry and histories need one master)";
    char text[CONNECTION_REASON];
    if (!reply) {
        redis_complete(redis, token, WSHUB_UNAVAILABLE);
        return true;
    }
    const int status = reply_error_status(reply);
    reply_error_text(reply, command, text, sizeof text - sizeof cluster);
    if (status == WSHUB_UNSUPPORTED) {
        strcat(text, cluster);
    }
    redis_complete(redis, token, status);
    if (reply_is_demotion(reply)) {
        link_lose_master(&redis->link, text);
    } else {
        redis_complain(redis, complaint, text);
    }
    return true;
}

bool redis_confused(struct redis *redis, wshub_token token) {
    redis_complete(redis, token, WSHUB_UNAVAILABLE);
    return false;
}
