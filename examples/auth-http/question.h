/* SPDX-License-Identifier: MIT
 * A question to the backend, as JSON. It holds secrets (token, cookies), and so is written here rather than
 * by a library that would leave copies of them behind, and wiped when it is freed. Hub thread. */
#ifndef AUTH_HTTP_QUESTION_H
#define AUTH_HTTP_QUESTION_H

#include <stdbool.h>
#include <stddef.h>

#include <wshub/wshub.h>

enum question_kind { QUESTION_AUTHENTICATE, QUESTION_REFRESH, QUESTION_AUTHORIZE };

struct question {
    char *text; /* not terminated */
    size_t length, capacity;
    size_t stable; /* behind that stands who asks this time: it does not matter to the answer */
    bool failed;   /* no memory */
};

/* What of a request is sent: names with blanks or commas between, "" for none. Borrowed. */
struct question_chosen {
    const char *headers, *cookies;
};

/* False: no memory, and nothing is kept. */
bool question_connect(struct question *question, enum question_kind kind,
                      const struct question_chosen *chosen, const struct wshub_request *request);
/* The verb is one that verb_name knows. */
bool question_operation(struct question *question, const struct wshub_operation *operation);
void question_free(struct question *question);

bool question_is_utf8(struct wshub_bytes bytes);
/* Does the request have one of these cookies? */
bool question_has_cookie(const struct question_chosen *chosen, const struct wshub_request *request);

#endif
