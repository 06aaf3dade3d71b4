/* SPDX-License-Identifier: MIT
 * An auth plugin that does everything right, for plugins that do one thing wrong: a table of tokens, and a
 * file of more. A bad plugin is a file of a few lines, which ends with
 *
 *     BAD(what it changes of `ways`, `base_auth` or `base_plugin`)
 *
 * Slots copy what they are given into a work, and a timer runs the works, a few at a time: so decisions come
 * later, as they do from a real one. With the option `backend` each work asks it first (backend.c).
 * Everything belongs to the hub thread. */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wshub/wshub.h"

enum slot { AUTHENTICATE, REFRESH, AUTHORIZE };

struct work { /* what a slot was given, copied; terminated */
    struct work *next;
    struct instance *instance;
    enum slot slot;
    wshub_token token;
    uint32_t verb;
    struct wshub_bytes shown; /* the client's token */
    struct wshub_bytes user, name;
    int answer; /* of the backend */
    int fd;
    struct wshub_watch *watch;
    struct wshub_timer *timer;
    size_t heard;
    size_t size; /* of bytes */
    char bytes[];
};

struct entry { /* a token that is known */
    const char *token, *user;
    int status;
    uint32_t ask;
};

struct instance { /* one hub that has opened this plugin */
    const struct wshub_host *host;
    struct wshub_timer *timer;
    struct work *works, **end; /* in the order of the slots */
    struct work *asking;       /* those that wait for the backend */
    struct entry *entries;     /* of the file */
    size_t count;
    void *extra; /* of a bad plugin */
};

/* How it does what it does; at first, right. */
struct ways {
    const struct entry *(*find)(struct instance *instance, struct wshub_bytes token);
    int (*decide)(struct instance *instance, struct work *work);
    /* Says who it is, of this entry; a status. */
    int (*identify)(struct instance *instance, struct work *work, const struct entry *entry);
    void (*complete)(struct instance *instance, struct work *work, int status);
    void (*forget)(struct work *work); /* frees it */
    int (*read)(struct instance *instance);
    void (*on_answer)(struct work *work, int status); /* of the backend */
    uint64_t patience;                                /* with it, in percent of the host's timeout */
};
extern struct ways ways;

extern struct wshub_option base_options[5];
extern struct wshub_auth base_auth;
extern struct wshub_plugin base_plugin; /* BAD gives it its name */

/* ---- base.c: slots and works ---- */

int base_check(const struct wshub_host *host);
int base_open(const struct wshub_host *host, void **self);
void base_close(void *self);
int base_authenticate(void *self, const struct wshub_request *request, wshub_token token);
int base_refresh(void *self, const struct wshub_request *request, wshub_token token);
int base_authorize(void *self, const struct wshub_operation *operation, wshub_token token);
void base_reload(void *self);

int base_decide(struct instance *instance, struct work *work);
int base_identify(struct instance *instance, struct work *work, const struct entry *entry);
/* The same, changed by `change` before it is told. */
int base_identify_as(struct instance *instance, struct work *work, const struct entry *entry,
                     void (*change)(struct wshub_identity *identity));
void base_complete(struct instance *instance, struct work *work, int status);
void base_forget(struct work *work); /* overwrites it first */
void base_run(struct instance *instance);
void base_queue(struct instance *instance, struct work *work);

/* ---- table.c: who is known ---- */

const struct entry *table_find(struct instance *instance, struct wshub_bytes token);
const struct entry *table_next(struct instance *instance, const struct entry *entry); /* NULL: the first */
int table_read(struct instance *instance);
void table_free(struct instance *instance);

/* ---- backend.c: asks another program, which answers "ok\n" to whoever connects ---- */

/* A status, or WSHUB_OK: then ways.on_answer is called. */
int backend_ask(struct instance *instance, struct work *work);
void backend_end(struct work *work);
bool backend_is_address(const char *text);

/* ---- for those that are wrong now and then ---- */

struct wshub_bytes base_bytes(const char *text);
bool base_is(struct wshub_bytes bytes, const char *text);
void base_sleep(unsigned milliseconds);
void base_log(struct instance *instance, const char *text);

#define BAD(what)                                         \
    __attribute__((constructor)) static void bad(void) {  \
        base_plugin.name = PLUGIN_NAME;                   \
        what;                                             \
    }                                                     \
    const struct wshub_plugin *wshub_plugin_entry(void) { \
        return &base_plugin;                              \
    }

#endif
