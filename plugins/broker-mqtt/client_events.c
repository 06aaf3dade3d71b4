/* SPDX-License-Identifier: MIT
 * What the library tells of a connection, and how it ends. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mqtt_protocol.h>

#include "client_priv.h"
#include "reason.h"

/* mosquitto 2.0 does not say why it closes a session that was taken over. */
#define CLOSED "the server closed the connection"
#define CLOSED_HINT " (stopped, or another client has come with the client id '%s')"

/* ---- the end ---- */

/* The first reason is the one that counts. */
void client_break_with(struct client *client, const char *format, ...) {
    va_list arguments;
    if (client->broken) {
        return;
    }
    client->broken = true;
    va_start(arguments, format);
    vsnprintf(client->why, sizeof client->why, format, arguments);
    va_end(arguments);
}

void client_break(struct client *client, const char *reason) {
    client_break_with(client, "%s", reason);
    client_want(client); /* the watch comes by, and settles it */
}

/* A call into the library has failed, with errno as it was then. */
void client_fail(struct client *client, int code, int error) {
    char why[CLIENT_REASON];
    switch (code) {
    case MOSQ_ERR_SUCCESS: /* the socket is gone: the server has said goodbye */
    case MOSQ_ERR_CONN_LOST:
        snprintf(why, sizeof why, client->open ? CLOSED CLOSED_HINT : CLOSED, client->settings->client_id);
        break;
    case MOSQ_ERR_ERRNO:
        snprintf(why, sizeof why, "the connection broke: %s", strerror(error));
        break;
    case MOSQ_ERR_KEEPALIVE:
        snprintf(why, sizeof why, "no answer to a ping");
        break;
    case MOSQ_ERR_TLS:
        snprintf(why, sizeof why, "TLS: the handshake failed");
        break;
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_MALFORMED_PACKET:
        snprintf(why, sizeof why, "what the server sends is not MQTT 5");
        break;
    default:
        snprintf(why, sizeof why, "%s", mosquitto_strerror(code));
    }
    if (client->tls && !client->open) {
        tls_explain(client->tls, why, sizeof why);
    }
    client_break_with(client, "%s", why);
}

/* ---- what the library calls ---- */

static void refuse(struct client *client, int reason) {
    client_break_with(client, "%s refused the connection: %s (0x%02X)", client->place, reason_text(reason),
                      (unsigned)reason);
}

static void on_connect(struct mosquitto *mosq, void *context, int reason, int flags,
                       const mosquitto_property *list) {
    struct client *client = context;
    uint16_t window = UINT16_MAX;
    uint8_t retains = 1, qos = 2;
    (void)mosq;
    (void)flags;
    if (reason != MQTT_RC_SUCCESS) {
        refuse(client, reason);
        return;
    }
    client->packet_most = UINT32_MAX;
    mosquitto_property_read_int16(list, MQTT_PROP_RECEIVE_MAXIMUM, &window, false);
    mosquitto_property_read_int32(list, MQTT_PROP_MAXIMUM_PACKET_SIZE, &client->packet_most, false);
    mosquitto_property_read_byte(list, MQTT_PROP_RETAIN_AVAILABLE, &retains, false);
    mosquitto_property_read_byte(list, MQTT_PROP_MAXIMUM_QOS, &qos, false);
    if (!retains) {
        refuse(client, MQTT_RC_RETAIN_NOT_SUPPORTED);
    } else if (qos < client->settings->qos || qos < client->settings->delivery_qos) {
        refuse(client, MQTT_RC_QOS_NOT_SUPPORTED);
    }
    client->window = window < CLIENT_WINDOW_MOST ? window : CLIENT_WINDOW_MOST;
    client->open = !client->broken;
}

static void on_disconnect(struct mosquitto *mosq, void *context, int code, const mosquitto_property *list) {
    struct client *client = context;
    (void)mosq;
    (void)list;
    if (code == MQTT_RC_SESSION_TAKEN_OVER) {
        client_break_with(client, "%s: '%s'; give each instance a `client_id` of its own, or none",
                          reason_text(code), client->settings->client_id);
    } else if (code >= REASON_REFUSED) {
        client_break_with(client, "the server closed the connection: %s (0x%02X)", reason_text(code),
                          (unsigned)code);
    }
}

static void on_message(struct mosquitto *mosq, void *context, const struct mosquitto_message *message,
                       const mosquitto_property *list) {
    struct client *client = context;
    (void)mosq;
    if (!client->broken) {
        client->hooks->on_message(client->owner, message, list);
    }
}

static void on_published(struct mosquitto *mosq, void *context, int mid, int reason,
                         const mosquitto_property *list) {
    struct client *client = context;
    (void)mosq;
    (void)list;
    client->hooks->on_answer(client->owner, OPERATION_PUBLISH, mid, &reason, 1);
}

static void on_subscribed(struct mosquitto *mosq, void *context, int mid, int count, const int *reasons,
                          const mosquitto_property *list) {
    struct client *client = context;
    (void)mosq;
    (void)list;
    client->hooks->on_answer(client->owner, OPERATION_SUBSCRIBE, mid, reasons, (size_t)count);
}

/* The library does not hand on the reasons of an UNSUBACK. */
static void on_unsubscribed(struct mosquitto *mosq, void *context, int mid, const mosquitto_property *list) {
    struct client *client = context;
    (void)mosq;
    (void)list;
    client->hooks->on_answer(client->owner, OPERATION_UNSUBSCRIBE, mid, NULL, 0);
}

void client_listen(struct mosquitto *mosq) {
    mosquitto_connect_v5_callback_set(mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(mosq, on_disconnect);
    mosquitto_message_v5_callback_set(mosq, on_message);
    mosquitto_publish_v5_callback_set(mosq, on_published);
    mosquitto_subscribe_v5_callback_set(mosq, on_subscribed);
    mosquitto_unsubscribe_v5_callback_set(mosq, on_unsubscribed);
}
