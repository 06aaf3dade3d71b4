// SPDX-License-Identifier: MIT
#include "host/reactor.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"

struct reactor {
    struct reactor_timer *timers;
    struct reactor_watch *watches; // the one that was served last is the last
    struct pollfd *polls;
    size_t poll_size;
    bool stale;        // what is marked as ready was so before the case went on
    size_t mails_left; // of this round
    uint64_t looked;   // check_now: when this round began
    int doorbell;      // eventfd
    pthread_mutex_t lock;
    struct mail *first, **last; // under the lock, and the next
    size_t mail_count;
};

struct reactor *reactor_new(void) {
    struct reactor *reactor = calloc(1, sizeof *reactor);
    if (!reactor) {
        return NULL;
    }
    reactor->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (reactor->doorbell < 0) {
        free(reactor);
        return NULL;
    }
    reactor->last = &reactor->first;
    pthread_mutex_init(&reactor->lock, NULL);
    return reactor;
}

void reactor_free(struct reactor *reactor) {
    if (reactor) {
        close(reactor->doorbell);
        pthread_mutex_destroy(&reactor->lock);
        free(reactor->polls);
        free(reactor);
    }
}

// ---- mails ----

void reactor_mail(struct reactor *reactor, struct mail *mail) {
    mail->next = NULL;
    pthread_mutex_lock(&reactor->lock);
    *reactor->last = mail;
    reactor->last = &mail->next;
    bool rings = reactor->mail_count++ == 0;
    pthread_mutex_unlock(&reactor->lock);
    if (rings) {
        eventfd_write(reactor->doorbell, 1);
    }
}

static struct mail *take_mail(struct reactor *reactor) {
    eventfd_t rung;
    pthread_mutex_lock(&reactor->lock);
    struct mail *mail = reactor->first;
    if (mail) {
        reactor->first = mail->next;
        reactor->last = reactor->first ? reactor->last : &reactor->first;
        if (--reactor->mail_count == 0) {
            eventfd_read(reactor->doorbell, &rung);
        }
    }
    pthread_mutex_unlock(&reactor->lock);
    return mail;
}

static size_t count_mails(struct reactor *reactor) {
    pthread_mutex_lock(&reactor->lock);
    size_t count = reactor->mail_count;
    pthread_mutex_unlock(&reactor->lock);
    return count;
}

static bool run_mail(struct reactor *reactor) {
    struct mail *mail = reactor->mails_left > 0 ? take_mail(reactor) : NULL;
    if (!mail) {
        return false;
    }
    reactor->mails_left--;
    mail->fn(mail);
    return true;
}

// ---- timers ----

void reactor_timer_start(struct reactor *reactor, struct reactor_timer *timer, uint64_t due) {
    reactor_timer_stop(reactor, timer);
    timer->due = due;
    timer->running = true;
    struct reactor_timer **place = &reactor->timers;
    while (*place && (*place)->due <= due) {
        place = &(*place)->next;
    }
    timer->next = *place;
    *place = timer;
}

void reactor_timer_stop(struct reactor *reactor, struct reactor_timer *timer) {
    struct reactor_timer **place = &reactor->timers;
    if (!timer->running) {
        return;
    }
    while (*place != timer) {
        place = &(*place)->next;
    }
    *place = timer->next;
    timer->running = false;
}

static bool run_timer(struct reactor *reactor) {
    struct reactor_timer *timer = reactor->timers;
    if (!timer || timer->due > reactor->looked) {
        return false;
    }
    reactor_timer_stop(reactor, timer);
    timer->fn(timer);
    return true;
}

// ---- watches ----

void reactor_watch_add(struct reactor *reactor, struct reactor_watch *watch) {
    watch->ready = 0;
    watch->next = reactor->watches;
    reactor->watches = watch;
}

void reactor_watch_remove(struct reactor *reactor, struct reactor_watch *watch) {
    struct reactor_watch **place = &reactor->watches;
    while (*place != watch) {
        place = &(*place)->next;
    }
    *place = watch->next;
}

static void move_to_end(struct reactor *reactor, struct reactor_watch *watch) {
    struct reactor_watch **place = &reactor->watches;
    reactor_watch_remove(reactor, watch);
    while (*place) {
        place = &(*place)->next;
    }
    watch->next = NULL;
    *place = watch;
}

// Errors and hang-ups are told by poll whether asked for or not; a watch that waits for nothing hears
// nothing.
static short still_ready(const struct reactor *reactor, const struct reactor_watch *watch) {
    struct pollfd one = {watch->fd, watch->events, 0};
    if (watch->events == 0 || !reactor->stale) {
        return watch->events ? watch->ready : 0;
    }
    return poll(&one, 1, 0) > 0 ? one.revents : 0;
}

static bool run_watch(struct reactor *reactor) {
    for (struct reactor_watch *watch = reactor->watches; watch; watch = watch->next) {
        short events = watch->ready ? still_ready(reactor, watch) : 0;
        watch->ready = 0;
        if (events) {
            move_to_end(reactor, watch);
            watch->fn(watch, events);
            return true;
        }
    }
    return false;
}

// ---- rounds ----

static bool make_room(struct reactor *reactor) {
    size_t count = 1;
    for (struct reactor_watch *watch = reactor->watches; watch; watch = watch->next) {
        count++;
    }
    if (count <= reactor->poll_size) {
        return true;
    }
    struct pollfd *polls = realloc(reactor->polls, count * 2 * sizeof *polls);
    if (polls) {
        reactor->polls = polls;
        reactor->poll_size = count * 2;
    }
    return polls;
}

// Of poll(2), rounded up: a timer must not be looked for before its time, again and again.
static int patience(const struct reactor *reactor, uint64_t deadline) {
    uint64_t now = check_now(), until = deadline;
    if (reactor->timers && reactor->timers->due < until) {
        until = reactor->timers->due;
    }
    uint64_t milliseconds = until > now ? (until - now + 999999) / 1000000 : 0;
    return milliseconds > 1000000 ? 1000000 : (int)milliseconds;
}

static void look(struct reactor *reactor, uint64_t deadline) {
    size_t count = 0;
    if (!make_room(reactor)) {
        return;
    }
    reactor->polls[count++] = (struct pollfd){reactor->doorbell, POLLIN, 0};
    for (struct reactor_watch *watch = reactor->watches; watch; watch = watch->next) {
        reactor->polls[count++] = (struct pollfd){watch->events ? watch->fd : -1, watch->events, 0};
    }
    bool found = poll(reactor->polls, count, patience(reactor, deadline)) > 0;
    count = 1;
    for (struct reactor_watch *watch = reactor->watches; watch; watch = watch->next) {
        watch->ready = found ? reactor->polls[count].revents : 0;
        count++;
    }
    reactor->stale = false;
    reactor->looked = check_now();
    reactor->mails_left = count_mails(reactor);
}

static bool run_one(struct reactor *reactor) {
    return run_mail(reactor) || run_timer(reactor) || run_watch(reactor);
}

bool reactor_step(struct reactor *reactor, uint64_t deadline) {
    if (run_one(reactor)) {
        return true;
    }
    look(reactor, deadline);
    return run_one(reactor);
}

void reactor_look_again(struct reactor *reactor) {
    reactor->stale = true;
}
