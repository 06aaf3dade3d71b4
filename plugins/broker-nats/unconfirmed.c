/* SPDX-License-Identifier: MIT */
#include "unconfirmed.h"

#include <string.h>

#include "subject.h"

enum { TEXT_MOST = 254 }; /* of an error that nats.c hands on: the rest is cut off */

void unconfirmed_push(struct unconfirmed *unconfirmed, struct job *job) {
    job->next = NULL;
    job->fence = UINT64_MAX;
    job->denied = false;
    *(unconfirmed->last ? &unconfirmed->last->next : &unconfirmed->first) = job;
    unconfirmed->last = job;
    if (!unconfirmed->open) {
        unconfirmed->open = job;
    }
}

void unconfirmed_seal(struct unconfirmed *unconfirmed, uint64_t number) {
    for (struct job *job = unconfirmed->open; job; job = job->next) {
        job->fence = number;
    }
    unconfirmed->open = NULL;
}

struct job *unconfirmed_pop(struct unconfirmed *unconfirmed, uint64_t fenced) {
    struct job *job = unconfirmed->first;
    if (!job || job->fence > fenced) {
        return NULL;
    }
    if (unconfirmed->open == job) {
        unconfirmed->open = job->next;
    }
    unconfirmed->first = job->next;
    if (!job->next) {
        unconfirmed->last = NULL;
    }
    return job;
}

/* ---- what the server names: Permissions Violation for Publish to "subject" ---- */

static unsigned hex_of(const char *text, int digits) {
    unsigned value = 0;
    for (int i = 0; i < digits; i++) {
        const char *all = "0123456789abcdef", *at = text[i] ? strchr(all, text[i]) : NULL;
        if (!at) {
            return 0;
        }
        value = value << 4 | (unsigned)(at - all);
    }
    return value;
}

static size_t write_utf8(char out[4], unsigned code) {
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* The server quotes as Go does: what cannot be printed, as \u00a0 or \U000e0001, and as \xff what is not
 * UTF-8. Takes one piece, and moves behind it. Returns its length; 0: the text is over, or cut off. */
static size_t take_quoted(const char **at, char out[4]) {
    static const struct {
        char letter;
        int digits;
    } forms[] = {{'x', 2}, {'u', 4}, {'U', 8}};
    const char *text = *at;
    out[0] = *text;
    if (*text != '\\') {
        *at += *text && *text != '"';
        return *text && *text != '"';
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const unsigned code = text[1] == forms[i].letter ? hex_of(text + 2, forms[i].digits) : 0;
        if (code) {
            *at += 2 + forms[i].digits;
            out[0] = (char)code;
            return forms[i].digits == 2 ? 1 : write_utf8(out, code);
        }
    }
    return 0;
}

bool denial_names(const char *text, bool publish, const char *subject) {
    const char *verb = strstr(text, publish ? "Publish to \"" : "Subscription to \"");
    const char *named = verb ? strchr(verb, '"') + 1 : NULL;
    char piece[4];
    if (!named) {
        return false;
    }
    for (size_t length; (length = take_quoted(&named, piece)) > 0; subject += length) {
        if (strncmp(subject, piece, length) != 0) {
            return false;
        }
    }
    const bool cut = *named != '"' && strlen(text) >= TEXT_MOST;
    return cut || (*subject == 0 && (*named == '"' || *named == 0));
}

bool denial_is_below(const char *text, const char *head) {
    const char *named = strchr(text, '"');
    return named && strncmp(named + 1, head, strlen(head)) == 0;
}

static bool names(const char *text, const char *head, const struct job *job) {
    char subject[SUBJECT_SIZE];
    if (job->denied || job->kind == JOB_UNSUBSCRIBE) {
        return false;
    }
    subject_write(subject, head, job->message.channel);
    return denial_names(text, job->kind == JOB_PUBLISH, subject);
}

bool unconfirmed_deny(struct unconfirmed *unconfirmed, const char *head, const char *text) {
    for (struct job *job = unconfirmed->first; job; job = job->next) {
        if (names(text, head, job)) {
            job->denied = true;
            return true;
        }
    }
    return false;
}
