// SPDX-License-Identifier: MIT
// What the server API asks of a drain. Orders come one after the other, whoever gives them: a second one for
// the same thing is answered as the first.
#include "hub/hub_priv.h"

#include "loop/loop.h"
#include "wshub/status.h"

static void post(struct hub *hub, struct drain_order *order, int status) {
    order->status = status;
    order->mail.kind = MAIL_DRAIN_ORDERED;
    hub_post(hub, order->worker, &order->mail);
}

static void answer(struct hub *hub, struct drain_order *order, int status) {
    const struct instance *instance = hub->instance;
    uint64_t now = loop_now(hub->loop), ends_at = hub->drain.ends_at;
    order->phase = hub->drain.phase;
    order->connections = atomic_load(&instance->connections);
    order->closed = atomic_load(&instance->gone.whole) + atomic_load(&instance->gone.forced);
    order->forced = atomic_load(&instance->gone.forced);
    order->unsettled = drain_under_way(hub);
    order->remaining = now < ends_at ? ends_at - now : 0;
    post(hub, order, status);
}

static void cancel(struct hub *hub, struct drain_order *order) {
    if (hub->drain.phase == DRAIN_NONE) {
        answer(hub, order, WSHUB_NOT_FOUND);
    } else if (!drain_cancel(hub)) {
        answer(hub, order, WSHUB_CLOSED);
    } else if (hub->drain.phase == DRAIN_RESUMING) {
        order->next = hub->drain.cancels;
        hub->drain.cancels = order;
    } else {
        answer(hub, order, WSHUB_OK);
    }
}

void drain_order(struct hub *hub, struct drain_order *order) {
    switch (order->wish) {
    case DRAIN_CANCEL:
        cancel(hub, order);
        return;
    case DRAIN_BEGIN:
        drain_begin(hub, true);
        break;
    case DRAIN_ASK:
        break;
    }
    answer(hub, order, WSHUB_OK);
}

static struct drain_order *take_cancel(struct hub *hub) {
    struct drain_order *order = hub->drain.cancels;
    if (order) {
        hub->drain.cancels = order->next;
    }
    return order;
}

void drain_orders_resumed(struct hub *hub) {
    for (struct drain_order *order; (order = take_cancel(hub));) {
        answer(hub, order, WSHUB_OK);
    }
}

void drain_orders_free(struct hub *hub) {
    for (struct drain_order *order; (order = take_cancel(hub));) {
        post(hub, order, WSHUB_CLOSED);
    }
}
