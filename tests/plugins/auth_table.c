/* SPDX-License-Identifier: MIT
 * An auth plugin for tests that answers what a file says. The file is read anew for each question, so that a
 * test changes the answers by writing it. One line for each answer, the first that fits counts:
 *
 *     token TOKEN ANSWER [word=value...]               who shows this token; `-` shows none
 *     operation USER VERB CHANNEL ANSWER [word=value]  what authorize says; `*` is any user or channel
 *
 * ANSWER is yes, no, expired, pass, fail, or never. Words: after (ms, then it comes from a timer), user, id,
 * info, expires (ms from now), issued (ms since 1970), explain; ask (verbs); grant and exact (verbs:pattern).
 * Verbs are letters: s subscribe, p publish, r presence, h history, m send. There are no blanks in a value.
 * What no line fits: a token is refused, none at all is passed on, an operation is denied. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wshub/wshub.h"

enum { LINE_MAX = 2048, GRANTS_MAX = 16, WORDS_MAX = 32 };

struct delayed { /* an answer on its way */
    struct table *table;
    struct delayed *previous, *next;
    struct wshub_timer *timer;
    wshub_token token;
    int status;
};

struct table {
    const struct wshub_host *host;
    const char *file;
    struct delayed *delayed;
};

struct line { /* of the file, cut into words */
    char text[LINE_MAX];
    const char *words[WORDS_MAX];
    size_t count;
};

/* ---- the file ---- */

static void cut(struct line *line) {
    char *rest = NULL;
    line->count = 0;
    for (char *word = strtok_r(line->text, " \n", &rest); word && line->count < WORDS_MAX;
         word = strtok_r(NULL, " \n", &rest)) {
        line->words[line->count++] = word;
    }
}

static bool is(const char *word, struct wshub_bytes bytes) {
    return strlen(word) == bytes.length && memcmp(word, bytes.data, bytes.length) == 0;
}

static bool is_or_any(const char *word, struct wshub_bytes bytes) {
    return strcmp(word, "*") == 0 || is(word, bytes);
}

/* Finds the first line that begins with `kind` and fits. Its answer stands at the returned place; 0: none. */
static size_t find(const struct table *table, struct line *line, const char *kind,
                   size_t (*fits)(const struct line *line, const void *question), const void *question) {
    FILE *file = fopen(table->file, "re");
    size_t answer = 0;
    while (file && answer == 0 && fgets(line->text, sizeof line->text, file)) {
        cut(line);
        if (line->count > 0 && strcmp(line->words[0], kind) == 0) {
            answer = fits(line, question);
        }
    }
    if (file) {
        fclose(file);
    }
    return answer < line->count ? answer : 0;
}

static const char *value_of(const struct line *line, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < line->count; i++) {
        if (strncmp(line->words[i], name, length) == 0 && line->words[i][length] == '=') {
            return line->words[i] + length + 1;
        }
    }
    return NULL;
}

static uint64_t number_of(const struct line *line, const char *name) {
    const char *value = value_of(line, name);
    return value ? strtoull(value, NULL, 10) : 0;
}

static struct wshub_bytes bytes_of(const struct line *line, const char *name) {
    const char *value = value_of(line, name);
    return (struct wshub_bytes){value, value ? strlen(value) : 0};
}

/* ---- answers ---- */

static int status_of(const char *answer) {
    static const struct {
        const char *word;
        int status;
    } words[] = {{"yes", WSHUB_OK},    {"no", WSHUB_DENIED},        {"expired", WSHUB_EXPIRED},
                 {"pass", WSHUB_PASS}, {"fail", WSHUB_UNAVAILABLE}, {"never", WSHUB_OK}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].word, answer) == 0) {
            return words[i].status;
        }
    }
    return WSHUB_INTERNAL;
}

static void forget(struct delayed *delayed) {
    *(delayed->previous ? &delayed->previous->next : &delayed->table->delayed) = delayed->next;
    if (delayed->next) {
        delayed->next->previous = delayed->previous;
    }
    delayed->table->host->timer_free(delayed->table->host->self, delayed->timer);
    free(delayed);
}

static void on_timer(void *context) {
    struct delayed *delayed = context;
    const struct wshub_host *host = delayed->table->host;
    wshub_token token = delayed->token;
    int status = delayed->status;
    forget(delayed);
    host->complete(host->self, token, status);
}

static int answer_later(struct table *table, wshub_token token, int status, uint64_t after) {
    struct delayed *delayed = calloc(1, sizeof *delayed);
    if (!delayed) {
        return WSHUB_NO_MEMORY;
    }
    *delayed = (struct delayed){.table = table, .next = table->delayed, .token = token, .status = status};
    delayed->timer = table->host->timer_new(table->host->self, on_timer, delayed);
    if (!delayed->timer) {
        free(delayed);
        return WSHUB_NO_MEMORY;
    }
    if (table->delayed) {
        table->delayed->previous = delayed;
    }
    table->delayed = delayed;
    table->host->timer_start(table->host->self, delayed->timer, after);
    return WSHUB_OK;
}

static int answer(struct table *table, const struct line *line, size_t at, wshub_token token) {
    const struct wshub_host *host = table->host;
    int status = status_of(line->words[at]);
    uint64_t after = number_of(line, "after");
    const char *explanation = value_of(line, "explain");
    if (explanation) {
        host->explain(host->self, token, explanation);
    }
    if (strcmp(line->words[at], "never") == 0) {
        return WSHUB_OK;
    }
    if (after > 0) {
        return answer_later(table, token, status, after);
    }
    if (status != WSHUB_OK) {
        return status;
    }
    host->complete(host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

/* ---- who ---- */

static uint32_t verbs_of(const char *letters) {
    static const char all[] = "sprhm"; /* in the order of their bits */
    uint32_t verbs = 0;
    for (; letters && *letters && *letters != ':'; letters++) {
        const char *found = strchr(all, *letters);
        verbs |= found ? UINT32_C(1) << (found - all) : 0;
    }
    return verbs;
}

static uint64_t put_grants(const struct line *line, struct wshub_grant grants[GRANTS_MAX]) {
    uint64_t count = 0;
    for (size_t i = 0; i < line->count && count < GRANTS_MAX; i++) {
        const char *word = line->words[i];
        bool exact = strncmp(word, "exact=", 6) == 0;
        const char *colon = strchr(word, ':');
        if (colon && (exact || strncmp(word, "grant=", 6) == 0)) {
            grants[count++] = (struct wshub_grant){
                .pattern = {colon + 1, strlen(colon + 1)},
                .verbs = verbs_of(word + 6),
                .flags = exact ? WSHUB_GRANT_EXACT : 0,
            };
        }
    }
    return count;
}

static int identify(const struct table *table, const struct line *line, wshub_token token) {
    struct wshub_grant grants[GRANTS_MAX];
    struct timespec now;
    uint64_t expires = number_of(line, "expires");
    clock_gettime(CLOCK_REALTIME, &now);
    const struct wshub_identity identity = {
        .struct_size = sizeof identity,
        .ask = verbs_of(value_of(line, "ask")),
        .user = bytes_of(line, "user"),
        .token_id = bytes_of(line, "id"),
        .info = bytes_of(line, "info"),
        .issued = number_of(line, "issued"),
        .expires = expires ? (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + expires : 0,
        .grants = grants,
        .grant_count = put_grants(line, grants),
    };
    return table->host->identify(table->host->self, token, &identity);
}

static size_t fits_token(const struct line *line, const void *question) {
    const struct wshub_bytes *token = question;
    bool fits = line->count > 1 &&
                (token->length > 0 ? is(line->words[1], *token) : strcmp(line->words[1], "-") == 0);
    return fits ? 2 : 0;
}

/* What it saw of the request, without what is secret. */
static void tell(const struct table *table, const char *slot, const struct wshub_request *request) {
    char text[512];
    snprintf(text, sizeof text, "%s source=%u cookies=%u headers=%u address=%.*s protocol=%.*s", slot,
             request->token_source, (unsigned)request->cookie_count, (unsigned)request->header_count,
             (int)request->address.length, (const char *)request->address.data, (int)request->protocol.length,
             (const char *)request->protocol.data);
    table->host->log(table->host->self, WSHUB_LOG_INFO, text);
}

static int decide(struct table *table, const struct wshub_request *request, wshub_token token) {
    struct line line = {.count = 0};
    size_t at = find(table, &line, "token", fits_token, &request->token);
    if (at == 0) {
        return request->token.length > 0 ? WSHUB_DENIED : WSHUB_PASS;
    }
    if (status_of(line.words[at]) == WSHUB_OK) {
        int told = identify(table, &line, token);
        if (told != WSHUB_OK) {
            return told;
        }
    }
    return answer(table, &line, at, token);
}

static int on_authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    tell(self, "authenticate", request);
    return decide(self, request, token);
}

static int on_refresh(void *self, const struct wshub_request *request, wshub_token token) {
    tell(self, "refresh", request);
    return decide(self, request, token);
}

/* ---- may it? ---- */

static size_t fits_operation(const struct line *line, const void *question) {
    const struct wshub_operation *operation = question;
    bool fits = line->count > 3 && is_or_any(line->words[1], operation->user) &&
                (verbs_of(line->words[2]) & operation->verb) && is_or_any(line->words[3], operation->name);
    return fits ? 4 : 0;
}

static int on_authorize(void *self, const struct wshub_operation *operation, wshub_token token) {
    struct table *table = self;
    struct line line = {.count = 0};
    char text[512];
    snprintf(text, sizeof text, "authorize verb=%u name=%.*s", operation->verb, (int)operation->name.length,
             (const char *)operation->name.data);
    table->host->log(table->host->self, WSHUB_LOG_INFO, text);
    size_t at = find(table, &line, "operation", fits_operation, operation);
    return at == 0 ? WSHUB_DENIED : answer(table, &line, at, token);
}

/* ---- life ---- */

static int on_open(const struct wshub_host *host, void **self) {
    struct table *table = calloc(1, sizeof *table);
    if (!table) {
        return WSHUB_NO_MEMORY;
    }
    table->host = host;
    table->file = host->option_text(host->self, "file");
    *self = table;
    return WSHUB_OK;
}

static void on_close(void *self) {
    struct table *table = self;
    while (table->delayed) {
        forget(table->delayed);
    }
    free(table);
}

static const struct wshub_option options[] = {
    {.name = "file", .help = "what it answers", .type = WSHUB_OPTION_TEXT, .flags = WSHUB_OPTION_REQUIRED},
};

static const struct wshub_auth auth = {
    .struct_size = sizeof auth,
    .open = on_open,
    .close = on_close,
    .authenticate = on_authenticate,
    .refresh = on_refresh,
    .authorize = on_authorize,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    static const struct wshub_plugin plugin = {
        .magic = WSHUB_PLUGIN_MAGIC,
        .abi_major = 1,
        .abi_minor = 2,
        .struct_size = sizeof plugin,
        .name = PLUGIN_NAME,
        .version = "1.0",
        .summary = "lets in whom a file lists, for tests",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .option_size = sizeof *options,
        .auth = &auth,
    };
    return &plugin;
}
