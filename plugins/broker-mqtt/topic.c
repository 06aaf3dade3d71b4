/* SPDX-License-Identifier: MIT */
#include "topic.h"

#include <string.h>

static const char registry[] = "$registry/", inbox[] = "$inbox/", group[] = "/%2F/";

/* How many bytes at `i` are to be escaped; 0: the one there stays. */
typedef size_t (*escapes_fn)(const unsigned char *at, size_t i, size_t length);

bool topic_is_prefix(const char *text, size_t length) {
    if (length == 0 || length > TOPIC_PREFIX_MOST || text[0] == '$') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        const bool edge = i == 0 || i + 1 == length || text[i - 1] == '/';
        if (text[i] <= ' ' || text[i] >= 0x7f || strchr("+#%", text[i]) || (text[i] == '/' && edge)) {
            return false;
        }
    }
    return true;
}

/* ---- escaping ---- */

static char *put_escaped(char *out, unsigned char byte) {
    static const char digits[] = "0123456789ABCDEF";
    *out++ = '%';
    *out++ = digits[byte >> 4];
    *out++ = digits[byte & 15];
    return out;
}

static char *escape(char *out, struct wshub_bytes text, escapes_fn escapes) {
    const unsigned char *at = text.data;
    for (size_t i = 0; i < text.length;) {
        size_t count = escapes(at, i, text.length);
        if (count == 0) {
            *out++ = (char)at[i++];
        }
        for (; count > 0; count--) {
            out = put_escaped(out, at[i++]);
        }
    }
    return out;
}

/* U+FDD0 to U+FDEF, and the last two code points of each plane: MQTT forbids them. */
static size_t noncharacter(const unsigned char *at, size_t left) {
    if (left >= 3 && at[0] == 0xEF) {
        const bool arabic = at[1] == 0xB7 && at[2] >= 0x90 && at[2] <= 0xAF;
        return arabic || (at[1] == 0xBF && at[2] >= 0xBE) ? 3 : 0;
    }
    return left >= 4 && at[0] >= 0xF0 && (at[1] & 0x0F) == 0x0F && at[2] == 0xBF && at[3] >= 0xBE ? 4 : 0;
}

static size_t channel_escapes(const unsigned char *at, size_t i, size_t length) {
    switch (at[i]) {
    case '%':
    case '+':
    case '#':
        return 1;
    case '$':
        return i == 0;
    case '/': /* stays between two levels that are not empty */
        return i == 0 || i + 1 == length || at[i - 1] == '/' || at[i + 1] == '/';
    default:
        return noncharacter(at + i, length - i);
    }
}

static size_t key_escapes(const unsigned char *at, size_t i, size_t length) {
    (void)length;
    return at[i] <= ' ' || at[i] >= 0x7f || strchr("%+#/", at[i]);
}

static size_t text_escapes(const unsigned char *at, size_t i, size_t length) {
    (void)length;
    return at[i] < ' ' || at[i] >= 0x7f || at[i] == '%';
}

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* At most `size` bytes. False: it does not fit, or there is a '%' that nobody has escaped. */
static bool unescape(const char *text, char *out, size_t size, size_t *length) {
    size_t n = 0;
    for (; *text; text++) {
        int c = (unsigned char)*text;
        if (c == '%') {
            int high = hex(text[1]), low = high < 0 ? -1 : hex(text[2]);
            if (low < 0) {
                return false;
            }
            c = high << 4 | low;
            text += 2;
        }
        if (n == size) {
            return false;
        }
        out[n++] = (char)c;
    }
    *length = n;
    return true;
}

void topic_escape_text(char *out, struct wshub_bytes text) {
    *escape(out, text, text_escapes) = 0;
}

bool topic_unescape_text(char *text, size_t *length) {
    return unescape(text, text, strlen(text), length);
}

/* ---- topics ---- */

static char *put(char *out, const void *data, size_t length) {
    memcpy(out, data, length);
    return out + length;
}

static char *put_prefix(char *out, struct wshub_bytes prefix, const char *tree) {
    out = put(out, prefix.data, prefix.length);
    *out++ = '/';
    return put(out, tree, strlen(tree));
}

/* ':' separates what '/' separates in a topic; a '/' of the key itself is escaped by then. */
static char *put_levels(char *out, struct wshub_bytes key) {
    char *end = escape(out, key, key_escapes);
    for (char *at = out; (at = memchr(at, ':', (size_t)(end - at)));) {
        *at = '/';
    }
    return end;
}

/* How many bytes stand before its first '/'; all when it has none. */
static size_t group_of(struct wshub_bytes key) {
    const char *slash = key.length ? memchr(key.data, '/', key.length) : NULL;
    return slash ? (size_t)(slash - (const char *)key.data) : key.length;
}

/* A further '/' stays within its level: servers allow some 200 of them. */
static char *put_key(char *out, struct wshub_bytes key) {
    const size_t length = group_of(key);
    out = put_levels(out, (struct wshub_bytes){key.data, length});
    if (length == key.length) {
        return out;
    }
    out = put(out, group, strlen(group));
    return put_levels(out,
                      (struct wshub_bytes){(const char *)key.data + length + 1, key.length - length - 1});
}

bool topic_of_channel(char *out, struct wshub_bytes prefix, struct wshub_bytes channel) {
    if (channel.length == 0 || channel.length > TOPIC_CHANNEL_MOST) {
        return false;
    }
    *escape(put_prefix(out, prefix, ""), channel, channel_escapes) = 0;
    return true;
}

bool topic_of_key(char *out, struct wshub_bytes prefix, struct wshub_bytes key) {
    if (key.length == 0 || key.length > TOPIC_KEY_MOST) {
        return false;
    }
    *put_key(put_prefix(out, prefix, registry), key) = 0;
    return true;
}

/* How many of its bytes end with the end of a level. */
static size_t whole_levels(struct wshub_bytes part) {
    const char *colon = part.length ? memrchr(part.data, ':', part.length) : NULL;
    const size_t levels = colon ? (size_t)(colon - (const char *)part.data) + 1 : 0, slash = group_of(part);
    return slash < part.length && slash + 1 > levels ? slash + 1 : levels;
}

bool topic_of_keys(char *out, struct wshub_bytes prefix, struct wshub_bytes part) {
    if (part.length > TOPIC_KEY_MOST) {
        return false;
    }
    part.length = whole_levels(part);
    strcpy(put_key(put_prefix(out, prefix, registry), part), "#");
    return true;
}

bool topic_of_inbox(char *out, struct wshub_bytes prefix, const char *client_id) {
    const struct wshub_bytes name = {client_id, strlen(client_id)};
    if (name.length > TOPIC_CHANNEL_MOST) {
        return false;
    }
    *escape(put_prefix(out, prefix, inbox), name, key_escapes) = 0;
    return true;
}

/* A list hears of every topic below its filter: one that is written otherwise than ours would be a second
 * entry for its key. */
static bool is_ours(const char *rest, struct wshub_bytes key) {
    char topic[TOPIC_SIZE];
    *put_key(topic, key) = 0;
    return strcmp(topic, rest) == 0;
}

static enum topic_kind read_key(const char *rest, char *name, size_t *length) {
    char colons[TOPIC_SIZE];
    if (*rest == 0 || strlen(rest) >= sizeof colons) {
        return TOPIC_FOREIGN;
    }
    strcpy(colons, rest);
    char *slash = strstr(colons, group);
    if (slash) { /* it is escaped, and no level of its own then */
        memmove(slash, slash + 1, strlen(slash));
        memmove(slash + 3, slash + 4, strlen(slash + 3));
    }
    for (char *at = colons; (at = strchr(at, '/'));) {
        *at = ':';
    }
    return unescape(colons, name, TOPIC_KEY_MOST, length) &&
                   is_ours(rest, (struct wshub_bytes){name, *length})
               ? TOPIC_KEY
               : TOPIC_FOREIGN;
}

enum topic_kind topic_read(const char *topic, struct wshub_bytes prefix, char *name, size_t *length) {
    if (strncmp(topic, prefix.data, prefix.length) != 0 || topic[prefix.length] != '/') {
        return TOPIC_FOREIGN;
    }
    const char *rest = topic + prefix.length + 1;
    if (strncmp(rest, registry, strlen(registry)) == 0) {
        return read_key(rest + strlen(registry), name, length);
    }
    if (rest[0] == '$') {
        return strncmp(rest, inbox, strlen(inbox)) == 0 ? TOPIC_INBOX : TOPIC_FOREIGN;
    }
    return unescape(rest, name, TOPIC_CHANNEL_MOST, length) && *length ? TOPIC_CHANNEL : TOPIC_FOREIGN;
}
