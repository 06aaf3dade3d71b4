// SPDX-License-Identifier: MIT
#include "cases/options_cases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asking.h"
#include "cases/guard.h"
#include "cases/process.h"
#include "config/units.h"
#include "host/peer.h"
#include "plugin/options.h"

typedef void (*option_fn)(struct check *check, const struct wshub_option *option);

static void for_each_option(struct check *check, option_fn fn) {
    const struct wshub_plugin *plugin = check_plugin(check);
    for (uint32_t i = 0; i < plugin->option_count; i++) {
        fn(check, &plugin->options[i]);
    }
}

static bool is_named_like(const struct wshub_option *option, const char *const *words) {
    for (; *words; words++) {
        if (strstr(option->name, *words)) {
            return true;
        }
    }
    return false;
}

// ---- what is declared ----

static void check_texts(struct check *check, const struct wshub_option *option) {
    static const char *const secrets[] = {"password", "passwd", "token", "secret", NULL};
    if (!option->help || !option->help[0] || strchr(option->help, '\n')) {
        check_fail(check, "option \"%s\" has no help: one line that `wshub plugins` prints beside it",
                   option->name);
    }
    if (!(option->flags & WSHUB_OPTION_SECRET) && option->type == WSHUB_OPTION_TEXT &&
        is_named_like(option, secrets) && !strstr(option->name, "file")) {
        check_warn(check, "option \"%s\" is called like a secret: flag it with WSHUB_OPTION_SECRET",
                   option->name);
    }
    if ((option->flags & WSHUB_OPTION_REQUIRED) && option->fallback) {
        check_warn(check, "option \"%s\" is required, and has a fallback that nobody will see", option->name);
    }
}

static void check_fallback(struct check *check, const struct wshub_option *option) {
    struct buf errors = {0};
    struct asked asked;
    if (!option->fallback) {
        return;
    }
    struct options *options = asking_options(check, option->name, option->fallback, &errors);
    if (options) {
        asking_check(check, options, 0, &asked);
        if (asked.refused > 0 && strcmp(asked.option, option->name) == 0) {
            check_fail(check, "check refuses \"%s\" as option \"%s\", which is its own fallback: expected %s",
                       option->fallback, option->name, asked.expected);
        }
        asked_free(&asked);
    }
    options_free(options);
    buf_free(&errors);
}

void options_declared(struct check *check) {
    for_each_option(check, check_texts);
    for_each_option(check, check_fallback);
    if (!check_plugin(check)->version || !check_plugin(check)->version[0]) {
        check_warn(check, "the plugin has no version");
    }
}

// ---- values of the wrong type ----

static void expect_refused(struct check *check, const struct wshub_option *option, const char *value) {
    struct buf errors = {0};
    struct options *options = asking_options(check, option->name, value, &errors);
    if (options) {
        check_fail(check, "option \"%s\" takes \"%s\", which is not of its type, or beyond its range",
                   option->name, value);
    }
    buf_append(&errors, "", 1);
    if (errors.failed || !strstr(errors.data, option->name)) {
        check_fail(check, "option \"%s\" refuses \"%s\", and does not say its name: %s", option->name, value,
                   errors.failed ? "" : errors.data);
    }
    buf_free(&errors);
}

// Just below, and just above.
static void expect_range(struct check *check, const struct wshub_option *option, enum unit unit) {
    char text[UNITS_TEXT_SIZE];
    if (option->low > 0) {
        units_format(unit, option->low - 1, text);
        expect_refused(check, option, text);
    }
    if (option->high > 0 && option->high < UINT64_MAX) {
        units_format(unit, option->high + 1, text);
        expect_refused(check, option, text);
    }
}

static const struct { // what no option of this type takes
    bool ranged;
    enum unit unit;
    const char *const *values;
} wrong[] = {
    [WSHUB_OPTION_TEXT] = {false, UNIT_NONE, (const char *const[]){NULL}},
    [WSHUB_OPTION_WORD] = {false, UNIT_NONE, (const char *const[]){"", "|", "no-such-word", NULL}},
    [WSHUB_OPTION_BOOL] = {false, UNIT_NONE, (const char *const[]){"", "2", "perhaps", "TRUE", NULL}},
    [WSHUB_OPTION_NUMBER] = {true, UNIT_NONE,
                             (const char *const[]){"", "-1", "1x", "0x10", "1.5", "99999999999999999999999",
                                                   NULL}},
    [WSHUB_OPTION_DURATION] = {true, UNIT_DURATION,
                               (const char *const[]){"", "10", "-1s", "5 s", "ten", "99999999999999999h",
                                                     NULL}},
    [WSHUB_OPTION_SIZE] = {true, UNIT_SIZE,
                           (const char *const[]){"", "-1B", "1 KiB", "much", "99999999999999999GiB", NULL}},
};

static void expect_all_refused(struct check *check, const struct wshub_option *option) {
    for (const char *const *value = wrong[option->type].values; *value; value++) {
        expect_refused(check, option, *value);
    }
    if (wrong[option->type].ranged) {
        expect_range(check, option, wrong[option->type].unit);
    }
}

void options_typed(struct check *check) {
    static const struct wshub_option unknown = {.name = "no_such_option"};
    for_each_option(check, expect_all_refused);
    expect_refused(check, &unknown, "1");
}

// ---- values that are well formed and make no sense ----

static struct asked ask_with(struct check *check, const struct wshub_option *option, const char *value,
                             const char *shown) {
    struct buf errors = {0};
    struct asked asked = {0};
    struct options *options = asking_options(check, option->name, value, &errors);
    if (options) {
        char what[256];
        snprintf(what, sizeof what, "with %s as \"%s\"", shown, option->name);
        asking_check(check, options, 0, &asked);
        asked_expect_clear(check, &asked, what);
    }
    options_free(options);
    buf_free(&errors);
    return asked;
}

enum { LONG_TEXT = 64 * 1024 };

static void try_long_text(struct check *check, const struct wshub_option *option) {
    char *text = malloc(LONG_TEXT + 1);
    if (!text) {
        check_fail(check, "the kit has no memory left");
    }
    const char *start = option->fallback ? option->fallback : "";
    memset(text, 'x', LONG_TEXT);
    text[LONG_TEXT] = '\0';
    memcpy(text, start, strlen(start)); // what it begins with may be right
    struct asked asked = ask_with(check, option, text, "64 KiB of text");
    asked_free(&asked);
    free(text);
}

static void try_texts(struct check *check, const struct wshub_option *option) {
    static const char *const odd[] = {
        "",           " ",       "\t\n",     "%n%s%n%s",
        "://",        "a://",    "http://[", "//@:/",
        "a:99999",    "[::1",    "\xFF\xFE", "\x01\x02",
        ",",          ",,,",     "''\"\"",   "../../../etc/passwd",
        "-1",         "host:-1", "host:0x1", "a@b@c:d",
        "a://b?c=&&", "a://%",   "a://%zz",  "a://b:65536",
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct asked asked = ask_with(check, option, odd[i], i == 0 ? "an empty text" : "an odd text");
        asked_free(&asked);
    }
    try_long_text(check, option);
}

// Of what is called an address, this much can be known: these are none.
static void expect_no_address(struct check *check, const struct wshub_option *option) {
    static const char *const addresses[] = {"url",     "urls",    "uri",      "server",
                                            "servers", "address", "addresses"};
    static const char *const none[] = {"://", "no address at all"};
    bool is_address = false;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        is_address |= strcmp(option->name, addresses[i]) == 0;
    }
    for (size_t i = 0; is_address && i < sizeof none / sizeof *none; i++) {
        struct asked asked = ask_with(check, option, none[i], "what is no address");
        if (asked.status == WSHUB_OK) {
            check_fail(check,
                       "option \"%s\" takes \"%s\": expected the slot check to refuse what is no address, so "
                       "that `wshub check` finds it",
                       option->name, none[i]);
        }
        if (asked.refused == 0) {
            check_fail(check, "check does not like \"%s\" as \"%s\", and does not refuse it by name", none[i],
                       option->name);
        }
        asked_free(&asked);
    }
}

static void try_bounds(struct check *check, const struct wshub_option *option) {
    enum unit unit = wrong[option->type].unit;
    bool any = option->low == 0 && option->high == 0;
    const uint64_t bounds[] = {option->low, any ? UINT64_MAX : option->high, any ? 1 : option->low};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        char text[UNITS_TEXT_SIZE];
        units_format(unit, bounds[i], text);
        struct asked asked = ask_with(check, option, text, text);
        asked_free(&asked);
    }
}

static void try_each(struct check *check, const struct wshub_option *option) {
    if (option->type == WSHUB_OPTION_TEXT) {
        try_texts(check, option);
        expect_no_address(check, option);
    } else if (wrong[option->type].ranged) {
        try_bounds(check, option);
    }
}

void options_nonsense(struct check *check) {
    for_each_option(check, try_each);
}

// ---- check is free of effects ----

enum { CHECKS_FIRST = 10, CHECKS = 100 };
enum { HOST_1_0 = offsetof(struct wshub_host, timeout) }; // where ABI 1.0 ends

static void check_often(struct check *check, const struct options *options, int times) {
    bool takes_short = check_plugin(check)->abi_minor == 0;
    for (int i = 0; i < times; i++) {
        struct asked asked;
        asking_check(check, options, takes_short && i % 2 == 0 ? HOST_1_0 : 0, &asked);
        asked_expect_clear(check, &asked, "with the options of the configuration");
        if (asked.status != WSHUB_OK) {
            check_fail(check, "check refuses the options of the configuration: %s%s%s", asked.option,
                       asked.refused > 0 ? ", expected " : "", asked.expected);
        }
        asked_free(&asked);
    }
}

void options_repeated(struct check *check) {
    struct buf errors = {0};
    struct options *options = asking_options(check, NULL, NULL, &errors);
    if (!options) {
        check_skip(check, "its options cannot be read: say them with --config");
    }
    if (!asking_can(check)) {
        check_skip(check, "it has no slot check");
    }
    check_often(check, options, CHECKS_FIRST);
    struct process_use before = process_use();
    check_often(check, options, CHECKS - CHECKS_FIRST);
    struct process_use after = process_use();
    process_compare(check, &before, &after, CHECKS - CHECKS_FIRST, "check");
    options_free(options);
}

// ---- secrets ----

static void expect_silent(struct check *check, struct asked *asked, const struct wshub_option *option,
                          const char *secret) {
    buf_append(&asked->lines, "", 1);
    if (!asked->lines.failed && strstr(asked->lines.data, secret)) {
        check_fail(check, "the value of the secret option \"%s\" stands in what check says", option->name);
    }
}

// The host of the peers looks at every line that is logged; a broker that does not take it is told by the
// link.
static void open_with_secret(struct check *check, const struct wshub_option *option, const char *secret,
                             bool auth) {
    struct peer *peer = peer_open_with(check, &(struct peer_settings){.auth = auth,
                                                                      .option = option->name,
                                                                      .value = secret,
                                                                      .expects_failure = true,
                                                                      .expects_down = true});
    if (peer && auth) {
        guard_ask_any(peer); // what it then says of its keys
    }
    if (peer && strstr(peer_link(peer)->reason, secret)) {
        check_fail(check, "the value of the secret option \"%s\" stands in the reason of the link",
                   option->name);
    }
    if (peer) {
        peer_close(peer);
    }
}

static void try_secret(struct check *check, const struct wshub_option *option) {
    char secret[64];
    if (!(option->flags & WSHUB_OPTION_SECRET) || option->type != WSHUB_OPTION_TEXT) {
        return;
    }
    snprintf(secret, sizeof secret, "kit-%016" PRIx64 "-%016" PRIx64, check_random(check),
             check_random(check));
    struct asked asked = ask_with(check, option, secret, "a secret");
    expect_silent(check, &asked, option, secret);
    asked_free(&asked);
    if (check_broker(check)) {
        open_with_secret(check, option, secret, false);
    }
    if (check_auth(check)) {
        open_with_secret(check, option, secret, true);
    }
}

void options_secret(struct check *check) {
    for_each_option(check, try_secret);
}
