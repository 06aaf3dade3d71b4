// SPDX-License-Identifier: MIT
#include "loop/mailbox.h"

#include <stdlib.h>

#include "loop/loop_priv.h"

// Senders push onto a stack; the receiver takes the whole stack at once and turns it over. Only the push that finds the
// stack empty rings, so a burst costs one wake-up.
struct mailbox {
    uv_async_t doorbell;
    _Atomic(struct mail *) top;
    mail_fn fn;
    void *context;
};

static struct mail *take_in_order(struct mailbox *mailbox) {
    struct mail *stack = atomic_exchange_explicit(&mailbox->top, NULL, memory_order_acquire);
    struct mail *queue = NULL;
    while (stack) {
        struct mail *next = stack->next;
        stack->next = queue;
        queue = stack;
        stack = next;
    }
    return queue;
}

static void drain(struct mailbox *mailbox) {
    struct mail *mail = take_in_order(mailbox);
    while (mail) {
        struct mail *next = mail->next;
        mailbox->fn(mailbox->context, mail);
        mail = next;
    }
}

static void on_doorbell(uv_async_t *handle) {
    drain(handle->data);
}

struct mailbox *mailbox_new(struct loop *loop, mail_fn fn, void *context) {
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    if (!mailbox) {
        return NULL;
    }
    if (uv_async_init(&loop->uv, &mailbox->doorbell, on_doorbell) != 0) {
        free(mailbox);
        return NULL;
    }
    mailbox->doorbell.data = mailbox;
    mailbox->fn = fn;
    mailbox->context = context;
    return mailbox;
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail) {
    struct mail *top = atomic_load_explicit(&mailbox->top, memory_order_relaxed);
    do {
        mail->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&mailbox->top, &top, mail, memory_order_release,
                                                    memory_order_relaxed));
    if (!top) {
        uv_async_send(&mailbox->doorbell);
    }
}

static void on_close(uv_handle_t *handle) {
    free(handle->data);
}

void mailbox_free(struct mailbox *mailbox) {
    if (mailbox) {
        drain(mailbox);
        uv_close((uv_handle_t *)&mailbox->doorbell, on_close);
    }
}
