/* SPDX-License-Identifier: MIT
 * One connection to an MQTT server: libmosquitto without its thread, driven by a watch and a timer of the
 * host. Belongs to the hub thread. A new session for each connection: nothing of the one before is left in
 * the library.
 *
 * The library is called from the watch and the timer alone, never from a slot, which may be called within one
 * of its callbacks: whoever has something to send asks for room, and sends in on_room. */
#ifndef MQTT_CLIENT_H
#define MQTT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <mosquitto.h>

#include "operation.h"
#include "settings.h"
#include "tls.h"

enum { CLIENT_REASON = 320, CLIENT_PLACE = 80 }; /* bytes that hold any reason, any address with its port */
enum { CLIENT_WINDOW_MOST = 256 };               /* messages in flight, however many the server would take */

struct client_hooks {
    /* The server has accepted us. */
    void (*on_open)(void *owner);
    /* client_send may be called now, and only now. */
    void (*on_room)(void *owner);
    /* Something is waiting to be sent, and could be. */
    bool (*wants_room)(void *owner);
    /* Twice in a second while it is open. */
    void (*on_tick)(void *owner);
    void (*on_message)(void *owner, const struct mosquitto_message *message, const mosquitto_property *list);
    /* Answers to what was sent under `mid`: the reasons (reason.h), one for each topic. With QoS 0, a message
     * was written. */
    void (*on_answer)(void *owner, enum operation_kind kind, int mid, const int *reasons, size_t count);
    /* The end, unless client_close was called: it is closed already and may be opened again. */
    void (*on_lost)(void *owner, const char *reason);
};

struct client {
    const struct wshub_host *host;
    const struct settings *settings;
    const struct client_hooks *hooks;
    void *owner;
    struct tls *tls;  /* NULL: without */
    const char *will; /* the topic whose retained message is deleted when we are gone */

    /* what the server allows, once it is open */
    uint32_t packet_most; /* bytes */
    unsigned window;      /* messages in flight, at QoS 1 */

    /* private */
    struct wshub_timer *timer;
    struct wshub_watch *watch;
    struct mosquitto *mosq; /* NULL: closed */
    int fd;          /* a duplicate: the library closes its own when it likes, a watch must be freed before */
    unsigned events; /* that the watch is set to */
    bool connected;  /* TCP */
    bool open;       /* MQTT */
    bool broken;     /* it has ended, for this reason: */
    char why[CLIENT_REASON];
    char place[CLIENT_PLACE];
    uint64_t began;  /* ms */
    uint64_t moved;  /* ms; when bytes last came, or went out that had waited */
    uint64_t wrote;  /* ms; when bytes last went out that had waited */
    uint64_t ticked; /* ms; when the timer last ran */
};

/* Fills in a zeroed struct, whose first members are set. WSHUB_OK; WSHUB_NO_MEMORY; WSHUB_INTERNAL. */
int client_init(struct client *client);
void client_free(struct client *client);

/* Begins to connect to a numeric address; on_open or on_lost follows, not before it returns. False: `why`
 * says what is wrong. */
bool client_open(struct client *client, const char *address, unsigned port, char *why, size_t size);
/* No hook is called. `goodbye`: tells the server, when that can be done at once. Not from within a hook. */
void client_close(struct client *client, bool goodbye);
/* It is of no use any more: on_lost follows. May be called from within a hook. */
void client_break(struct client *client, const char *reason);

/* Asks for on_room. */
void client_want(struct client *client);
/* True while what is sent goes out at once. */
bool client_has_room(const struct client *client);
/* Sends operations: one PUBLISH, or several SUBSCRIBE or UNSUBSCRIBE of one kind and QoS. Sets the mid of
 * each, or returns a reason below 0: nothing was sent. on_answer may come before it returns, with QoS 0. */
int client_send(struct client *client, struct operation *const *operations, size_t count);

#endif
