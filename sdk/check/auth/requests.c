// SPDX-License-Identifier: MIT
#include "auth/requests.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/report.h"
#include "config/tree.h"
#include "config/types.h"
#include "util/buf.h"
#include "wshub/auth.h"

// ---- a map of names and texts ----

static void expect_pairs(const struct key *key, struct buf *out) {
    (void)key;
    buf_puts(out, "a map of names and texts");
}

static bool read_pair(struct node *item, struct requests_pair *pair, struct report *report) {
    if (item->kind != NODE_TEXT) {
        report_expected(report, item, "a text");
        return false;
    }
    pair->name = strdup(item->key);
    pair->value = strdup(item->text);
    if (!pair->name || !pair->value) {
        report_no_memory(report);
    }
    return true;
}

static void read_pairs(const struct key *key, struct node *node, void *base, struct report *report) {
    struct requests_pairs *pairs = (struct requests_pairs *)(void *)((char *)base + key->offset);
    if (node->kind != NODE_MAP) {
        key_refuse(key, node, report);
        return;
    }
    pairs->items = calloc(node->count + 1, sizeof *pairs->items);
    if (!pairs->items) {
        report_no_memory(report);
        return;
    }
    for (struct node *item = node->first; item; item = item->next) {
        pairs->count += !item->refused && read_pair(item, &pairs->items[pairs->count], report);
    }
}

static const struct type type_pairs = {.read = read_pairs, .expect = expect_pairs};

// ---- an entry ----

static bool is_any(const char *text, const char **why) {
    (void)text;
    (void)why;
    return true;
}

static const struct form form_any = {.fits = is_any, .expected = "a text"};

static const struct word expectations[] = {
    {"yes", EXPECT_YES, false},   {"no", EXPECT_NO, false},           {"expired", EXPECT_EXPIRED, false},
    {"pass", EXPECT_PASS, false}, {"failure", EXPECT_FAILURE, false}, {0},
};
static const struct word sources[] = {
    {"header", WSHUB_TOKEN_HEADER, false},   {"query", WSHUB_TOKEN_QUERY, false},
    {"cookie", WSHUB_TOKEN_COOKIE, false},   {"subprotocol", WSHUB_TOKEN_SUBPROTOCOL, false},
    {"message", WSHUB_TOKEN_MESSAGE, false}, {0},
};
static const struct word verbs[] = {
    {"subscribe", WSHUB_VERB_SUBSCRIBE, false}, {"publish", WSHUB_VERB_PUBLISH, false},
    {"presence", WSHUB_VERB_PRESENCE, false},   {"history", WSHUB_VERB_HISTORY, false},
    {"send", WSHUB_VERB_SEND, false},           {0},
};

#define AT(member) .offset = offsetof(struct requests_entry, member)
#define TEXT(member, words) \
    { #member, &type_text, AT(member), .form = &form_any, .help = words }
#define CLIENT                                                                                               \
    TEXT(token, "what the client shows"), {"source",         &type_word,                                     \
                                           AT(source),       .fallback = "header",                           \
                                           .words = sources, .help = "where the token was found"},           \
        {"headers", &type_pairs, AT(headers), .help = "more of them, name: value"},                          \
        {"cookies", &type_pairs, AT(cookies), .help = "name: value"}, TEXT(path, "of the request"),          \
        TEXT(query, "without its question mark"), TEXT(address, "the client's"),                             \
        TEXT(protocol, "the client's, wshub.json.v1"),                                                       \
        {"subprotocols",    &type_texts, AT(subprotocols),                                                   \
         .form = &form_any, .high = 64,  .help = "that the client offers"},                                  \
        {"expect", &type_word, AT(expect), .words = expectations, .required = true, .help = "the decision"}, \
        {"changed", &type_word, AT(changed), .words = expectations, .help = "after reload.change"},          \
        {"away", &type_word, AT(away), .words = expectations, .help = "without its backend"},                \
        TEXT(user, "who that is, \"\" for nobody")

const struct key requests_keys[] = {CLIENT, {0}};
const struct key requests_authorize_keys[] = {
    CLIENT,
    {"verb", &type_word, AT(verb), .words = verbs, .required = true, .help = "what the client wants to do"},
    {"name", &type_text, AT(name), .form = &form_any, .required = true,
     .help = "the channel, or the user to send to"},
    TEXT(data, "the payload, JSON"),
    {0},
};

// ---- a list of them ----

static void expect_entries(const struct key *key, struct buf *out) {
    buf_puts(out, "a list of entries {");
    for (const struct key *inner = key->keys; inner->name; inner++) {
        buf_printf(out, "%s%s", inner == key->keys ? "" : ", ", inner->name);
    }
    buf_puts(out, "}");
}

static void read_entry(const struct key *key, struct node *node, struct requests_entry *entry,
                       struct report *report) {
    entry->line = node->line;
    if (node->refused) {
        return;
    }
    if (node->kind != NODE_MAP) {
        report_expected(report, node, "an entry such as {token: abc, expect: yes, user: \"42\"}");
        return;
    }
    keys_read(key->keys, node, entry, report);
}

static void read_requests(const struct key *key, struct node *node, void *base, struct report *report) {
    struct requests *requests = (struct requests *)(void *)((char *)base + key->offset);
    if (node->kind != NODE_LIST || node->count > key->high) {
        key_refuse(key, node, report);
        return;
    }
    requests->items = calloc(node->count + 1, sizeof *requests->items);
    if (!requests->items) {
        report_no_memory(report);
        return;
    }
    for (struct node *item = node->first; item; item = item->next) {
        read_entry(key, item, &requests->items[requests->count++], report);
    }
}

const struct type type_requests = {.read = read_requests, .expect = expect_entries};

// ---- the end ----

static void free_pairs(struct requests_pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        free(pairs->items[i].value);
    }
    free(pairs->items);
}

static void free_entry(struct requests_entry *entry) {
    char *const texts[] = {entry->token,    entry->path, entry->query, entry->address,
                           entry->protocol, entry->user, entry->name,  entry->data};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        free(texts[i]);
    }
    for (size_t i = 0; i < entry->subprotocols.count; i++) {
        free(entry->subprotocols.items[i]);
    }
    free(entry->subprotocols.items);
    free_pairs(&entry->headers);
    free_pairs(&entry->cookies);
}

void requests_free(struct requests *requests) {
    for (size_t i = 0; i < requests->count; i++) {
        free_entry(&requests->items[i]);
    }
    free(requests->items);
    *requests = (struct requests){0};
}
