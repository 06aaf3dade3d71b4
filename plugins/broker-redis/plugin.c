/* SPDX-License-Identifier: MIT
 * What this plugin says of itself. */
#include "redis.h"

static const struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .capabilities = WSHUB_BROKER_ORDERED | WSHUB_BROKER_REGISTRY | WSHUB_BROKER_HISTORY |
                    WSHUB_BROKER_IDEMPOTENT | WSHUB_BROKER_DENSE,
    .max_payload = REDIS_PAYLOAD_MOST,
    .check = redis_check,
    .open = redis_open,
    .close = redis_close,
    .subscribe = redis_subscribe,
    .unsubscribe = redis_unsubscribe,
    .publish = redis_publish,
    .registry_set = redis_registry_set,
    .registry_delete = redis_registry_delete,
    .registry_get = redis_registry_get,
    .registry_list = redis_registry_list,
    .heartbeat = redis_heartbeat,
    .history = redis_history,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 0,
    .struct_size = sizeof plugin,
    .name = "redis",
    .version = "0.1.0",
    .summary =
        "Redis or Valkey: pub/sub between instances, histories in streams, the registry in keys that expire",
    .options = settings_options,
    .option_count = SETTINGS_OPTIONS,
    .option_size = sizeof(struct wshub_option),
    .broker = &broker,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
