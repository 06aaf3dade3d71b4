/* SPDX-License-Identifier: MIT */
#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keys.h"
#include "wshub/status.h"

enum { LINE = 320 };

struct keys *setup_read_keys(struct sources_result *result, const struct settings *settings) {
    struct keys *keys = sources_read(result, settings);
    const char *lack = keys ? sources_lack(settings, keys) : NULL;
    if (lack) {
        const bool hmac = lack[0] == 'H';
        result->status = WSHUB_INVALID;
        result->option = "algorithms";
        snprintf(result->why, sizeof result->why, "a key for %s as well, which has none: in %s", lack,
                 hmac ? "`secret`, `secret_base64` or `jwks_file`"
                      : "`key_file`, `jwks_file` or from `jwks_url`");
        keys_unref(keys);
        return NULL;
    }
    return keys;
}

static int check_ca_file(const struct wshub_host *host, const struct settings *settings) {
    char why[LINE];
    if (!settings->jwks_ca_file || access(settings->jwks_ca_file, R_OK) == 0) {
        return WSHUB_OK;
    }
    snprintf(why, sizeof why, "a file that can be read: %s", strerror(errno));
    host->option_refuse(host->self, "jwks_ca_file", why);
    return WSHUB_INVALID;
}

static void say_unused(const struct wshub_host *host, const struct sources_result *result) {
    char line[LINE];
    if (result->unused > 0) {
        snprintf(line, sizeof line, "%zu of the keys in jwks_file are not used: %s", result->unused,
                 result->unused_why);
        host->log(host->self, WSHUB_LOG_WARN, line);
    }
}

int setup_read(const struct wshub_host *host, struct settings *settings, struct keys **keys) {
    struct sources_result result;
    int status = settings_read(settings, host);
    if (status == WSHUB_OK) {
        status = check_ca_file(host, settings);
    }
    if (status != WSHUB_OK) {
        return status;
    }
    *keys = setup_read_keys(&result, settings);
    if (!*keys && result.option) {
        host->option_refuse(host->self, result.option, result.why);
    }
    if (*keys) {
        say_unused(host, &result);
    }
    return result.status;
}
