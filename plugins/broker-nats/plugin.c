/* SPDX-License-Identifier: MIT
 * What this plugin says of itself. Not ORDERED: publishers on different servers of a cluster may be heard in
 * different orders. */
#include "settings.h"
#include "slots.h"

static const struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .capabilities = WSHUB_BROKER_REGISTRY | WSHUB_BROKER_HISTORY | WSHUB_BROKER_IDEMPOTENT,
    .max_payload = SLOTS_PAYLOAD_MOST,
    .check = slots_check,
    .open = slots_open,
    .close = slots_close,
    .subscribe = slots_subscribe,
    .unsubscribe = slots_unsubscribe,
    .publish = slots_publish,
    .registry_set = slots_set,
    .registry_delete = slots_delete,
    .registry_get = slots_get,
    .registry_list = slots_list,
    .heartbeat = slots_heartbeat,
    .history = slots_history,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 1,
    .struct_size = sizeof plugin,
    .name = "nats",
    .version = "0.1.0",
    .summary = "NATS: core messages between instances; registry and histories on JetStream",
    .options = settings_options,
    .option_count = SETTINGS_OPTIONS,
    .option_size = sizeof(struct wshub_option),
    .broker = &broker,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
