// SPDX-License-Identifier: MIT
#include "plugin/declared.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/report.h"
#include "plugin/value.h"
#include "util/buf.h"
#include "wshub/plugin.h"

// COUNT_MAX is far beyond any plugin: it keeps a wild number from being believed.
enum { NAME_MAX_LENGTH = 64, COUNT_MAX = 256 };

// Of ABI 1.0, the smallest there is. Never changes.
#define SMALLEST (offsetof(struct wshub_option, high) + sizeof(uint64_t))

static bool check_name(const struct wshub_option *options, size_t index, struct buf *why) {
    const char *name = options[index].name;
    size_t length = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;
    if (length > 0 && length <= NAME_MAX_LENGTH && name[length] == '\0') {
        return true;
    }
    buf_puts(why, "found ");
    if (name) {
        report_show_text(why, name);
    } else {
        buf_puts(why, "nothing");
    }
    buf_printf(why, " as the name of option %zu, expected 1 to %d of a-z 0-9 _: rename it in the plugin",
               index + 1, NAME_MAX_LENGTH);
    return false;
}

static bool check_twice(const struct wshub_option *options, size_t index, struct buf *why) {
    for (size_t i = 0; i < index; i++) {
        if (strcmp(options[i].name, options[index].name) == 0) {
            buf_printf(why, "found option \"%s\" twice, expected once: rename one of them in the plugin",
                       options[i].name);
            return false;
        }
    }
    return true;
}

static bool check_type(const struct wshub_option *options, size_t index, struct buf *why) {
    const struct wshub_option *option = &options[index];
    if (value_type_is_known(option->type)) {
        return true;
    }
    buf_printf(why,
               "found option \"%s\" of type %" PRIu32 ", expected one of enum wshub_option_type: correct it, "
               "or ask for the ABI that has this type",
               option->name, option->type);
    return false;
}

// "one|two|three": not empty, and no empty one among them.
static bool words_are_well_formed(const char *words) {
    size_t length = words ? strlen(words) : 0;
    return length > 0 && words[0] != '|' && words[length - 1] != '|' && !strstr(words, "||");
}

static bool check_words(const struct wshub_option *options, size_t index, struct buf *why) {
    const struct wshub_option *option = &options[index];
    if (option->type != WSHUB_OPTION_WORD || words_are_well_formed(option->words)) {
        return true;
    }
    buf_printf(why,
               "found option \"%s\" without its words, expected such as \"one|two\": name them in `words`",
               option->name);
    return false;
}

static bool check_range(const struct wshub_option *options, size_t index, struct buf *why) {
    const struct wshub_option *option = &options[index];
    if (option->low <= option->high) {
        return true;
    }
    buf_printf(why,
               "found option \"%s\" from %" PRIu64 " to %" PRIu64
               ", expected `low` to be at most `high`: correct the range",
               option->name, option->low, option->high);
    return false;
}

static bool check_fallback(const struct wshub_option *options, size_t index, struct buf *why) {
    const struct wshub_option *option = &options[index];
    uint64_t number;
    if (!option->fallback || value_parse(option, option->fallback, &number)) {
        return true;
    }
    buf_puts(why, "found fallback ");
    report_show_text(why, option->fallback);
    buf_printf(why, " of option \"%s\", expected ", option->name);
    value_expect(option, why);
    buf_puts(why, ": correct the fallback in the plugin");
    return false;
}

static bool check_options(const struct wshub_option *options, size_t count, struct buf *why) {
    // Each may rely on what those in front of it have checked.
    static bool (*const checks[])(const struct wshub_option *options, size_t index, struct buf *why) = {
        check_name, check_twice, check_type, check_words, check_range, check_fallback,
    };
    for (size_t i = 0; i < count; i++) {
        for (size_t check = 0; check < sizeof checks / sizeof *checks; check++) {
            if (!checks[check](options, i, why)) {
                return false;
            }
        }
    }
    return true;
}

static bool check_table(const struct wshub_plugin *plugin, struct buf *why) {
    if (!plugin->options || plugin->option_count > COUNT_MAX) {
        buf_printf(why,
                   "found %" PRIu32 " options%s, expected 0 to %d and a table of them: correct option_count",
                   plugin->option_count, plugin->options ? "" : " without a table", COUNT_MAX);
        return false;
    }
    if (plugin->option_size < SMALLEST) {
        buf_printf(why,
                   "found options of %" PRIu32 " bytes, expected at least %zu: set option_size to "
                   "sizeof(struct wshub_option)",
                   plugin->option_size, SMALLEST);
        return false;
    }
    return true;
}

bool declared_copy(const struct wshub_plugin *plugin, struct wshub_option **options, struct buf *why) {
    size_t count = plugin->option_count, size = plugin->option_size;
    *options = NULL;
    if (count == 0) {
        return true;
    }
    if (!check_table(plugin, why)) {
        return false;
    }
    struct wshub_option *copies = calloc(count, sizeof *copies);
    if (!copies) {
        buf_puts(why, "found no memory left, expected some");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(&copies[i], (const char *)plugin->options + i * size,
               size < sizeof *copies ? size : sizeof *copies);
    }
    if (!check_options(copies, count, why)) {
        free(copies);
        return false;
    }
    *options = copies;
    return true;
}
