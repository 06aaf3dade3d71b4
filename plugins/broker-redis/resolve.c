/* SPDX-License-Identifier: MIT */
#include "resolve.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum { POLL_MS = 5, FREE_MS = 900 };

/* A look-up under way. The C library reads all of it from its thread. */
struct lookup {
    struct lookup *next;
    struct gaicb request;
    struct addrinfo hints;
    char service[16];
    char name[];
};

struct resolver {
    const struct wshub_host *host;
    struct wshub_timer *timer;
    struct lookup *running;
    struct lookup *awaited; /* one of them, or NULL */
    resolver_fn fn;
    void *context;
    uint64_t timeout, since; /* ms */
};

static void on_timer(void *context);

struct resolver *resolver_new(const struct wshub_host *host, uint64_t timeout) {
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (resolver) {
        resolver->host = host;
        resolver->timeout = timeout;
        resolver->timer = host->timer_new(host->self, on_timer, resolver);
        if (!resolver->timer) {
            free(resolver);
            return NULL;
        }
    }
    return resolver;
}

static void free_lookup(struct lookup *lookup) {
    if (lookup->request.ar_result) {
        freeaddrinfo(lookup->request.ar_result);
    }
    free(lookup);
}

void resolver_free(struct resolver *resolver) {
    if (!resolver) {
        return;
    }
    const uint64_t until = clock_ms() + FREE_MS;
    resolver->host->timer_free(resolver->host->self, resolver->timer);
    while (resolver->running) {
        struct lookup *lookup = resolver->running;
        const struct gaicb *list[] = {&lookup->request};
        resolver->running = lookup->next;
        if (gai_cancel(&lookup->request) == EAI_NOTCANCELED) {
            uint64_t now = clock_ms(), left = now < until ? until - now : 0;
            gai_suspend(list, 1, &(struct timespec){0, (long)left * 1000000});
        }
        if (gai_error(&lookup->request) != EAI_INPROGRESS) { /* else its memory is still in use */
            free_lookup(lookup);
        }
    }
    free(resolver);
}

static void answer(struct resolver *resolver, const struct address *addresses, size_t count,
                   const char *why) {
    resolver_fn fn = resolver->fn;
    resolver->fn = NULL;
    resolver->awaited = NULL;
    if (fn) {
        fn(resolver->context, addresses, count, why);
    }
}

static void answer_found(struct resolver *resolver, const struct lookup *lookup, int error) {
    struct address addresses[RESOLVE_MOST];
    size_t count = 0;
    char why[384];
    snprintf(why, sizeof why, "cannot resolve %s: %s", lookup->name,
             error ? gai_strerror(error) : "no address");
    for (const struct addrinfo *at = error ? NULL : lookup->request.ar_result; at; at = at->ai_next) {
        if (count < RESOLVE_MOST && at->ai_addrlen <= sizeof addresses->storage) {
            addresses[count] = (struct address){.length = at->ai_addrlen};
            memcpy(&addresses[count++].storage, at->ai_addr, at->ai_addrlen);
        }
    }
    answer(resolver, addresses, count, why);
}

/* Frees every look-up that has ended; the one that is awaited is answered at last. */
static void on_timer(void *context) {
    struct resolver *resolver = context;
    struct lookup **place = &resolver->running;
    struct lookup *found = NULL;
    int error = 0;
    while (*place) {
        struct lookup *lookup = *place;
        int state = gai_error(&lookup->request);
        if (state == EAI_INPROGRESS) {
            place = &lookup->next;
            continue;
        }
        *place = lookup->next;
        if (lookup == resolver->awaited) {
            found = lookup;
            error = state;
        } else {
            free_lookup(lookup);
        }
    }
    if (resolver->running) {
        resolver->host->timer_start(resolver->host->self, resolver->timer, POLL_MS);
    }
    if (found) {
        answer_found(resolver, found, error);
        free_lookup(found);
    } else if (resolver->awaited && clock_ms() - resolver->since >= resolver->timeout) {
        char why[384];
        snprintf(why, sizeof why, "cannot resolve %s: no answer", resolver->awaited->name);
        answer(resolver, NULL, 0, why);
    }
}

static struct lookup *find(struct resolver *resolver, const char *name, const char *service) {
    struct lookup *lookup = resolver->running;
    while (lookup && (strcmp(lookup->name, name) != 0 || strcmp(lookup->service, service) != 0)) {
        lookup = lookup->next;
    }
    return lookup;
}

static struct lookup *begin(struct resolver *resolver, const char *name, const char *service) {
    struct lookup *lookup = calloc(1, sizeof *lookup + strlen(name) + 1);
    if (!lookup) {
        return NULL;
    }
    strcpy(lookup->name, name);
    snprintf(lookup->service, sizeof lookup->service, "%s", service);
    lookup->hints = (struct addrinfo){.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    lookup->request =
        (struct gaicb){.ar_name = lookup->name, .ar_service = lookup->service, .ar_request = &lookup->hints};
    /* EAI_AGAIN: there was no memory to tell of the end, which nobody wants told; it has begun. */
    const int error = getaddrinfo_a(GAI_NOWAIT, &(struct gaicb *){&lookup->request}, 1, NULL);
    if (error != 0 && error != EAI_AGAIN) {
        free(lookup);
        return NULL;
    }
    lookup->next = resolver->running;
    resolver->running = lookup;
    return lookup;
}

static void look_up(struct resolver *resolver, const struct endpoint *endpoint) {
    char service[16];
    snprintf(service, sizeof service, "%u", endpoint->port);
    struct lookup *lookup = find(resolver, endpoint->host, service);
    resolver->awaited = lookup ? lookup : begin(resolver, endpoint->host, service);
    if (resolver->awaited) {
        resolver->host->timer_start(resolver->host->self, resolver->timer, POLL_MS);
    } else {
        answer(resolver, NULL, 0, "cannot resolve a name: out of memory");
    }
}

void resolver_ask(struct resolver *resolver, const struct endpoint *endpoint, resolver_fn fn, void *context) {
    struct address address;
    resolver->fn = fn;
    resolver->context = context;
    resolver->since = clock_ms();
    if (endpoint->unix_socket) {
        bool fits = address_of_path(&address, endpoint->host);
        answer(resolver, &address, fits, "the path of the unix socket is too long");
    } else if (address_of_number(&address, endpoint->host, endpoint->port)) {
        answer(resolver, &address, 1, NULL);
    } else {
        look_up(resolver, endpoint);
    }
}
