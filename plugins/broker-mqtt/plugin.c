/* SPDX-License-Identifier: MIT
 * What this plugin says of itself. Not ORDERED: MQTT promises an order for each publisher, not for a channel.
 * No HISTORY: MQTT keeps one message for a topic, not those before it. */
#include "mqtt.h"

static const struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .capabilities = WSHUB_BROKER_REGISTRY | WSHUB_BROKER_LAST_VALUE,
    .max_payload = MQTT_PAYLOAD_MOST,
    .check = mqtt_check,
    .open = mqtt_open,
    .close = mqtt_close,
    .subscribe = mqtt_subscribe,
    .unsubscribe = mqtt_unsubscribe,
    .publish = mqtt_publish,
    .registry_set = mqtt_registry_set,
    .registry_delete = mqtt_registry_delete,
    .registry_get = mqtt_registry_get,
    .registry_list = mqtt_registry_list,
    .heartbeat = mqtt_heartbeat,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 1,
    .struct_size = sizeof plugin,
    .name = "mqtt",
    .version = "0.1.0",
    .summary = "MQTT 5: topics between instances, the registry and last values in retained messages",
    .options = settings_options,
    .option_count = SETTINGS_OPTIONS,
    .option_size = sizeof(struct wshub_option),
    .broker = &broker,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
