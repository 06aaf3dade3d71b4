/* SPDX-License-Identifier: MIT
 * What this plugin says of itself. */
#include "login.h"
#include "settings.h"

static const struct wshub_auth auth = {
    .struct_size = sizeof auth,
    .check = login_check,
    .open = login_open,
    .close = login_close,
    .authenticate = login_authenticate,
    .reload = login_reload,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 2,
    .struct_size = sizeof plugin,
    .name = "jwt",
    .version = "0.1.0",
    .summary = "JSON Web Tokens: signed with a secret, or with keys of a file or a JWKS URL",
    .options = settings_options,
    .option_count = SETTINGS_OPTIONS,
    .option_size = sizeof(struct wshub_option),
    .auth = &auth,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
