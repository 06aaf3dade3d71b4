// SPDX-License-Identifier: MIT
#include "hub/access_priv.h"

#include "hub/worker_priv.h"
#include "util/random.h"

static const struct refusal {
    int status; // of HTTP
    const char *code, *message;
    const char *shown, *not_shown; // header lines, where a token was shown and where not
    uint16_t close;
    const char *word; // of the closing
    bool may_return;
    enum error_code error; // of an operation
    const char *detail;
} refusals[] = {
#define UNAUTHENTICATED(message_)                                                                 \
    {                                                                                             \
        401, "unauthenticated", message_, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n", \
            "WWW-Authenticate: Bearer\r\n", WS_CLOSE_UNAUTHENTICATED, "unauthenticated", false,   \
            ERROR_DENIED, "the token is not accepted"                                             \
    }
    [AUTH_NO] = UNAUTHENTICATED("The credentials are not accepted."),
    [AUTH_UNDECIDED] = UNAUTHENTICATED("This hub lets in who shows credentials that it accepts."),
    [AUTH_EXPIRED] = {401, "token_expired", "The token has expired.",
                      "WWW-Authenticate: Bearer error=\"invalid_token\", "
                      "error_description=\"The token has expired\"\r\n",
                      "WWW-Authenticate: Bearer\r\n", WS_CLOSE_EXPIRED, "token_expired", false,
                      ERROR_TOKEN_EXPIRED, "the token has expired"},
    [AUTH_REVOKED] = {401, "revoked", "The credentials were revoked.",
                      "WWW-Authenticate: Bearer error=\"invalid_token\", "
                      "error_description=\"The token was revoked\"\r\n",
                      "WWW-Authenticate: Bearer\r\n", WS_CLOSE_FORBIDDEN, "revoked", false, ERROR_DENIED,
                      "the token was revoked"},
    [AUTH_FAILED] = {503, "auth_unavailable", "Who you are could not be found out: try again later.",
                     "Retry-After: 2\r\n", "Retry-After: 2\r\n", WS_CLOSE_TRY_LATER, "auth_unavailable", true,
                     ERROR_INTERNAL, "what decides this did not answer, or failed"},
    [AUTH_CLOSED] = {503, "draining", "this instance is shutting down", "Retry-After: 1\r\n",
                     "Retry-After: 1\r\n", WS_CLOSE_GOING_AWAY, "drain", true, ERROR_BROKER_UNAVAILABLE,
                     "this instance is shutting down"},
};

void access_close(struct session *session, enum auth_verdict verdict) {
    const struct refusal *refusal = &refusals[verdict];
    enum { DELAY_MS = 1000, JITTER_MS = 4000 }; // so that not all of them come back at once
    session_send(session, &(struct event){
                              .kind = EVENT_CLOSING,
                              .word = refusal->word,
                              .may_return = refusal->may_return,
                              .milliseconds = DELAY_MS + (uint32_t)(random_u64() % JITTER_MS),
                          });
    ws_close(&session->ws, refusal->close, refusal->word);
}

void access_refuse(struct session *session, enum auth_verdict verdict) {
    const struct access *access = session->access;
    const struct refusal *refusal = &refusals[verdict];
    if (access->stage != ACCESS_ASKED) {
        access_close(session, verdict);
    } else if (!access->is_browser) {
        session_refuse(session, refusal->status, access->has_token ? refusal->shown : refusal->not_shown,
                       refusal->code, refusal->message);
    } else if (session_open(session, &access->answer)) {
        access_close(session, verdict);
        ws_resume(&session->ws);
    }
}

void access_refuse_operation(struct session *session, const struct operation *operation,
                             enum auth_verdict verdict) {
    session_error(session, operation->id, refusals[verdict].error, refusals[verdict].detail);
}
