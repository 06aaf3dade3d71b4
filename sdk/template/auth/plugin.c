/* SPDX-License-Identifier: MIT
 * Lets in who shows the one token of the option `token`.
 * Put your own decision into `find_user`, and your plugin's name in place of my-auth, in all files. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <wshub/wshub.h>

struct my_auth {
    const struct wshub_host *host;
    const char *token, *user; /* of the configuration; they live as long as the plugin is open */
};

static struct wshub_bytes bytes_of(const char *text) {
    struct wshub_bytes bytes = {text, strlen(text)};
    return bytes;
}

/* In the same time, wherever they differ: how long it takes tells nothing of the secret. */
static bool is_equal(struct wshub_bytes shown, struct wshub_bytes secret) {
    const unsigned char *a = shown.data, *b = secret.data;
    unsigned difference = 0;
    size_t i;
    if (shown.length != secret.length) {
        return false;
    }
    for (i = 0; i < secret.length; i++) {
        difference |= (unsigned)(a[i] ^ b[i]);
    }
    return difference == 0;
}

/* Yours: a look into a table or a file that was read before. It must not block: whoever has to ask somebody
 * else returns WSHUB_OK, and completes the token when the answer is there. NULL: nobody that is known. */
static const char *find_user(const struct my_auth *my_auth, const struct wshub_request *request) {
    return is_equal(request->token, bytes_of(my_auth->token)) ? my_auth->user : NULL;
}

static int my_auth_authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    static const struct wshub_grant grants[] = {
        {{"room:*", 6}, WSHUB_VERB_SUBSCRIBE | WSHUB_VERB_PUBLISH, 0}, /* `*`: any bytes */
        {{"of:{user}", 9}, WSHUB_VERB_SUBSCRIBE, 0},                   /* `{user}`: "of:alice" */
    };
    const struct my_auth *my_auth = self;
    const struct wshub_host *host = my_auth->host;
    struct wshub_identity identity = {0};
    const char *user = find_user(my_auth, request);
    int status;
    if (request->token.length == 0) {
        return WSHUB_PASS; /* it shows nothing that this plugin knows: perhaps the next one of `auth:` does */
    }
    if (!user) {
        host->explain(host->self, token, "not the token of the option token"); /* for the log; no secrets */
        return WSHUB_DENIED;
    }
    identity.struct_size = sizeof identity;
    identity.user = bytes_of(user);
    identity.grants = grants;
    identity.grant_count = sizeof grants / sizeof grants[0];
    status = host->identify(host->self, token, &identity);
    if (status == WSHUB_OK) {
        host->complete(host->self, token, WSHUB_OK);
    }
    return status; /* one or the other: an error is returned, and then the token is not completed */
}

/* Options that are well formed and still make no sense. `wshub check` ends here. */
static int my_auth_check(const struct wshub_host *host) {
    if (strlen(host->option_text(host->self, "token")) < 16) {
        host->option_refuse(host->self, "token", "at least 16 characters");
        return WSHUB_INVALID;
    }
    return WSHUB_OK;
}

static int my_auth_open(const struct wshub_host *host, void **self) {
    struct my_auth *my_auth;
    if (my_auth_check(host) != WSHUB_OK) {
        return WSHUB_INVALID;
    }
    my_auth = calloc(1, sizeof *my_auth);
    if (!my_auth) {
        return WSHUB_NO_MEMORY;
    }
    my_auth->host = host;
    my_auth->token = host->option_text(host->self, "token");
    my_auth->user = host->option_text(host->self, "user");
    *self = my_auth;
    return WSHUB_OK;
}

/* Leave nothing behind: no thread, timer, watch, descriptor or memory. */
static void my_auth_close(void *self) {
    free(self);
}

static const struct wshub_option options[] = {
    {"token", "who shows it is let in", NULL, NULL, WSHUB_OPTION_TEXT,
     WSHUB_OPTION_REQUIRED | WSHUB_OPTION_SECRET, 0, 0},
    {"user", "and is this user", "alice", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
};

static const struct wshub_auth auth = {
    .struct_size = sizeof auth,
    .check = my_auth_check,
    .open = my_auth_open,
    .close = my_auth_close,
    .authenticate = my_auth_authenticate,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 2, /* the oldest hub that you want to run in; auth plugins are there since 1.2 */
    .struct_size = sizeof plugin,
    .name = "my-auth",
    .version = "0.1",
    .summary = "lets in one token",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .auth = &auth,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
