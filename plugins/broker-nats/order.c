/* SPDX-License-Identifier: MIT */
#include "order.h"

#include <stdlib.h>

#include "clock.h"

static size_t size_of(natsMsg *message) {
    return (size_t)natsMsg_GetDataLength(message);
}

static bool hold(struct order *order, natsMsg *message, uint64_t offset, uint64_t previous) {
    struct held **place = &order->first, *held = malloc(sizeof *held);
    if (!held) {
        return false;
    }
    while (*place && (*place)->offset < offset) {
        place = &(*place)->next;
    }
    *held = (struct held){*place, message, offset, previous};
    *place = held;
    order->bytes += size_of(message);
    if (order->count++ == 0) {
        order->since = clock_ms();
    }
    return true;
}

enum order_turn order_take(struct order *order, natsMsg *message, uint64_t offset, uint64_t previous) {
    if (offset <= order->last) {
        return ORDER_LATE;
    }
    if (order->last == 0 || previous <= order->last || !hold(order, message, offset, previous)) {
        order->last = offset;
        return ORDER_NOW;
    }
    return order->count > ORDER_HELD_MOST || order->bytes > ORDER_BYTES_MOST ? ORDER_GIVE_UP : ORDER_HELD;
}

natsMsg *order_next(struct order *order) {
    struct held *held = order->first;
    if (!held || held->previous > order->last) {
        return NULL;
    }
    natsMsg *message = held->message;
    order->last = held->offset;
    order->first = held->next;
    order->count--;
    order->bytes -= size_of(message);
    order->since = clock_ms();
    free(held);
    return message;
}

bool order_is_overdue(const struct order *order) {
    return order->first && clock_ms() - order->since >= ORDER_WAIT_MS;
}

void order_give_up(struct order *order) {
    if (order->first) {
        order->last = order->first->previous;
    }
}

void order_free(struct order *order) {
    while (order->first) {
        struct held *held = order->first;
        order->first = held->next;
        natsMsg_Destroy(held->message);
        free(held);
    }
}
