// SPDX-License-Identifier: MIT
// The services of wshub/host.h that only auth plugins have, with every rule of them checked. host/services.c
// has the others.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/ask.h"
#include "host/peer_priv.h"

// ---- the call that is meant ----

// NULL: the breach is told.
static struct call *find_call(struct peer *peer, wshub_token token, const char *service) {
    const char *why = "";
    struct call *call = tokens_flying(&peer->tokens, token, &why);
    if (!call) {
        check_breach(peer->check, "%s was called for token %" PRIx64 ", %s", service, token, why);
    }
    return call;
}

static void identified(struct peer *peer, wshub_token token, struct told *told) {
    struct call *call = find_call(peer, token, "identify");
    if (call && call->operation == OPERATION_AUTHORIZE) {
        check_breach(peer->check, "identify was called for a token of authorize: who that is, is known");
        call = NULL;
    }
    if (call) {
        free(call->told);
        call->told = told;
    } else {
        free(told);
    }
}

// ---- from the plugin's threads ----

struct saying {
    struct mail mail; // first
    struct peer *peer;
    wshub_token token;
    struct told *told; // NULL: an explanation, which stands with its call and was looked at
};

static void on_saying(struct mail *mail) {
    struct saying *saying = (struct saying *)(void *)mail;
    if (atomic_load(&saying->peer->state) != PEER_OPEN) {
        free(saying->told);
    } else if (saying->told) {
        identified(saying->peer, saying->token, saying->told);
    } else {
        find_call(saying->peer, saying->token, "explain");
    }
    free(saying);
}

static bool send(struct peer *peer, wshub_token token, struct told *told) {
    struct saying *saying = malloc(sizeof *saying);
    if (saying) {
        *saying = (struct saying){{.fn = on_saying}, peer, token, told};
        reactor_mail(peer->check->reactor, &saying->mail);
    }
    return saying;
}

// ---- identify ----

static void look_for_secrets(struct peer *peer, const struct wshub_identity *identity) {
    const struct {
        struct wshub_bytes text;
        const char *name;
    } parts[] = {{identity->user, "user"}, {identity->token_id, "token_id"}, {identity->info, "info"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        services_look_for_secrets(peer, parts[i].text, SECRETS_ONLY, "stands in the identity's",
                                  parts[i].name);
    }
}

static bool look_at(struct peer *peer, struct wshub_identity *wide, const struct wshub_identity *theirs) {
    char why[TOLD_WHY];
    if (!told_take(wide, theirs, why)) {
        check_breach(peer->check, "identify told %s", why);
        return false;
    }
    if (wide->ask != 0 && !peer->auth->authorize) {
        check_breach(peer->check,
                     "identify told an identity that asks (0x%" PRIx32 "), and there is no slot authorize",
                     wide->ask);
    }
    look_for_secrets(peer, wide);
    return true;
}

static int take(struct service *service, wshub_token token, const struct wshub_identity *theirs) {
    struct peer *peer = service->peer;
    struct wshub_identity wide;
    if (atomic_load(&peer->state) == PEER_CLOSING) {
        return WSHUB_CLOSED;
    }
    if (!memory_grants()) {
        return WSHUB_NO_MEMORY;
    }
    if (!look_at(peer, &wide, theirs)) {
        return WSHUB_INVALID;
    }
    struct told *told = told_copy(&wide);
    if (told && service->on_case_thread) {
        identified(peer, token, told);
    } else if (told && !send(peer, token, told)) {
        free(told);
        told = NULL;
    }
    return told ? WSHUB_OK : WSHUB_NO_MEMORY;
}

static int host_identify(void *self, wshub_token token, const struct wshub_identity *theirs) {
    struct service service;
    if (!service_begin(&service, self, "identify", ANY_THREAD)) {
        return WSHUB_CLOSED;
    }
    int status = take(&service, token, theirs);
    service_end(&service);
    return status;
}

// ---- explain ----

static void look_at_text(struct peer *peer, const char *text) {
    if (!text) {
        check_breach(peer->check, "explain was called without a text");
        return;
    }
    struct wshub_bytes bytes = {text, strlen(text)};
    services_look_for_secrets(peer, bytes, SECRETS_AND_SENT, "stands in an", "explanation");
    dprintf(STDERR_FILENO, "%s: explained: %s\n", peer->instance_id, text);
}

static void host_explain(void *self, wshub_token token, const char *text) {
    struct service service;
    if (!service_begin(&service, self, "explain", ANY_THREAD)) {
        return;
    }
    struct peer *peer = service.peer;
    if (atomic_load(&peer->state) != PEER_CLOSING) {
        look_at_text(peer, text);
        if (service.on_case_thread) {
            find_call(peer, token, "explain");
        } else {
            send(peer, token, NULL);
        }
    }
    service_end(&service);
}

void ask_fill(struct wshub_host *host) {
    host->deliver = NULL;
    host->entry = NULL;
    host->link = NULL;
    host->lose = NULL;
    host->message = NULL;
    host->position = NULL;
    host->identify = host_identify;
    host->explain = host_explain;
}
