// SPDX-License-Identifier: MIT
#include "config/environment.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "config/report.h"
#include "config/tree.h"
#include "util/buf.h"

enum { NAME_MAX_LENGTH = 128 };

// The length of the NAME at `text`, 0 for none.
static size_t name_length(const char *text) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    if (text[0] >= '0' && text[0] <= '9') {
        return 0;
    }
    size_t length = strspn(text, letters);
    return length <= NAME_MAX_LENGTH ? length : 0;
}

static bool remember(struct node *node, const char *name, struct report *report) {
    if (!node->variable) {
        node->variable = strdup(name);
    }
    if (!node->variable) {
        report_no_memory(report);
    }
    return node->variable != NULL;
}

// `text` stands behind "${". Returns where the value goes on behind "}", NULL for a refusal. What stood
// between the braces is only shown when it is a name: a password may hold "${" by chance.
static const char *put_variable(struct buf *out, const char *text, struct node *node, struct report *report) {
    size_t length = name_length(text);
    if (length == 0 || text[length] != '}') {
        report_value(report, node,
                     "found ${ without a name and }, expected ${NAME}, or $${ for the characters");
        return NULL;
    }
    char name[NAME_MAX_LENGTH + 1];
    memcpy(name, text, length);
    name[length] = '\0';
    const char *value = getenv(name);
    if (!value) {
        report_value(report, node, "found ${%s}, expected it to be set in the environment", name);
        return NULL;
    }
    if (u8_check((const uint8_t *)value, strlen(value))) {
        report_value(report, node, "found bytes in ${%s} that are no text, expected UTF-8", name);
        return NULL;
    }
    buf_puts(out, value);
    return remember(node, name, report) ? text + length + 1 : NULL;
}

static bool expand(struct buf *out, struct node *node, struct report *report) {
    const char *text = node->text;
    while (text && *text) {
        size_t before = strcspn(text, "$");
        buf_append(out, text, before);
        text += before;
        if (text[0] == '$' && text[1] == '{') {
            text = put_variable(out, text + 2, node, report);
        } else if (text[0] == '$') {
            buf_puts(out, "$");
            text += text[1] == '$' ? 2 : 1;
        }
    }
    return text != NULL;
}

static void substitute(struct node *node, struct report *report) {
    struct buf out = {0};
    if (expand(&out, node, report)) {
        buf_append(&out, "", 1);
        if (out.failed) {
            report_no_memory(report);
        } else {
            free(node->text);
            node->text = out.data;
            return;
        }
    }
    buf_free(&out);
}

void environment_substitute(struct node *root, struct report *report) {
    if (root->kind == NODE_TEXT && !root->refused && strchr(root->text, '$')) {
        substitute(root, report);
    }
    for (struct node *item = root->first; item; item = item->next) {
        environment_substitute(item, report);
    }
}
