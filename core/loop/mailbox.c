// SPDX-License-Identifier: MIT
#include "loop/mailbox.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/watch.h"

// Senders push onto a stack; the receiver takes the whole stack at once and turns it over. Who rings first
// since the receiver last looked wakes it; the others find it rung. docs/decisions/0003-doorbell.md has the
// reasons.
struct mailbox {
    struct watch watch;
    int doorbell;
    atomic_bool rung;
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

// Silenced before the stack is taken: who pushes after that rings anew.
static void on_doorbell(void *owner, int events, bool error) {
    struct mailbox *mailbox = owner;
    uint64_t rings;
    (void)events;
    (void)error;
    ssize_t n = read(mailbox->doorbell, &rings, sizeof rings);
    (void)n; // it rang, or we would not be here
    atomic_exchange_explicit(&mailbox->rung, false, memory_order_acq_rel);
    drain(mailbox);
}

struct mailbox *mailbox_new(struct loop *loop, mail_fn fn, void *context) {
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    if (!mailbox) {
        return NULL;
    }
    mailbox->fn = fn;
    mailbox->context = context;
    mailbox->doorbell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (mailbox->doorbell < 0) {
        goto no_doorbell;
    }
    if (watch_open(&mailbox->watch, loop, mailbox->doorbell, on_doorbell, mailbox) != 0) {
        goto no_watch;
    }
    watch_set(&mailbox->watch, WATCH_READ);
    return mailbox;
no_watch:
    close(mailbox->doorbell);
no_doorbell:
    free(mailbox);
    return NULL;
}

void mailbox_push(struct mailbox *mailbox, struct mail *mail) {
    struct mail *top = atomic_load_explicit(&mailbox->top, memory_order_relaxed);
    do {
        mail->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&mailbox->top, &top, mail, memory_order_release,
                                                    memory_order_relaxed));
}

void mailbox_ring(struct mailbox *mailbox) {
    if (!atomic_exchange_explicit(&mailbox->rung, true, memory_order_acq_rel)) {
        const uint64_t one = 1;
        ssize_t n = write(mailbox->doorbell, &one, sizeof one);
        (void)n; // it cannot fail: the counter is far from its end
    }
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail) {
    mailbox_push(mailbox, mail);
    mailbox_ring(mailbox);
}

static void on_closed(void *owner) {
    free(owner);
}

void mailbox_free(struct mailbox *mailbox) {
    if (mailbox) {
        drain(mailbox);
        watch_close(&mailbox->watch, on_closed);
        close(mailbox->doorbell);
    }
}
