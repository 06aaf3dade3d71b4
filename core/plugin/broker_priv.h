// SPDX-License-Identifier: MIT
// Shared by broker.c and broker_host.c; nobody else's.
#pragma once

#include <stdatomic.h>

#include "plugin/broker.h"
#include "plugin/host.h"
#include "plugin/reading.h"
#include "util/throttle.h"

struct broker_call {
    struct call head;
    size_t bytes; // of a publish
    struct broker_reply reply;
    broker_entry_fn entry;       // NULL: it expects none
    broker_message_fn message;   // the same
    broker_position_fn position; // the same; NULL again once it was told
    struct reading *reading;     // of a history; NULL: it is none
};

struct broker {
    struct plugin_host host;
    const struct wshub_broker *table;
    void *self; // the plugin's
    struct broker_listener listener;
    struct broker_stats stats;
    size_t in_flight_bytes;
    atomic_bool overrun; // a delivery found no room in the mailbox
    uint64_t opened;     // clock_ns
    bool up, link_told;
    unsigned reasons_told;  // since it is down
    struct throttle untrue; // answers
};

// Adds the services that brokers alone have.
void broker_host_init(struct broker *broker);
void broker_host_take(struct plugin_host *host, struct host_mail *mail);  // a host_mail_fn
void broker_tell_loss(struct broker *broker, struct wshub_bytes channel); // empty: of any channel
// The plugin has told what cannot be.
void broker_tell_untrue(struct broker *broker, enum broker_operation operation, const char *fault);
