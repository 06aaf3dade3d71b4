// SPDX-License-Identifier: MIT
// The services of wshub/host.h that auth plugins alone have.
#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "plugin/auth_priv.h"
#include "util/log.h"
#include "util/utf8.h"

enum { MAIL_IDENTIFIED = HOST_MAIL_OWNERS, MAIL_EXPLAINED };

enum { EXPLANATION_MAX = 500 }; // bytes of one that are kept

struct identified {
    struct host_mail head;
    wshub_token token;
    struct identity *identity; // the mail's reference; NULL: it cannot be used
    const char *fault;         // then
};

struct explained {
    struct host_mail head;
    wshub_token token;
    char *text;
};

// NULL: nobody waits for its answer, or not any more.
static struct auth_call *find_awaited(struct auth *auth, wshub_token token) {
    struct calls *calls = &auth->host.calls;
    return auth->host.closing ? NULL : (struct auth_call *)(void *)calls_find(calls, token);
}

// ---- who it is ----

// Takes the reference. What is told twice was a mistake once: the last one counts, but a fault stays.
static void keep_identity(struct auth *auth, wshub_token token, struct identity *identity,
                          const char *fault) {
    struct auth_call *call = find_awaited(auth, token);
    if (!call) {
        identity_unref(identity);
        return;
    }
    identity_unref(call->identity);
    call->identity = identity;
    call->fault = fault ? fault : call->fault;
}

// The first one. Every decision that fails by it carries the reason.
static void tell_invalid(struct auth *auth, const char *why) {
    if (!atomic_exchange(&auth->invalid_told, true)) {
        log_warn(auth->host.setup.log,
                 "auth plugin told an identity that breaks the rules of wshub/auth.h: it lets nobody in",
                 log_text("auth", auth->host.setup.name), log_text("reason", why));
    }
}

static int make_identity(struct auth *auth, const struct wshub_identity *theirs, struct identity **identity,
                         const char **fault) {
    const char *why = NULL;
    *identity = identity_new(theirs, &why);
    if (*identity) {
        *fault = NULL;
        return WSHUB_OK;
    }
    *fault = why ? why : "there was no memory for its identity";
    if (why) {
        tell_invalid(auth, why);
    }
    return why ? WSHUB_INVALID : WSHUB_NO_MEMORY;
}

static int host_identify(void *self, wshub_token token, const struct wshub_identity *theirs) {
    struct auth *auth = self;
    struct identity *identity;
    const char *fault;
    if (host_is_here(&auth->host)) {
        int status = make_identity(auth, theirs, &identity, &fault);
        keep_identity(auth, token, identity, fault);
        return status;
    }
    struct identified *mail =
        host_has_room(&auth->host) ? host_mail_new(MAIL_IDENTIFIED, sizeof *mail) : NULL;
    if (!mail) {
        return WSHUB_NO_MEMORY;
    }
    int status = make_identity(auth, theirs, &mail->identity, &mail->fault);
    mail->token = token;
    host_mail_send(&auth->host, &mail->head);
    return status;
}

// ---- why ----

// Takes the text.
static void keep_explanation(struct auth *auth, wshub_token token, char *text) {
    struct auth_call *call = find_awaited(auth, token);
    if (call) {
        free(call->explanation);
        call->explanation = text;
    } else {
        free(text);
    }
}

static void host_explain(void *self, wshub_token token, const char *text) {
    struct auth *auth = self;
    size_t length = text ? utf8_cut(text, strcspn(text, "\r\n"), EXPLANATION_MAX) : 0;
    char *copy = length > 0 ? strndup(text, length) : NULL;
    if (!copy) {
        return;
    }
    if (host_is_here(&auth->host)) {
        keep_explanation(auth, token, copy);
        return;
    }
    struct explained *mail = host_has_room(&auth->host) ? host_mail_new(MAIL_EXPLAINED, sizeof *mail) : NULL;
    if (!mail) {
        free(copy);
        return;
    }
    mail->token = token;
    mail->text = copy;
    host_mail_send(&auth->host, &mail->head);
}

// ---- both ----

void auth_host_take(struct plugin_host *host, struct host_mail *mail) {
    struct auth *auth = (struct auth *)(void *)host; // host is the first member
    if (mail->mail.kind == MAIL_IDENTIFIED) {
        const struct identified *identified = (const struct identified *)(const void *)mail;
        keep_identity(auth, identified->token, identified->identity, identified->fault);
    } else {
        const struct explained *explained = (const struct explained *)(const void *)mail;
        keep_explanation(auth, explained->token, explained->text);
    }
}

void auth_host_init(struct auth *auth) {
    auth->host.services.identify = host_identify;
    auth->host.services.explain = host_explain;
}
