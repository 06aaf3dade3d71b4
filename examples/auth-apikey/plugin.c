/* SPDX-License-Identifier: MIT
 * An allow-list: lets in who shows an API key whose SHA-256 stands in a file, a line for each:
 *
 *     2c26b46b68ff...  robot  subscribe+publish:room:* subscribe:news:*
 *
 * The file may be edited or replaced while the hub runs. One with an error changes nothing. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <wshub/wshub.h>

/* All is read, and compared with at every login, on the hub thread: a larger list belongs into a database. */
enum { FILE_MOST = 1024 * 1024, KEYS_MOST = 4096, GRANTS_MOST = 16384, GRANTS_OF_A_KEY = 1024 };

struct key {
    unsigned char digest[32];
    char id[17]; /* the first 16 hex digits of it: they name the key, and do not give it away */
    const char *user;
    const struct wshub_grant *grants;
    size_t grant_count;
};

struct table { /* does not change once it is read; most of its pages are never touched */
    size_t count, grant_count;
    struct key keys[KEYS_MOST];
    struct wshub_grant grants[GRANTS_MOST]; /* of all keys */
    char text[FILE_MOST + 1];               /* what users and patterns point into */
};

struct apikey {
    const struct wshub_host *host;
    const char *path, *header;
    struct table *table;
    struct wshub_timer *timer;
    struct stat seen, taken; /* at the last look; of what was read. All 0: there is none */
};

/* ---- a line: each function gives NULL, or what it expected ---- */

/* Cuts off the first word; NULL: there is none. */
static char *cut(char **rest, const char *between) {
    char *word = *rest + strspn(*rest, between);
    char *end = word + strcspn(word, between);
    *rest = *end ? end + 1 : end;
    *end = '\0';
    return *word ? word : NULL;
}

static const char *read_digest(struct key *key, const char *word) {
    if (strlen(word) != 64 || strspn(word, "0123456789abcdef") != 64) {
        return "expected the SHA-256 of a key first, 64 hex digits in lower case";
    }
    for (size_t i = 0; i < sizeof key->digest; i++) {
        const char pair[] = {word[2 * i], word[2 * i + 1], '\0'};
        key->digest[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    memcpy(key->id, word, sizeof key->id - 1);
    return NULL;
}

static bool is_name(const char *word) { /* a part of what the hub takes, without a thought to UTF-8 */
    size_t length = 0;
    while (word[length] > ' ' && word[length] <= '~') {
        length++;
    }
    return word[length] == '\0' && length >= 1 && length <= 255;
}

static uint32_t verb_of(const char *word) {
    static const char *const names[] = {"subscribe", "publish", "presence", "history", "send"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(word, names[i]) == 0) {
            return UINT32_C(1) << i; /* in the order of enum wshub_verb */
        }
    }
    return 0;
}

static const char *read_grant(struct wshub_grant *grant, char *word) {
    char *colon = strchr(word, ':');
    if (!colon || !is_name(colon + 1)) {
        return "expected verbs:pattern for each grant, as in subscribe+publish:room:*";
    }
    grant->pattern = (struct wshub_bytes){colon + 1, strlen(colon + 1)};
    *colon = '\0';
    for (char *name; (name = cut(&word, "+")) != NULL;) {
        uint32_t verb = verb_of(name);
        if (verb == 0) {
            return "expected verbs out of subscribe, publish, presence, history and send";
        }
        grant->verbs |= verb;
    }
    return grant->verbs != 0 ? NULL : "expected a verb before the colon";
}

static const char *read_line(struct table *table, char *rest) {
    const char *digest = cut(&rest, " \t\r"), *user = cut(&rest, " \t\r"), *error;
    if (!digest || digest[0] == '#') {
        return NULL;
    }
    if (table->count == KEYS_MOST) {
        return "expected at most 4096 keys";
    }
    struct key *key = &table->keys[table->count++];
    *key = (struct key){.user = user, .grants = table->grants + table->grant_count};
    if ((error = read_digest(key, digest)) != NULL) {
        return error;
    }
    if (!user || !is_name(user)) {
        return "expected a user behind the hash, at most 255 printable characters of ASCII";
    }
    for (char *word; (word = cut(&rest, " \t\r")) != NULL; key->grant_count++) {
        if (key->grant_count == GRANTS_OF_A_KEY || table->grant_count == GRANTS_MOST) {
            return "expected at most 1024 grants for a key, and 16384 in all";
        }
        if ((error = read_grant(&table->grants[table->grant_count++], word)) != NULL) {
            return error;
        }
    }
    return NULL;
}

/* ---- the file ---- */

static const char *load(struct table *table, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO shall not hold up the hub */
    ssize_t got = fd < 0 ? -1 : read(fd, table->text, sizeof table->text);
    bool unfit = got > FILE_MOST || (got >= 0 && strlen(table->text) < (size_t)got);
    const char *error = got < 0 ? strerror(errno)
                        : unfit ? "expected at most 1 MiB, without NUL bytes"
                                : NULL;
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static const char *read_lines(struct table *table, unsigned *line) {
    const char *error = NULL;
    for (char *rest = table->text, *end; *rest && !error; rest = end) {
        end = rest + strcspn(rest, "\n");
        if (*end) {
            *end++ = '\0';
        }
        ++*line;
        error = read_line(table, rest);
    }
    return error;
}

/* NULL: `why` says what is wrong, and in which line. */
static struct table *table_read(const char *path, char *why, size_t size) {
    unsigned line = 0;
    struct table *table = calloc(1, sizeof *table);
    const char *error = table ? load(table, path) : strerror(errno);
    error = error ? error : read_lines(table, &line);
    if (error) {
        line > 0 ? snprintf(why, size, "line %u: %s", line, error) : snprintf(why, size, "%s", error);
        free(table);
        return NULL;
    }
    return table;
}

/* NULL in *found: there is none such. Goes to the table's end in any case: how long it takes tells nothing of
 * what is in it. False: no memory. */
static bool table_find(const struct table *table, struct wshub_bytes secret, const struct key **found) {
    unsigned char digest[32];
    *found = NULL;
    bool hashed = EVP_Digest(secret.data, secret.length, digest, NULL, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; hashed && i < table->count; i++) {
        *found = CRYPTO_memcmp(table->keys[i].digest, digest, sizeof digest) == 0 ? &table->keys[i] : *found;
    }
    return hashed;
}

/* ---- the file as it changes. It is looked at now and then: unlike inotify, that sees through symbolic
 * links, and on every file system ---- */

static struct stat stat_of(const char *path) {
    struct stat it;
    return stat(path, &it) == 0 ? it : (struct stat){0};
}

static bool same(const struct stat *one, const struct stat *other) {
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
           one->st_ctim.tv_sec == other->st_ctim.tv_sec && one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

/* A file that cannot be used leaves everything as it was. */
static void take(void *self) {
    struct apikey *apikey = self;
    char why[160], text[512];
    apikey->taken = apikey->seen = stat_of(apikey->path);
    struct table *table = table_read(apikey->path, why, sizeof why);
    if (table) {
        free(apikey->table);
        apikey->table = table;
        snprintf(why, sizeof why, "%zu keys", table->count);
    }
    snprintf(text, sizeof text, "%.300s: %s%s", apikey->path, why,
             !table && apikey->table ? "; the keys of before stay" : "");
    apikey->host->log(apikey->host->self, table ? WSHUB_LOG_INFO : WSHUB_LOG_ERROR, text);
}

/* Takes what is new once it looks the same twice: then nobody is in the middle of writing it. */
static void look(void *context) {
    struct apikey *apikey = context;
    struct stat now = stat_of(apikey->path);
    if (same(&now, &apikey->seen) && !same(&now, &apikey->taken)) {
        take(apikey);
    }
    apikey->seen = now;
    apikey->host->timer_start(apikey->host->self, apikey->timer, 500);
}

/* ---- who is this? ---- */

/* `unknown`: what becomes of a key that is not in the table. */
static int settle(const struct apikey *apikey, struct wshub_bytes secret, int unknown, wshub_token token) {
    const struct wshub_host *host = apikey->host;
    const struct key *key = NULL;
    if (secret.length > 0 && !table_find(apikey->table, secret, &key)) {
        return WSHUB_NO_MEMORY; /* which lets nobody in, nor asks the next plugin */
    }
    if (!key) {
        host->explain(host->self, token, "unknown API key");
        return unknown;
    }
    const struct wshub_identity identity = {
        .struct_size = sizeof identity,
        .user = {key->user, strlen(key->user)},
        .token_id = {key->id, strlen(key->id)},
        .grants = key->grants,
        .grant_count = key->grant_count,
    };
    int status = host->identify(host->self, token, &identity);
    if (status == WSHUB_OK) {
        host->complete(host->self, token, WSHUB_OK);
    }
    return status;
}

/* The header is for this plugin alone. A token that it does not know may be for another one of the chain. */
static int apikey_authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    const struct apikey *apikey = self;
    for (uint64_t i = 0; i < request->header_count; i++) {
        const struct wshub_pair *header = &request->headers[i];
        if (header->name.length == strlen(apikey->header) &&
            strncasecmp(header->name.data, apikey->header, header->name.length) == 0) {
            return settle(apikey, header->value, WSHUB_DENIED, token);
        }
    }
    return settle(apikey, request->token, WSHUB_PASS, token);
}

/* A new token counts, whatever header there was at the handshake. */
static int apikey_refresh(void *self, const struct wshub_request *request, wshub_token token) {
    int status = request->token.length > 0 ? settle(self, request->token, WSHUB_PASS, token)
                                           : apikey_authenticate(self, request, token);
    return status == WSHUB_PASS ? WSHUB_DENIED : status;
}

/* ---- life ---- */

static int apikey_check(const struct wshub_host *host) {
    char why[160], text[256];
    struct table *table = table_read(host->option_text(host->self, "file"), why, sizeof why);
    if (!table) {
        snprintf(text, sizeof text, "a file of API keys, which this is not: %s", why);
        host->option_refuse(host->self, "file", text);
        return WSHUB_INVALID;
    }
    free(table);
    return WSHUB_OK;
}

static void apikey_close(void *self) {
    struct apikey *apikey = self;
    apikey->host->timer_free(apikey->host->self, apikey->timer);
    free(apikey->table);
    free(apikey);
}

static int apikey_open(const struct wshub_host *host, void **self) {
    struct apikey *apikey = calloc(1, sizeof *apikey);
    if (!apikey) {
        return WSHUB_NO_MEMORY;
    }
    apikey->host = host;
    apikey->path = host->option_text(host->self, "file");
    apikey->header = host->option_text(host->self, "header");
    apikey->timer = host->timer_new(host->self, look, apikey);
    if (apikey->timer) {
        take(apikey);
    }
    if (!apikey->table) {
        int status = apikey->timer ? WSHUB_INVALID : WSHUB_NO_MEMORY;
        apikey_close(apikey);
        return status;
    }
    look(apikey);
    *self = apikey;
    return WSHUB_OK;
}

static const struct wshub_option options[] = {
    {"file", "the API keys: a line for each, with SHA-256, user and grants", NULL, NULL, WSHUB_OPTION_TEXT,
     WSHUB_OPTION_REQUIRED, 0, 0},
    {"header", "where a key may stand, beside the token", "x-api-key", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
};

static const struct wshub_auth auth = {
    .struct_size = sizeof auth,
    .check = apikey_check,
    .open = apikey_open,
    .close = apikey_close,
    .authenticate = apikey_authenticate,
    .refresh = apikey_refresh,
    .reload = take,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 2,
    .struct_size = sizeof plugin,
    .name = "apikey",
    .version = "0.1",
    .summary = "an allow-list of API keys in a file",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .auth = &auth,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
