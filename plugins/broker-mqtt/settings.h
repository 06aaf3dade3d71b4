/* SPDX-License-Identifier: MIT
 * The options of this plugin, read once at open. Texts are borrowed from the host or owned by `url`. */
#ifndef MQTT_SETTINGS_H
#define MQTT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "url.h"
#include "wshub/host.h"
#include "wshub/option.h"

enum { SETTINGS_CLIENT_ID = 160 };

struct settings {
    struct url url;
    const char *username, *password; /* NULL: none */
    char client_id[SETTINGS_CLIENT_ID];
    struct wshub_bytes prefix; /* of all topics, not empty */
    int qos, delivery_qos;
    const char *tls_ca, *tls_cert, *tls_key; /* NULL: not said */
    const char *tls_server_name;             /* or the host of the url */
    bool tls_verify;
    uint64_t timeout, keepalive, reconnect_min, reconnect_max; /* ms */
};

enum { SETTINGS_OPTIONS = 17 };
extern const struct wshub_option settings_options[SETTINGS_OPTIONS];

/* WSHUB_OK; WSHUB_INVALID after option_refuse was called for each option that does not make sense;
 * WSHUB_NO_MEMORY. On an error nothing is kept. */
int settings_read(struct settings *settings, const struct wshub_host *host);
void settings_free(struct settings *settings);

#endif
