// SPDX-License-Identifier: MIT
// plugin_adopt: what is read of a descriptor depends on what was found right before, so that a plugin of
// another ABI, or of none, is refused without reading beyond its end.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/report.h"
#include "plugin/declared.h"
#include "plugin/plugin.h"
#include "util/buf.h"

enum { NAME_MAX_LENGTH = 64 };

// The smallest there are, of ABI 1.0. Never change, however the tables grow.
#define SMALLEST_PLUGIN (offsetof(struct wshub_plugin, broker) + sizeof(const struct wshub_broker *))
#define SMALLEST_BROKER (offsetof(struct wshub_broker, heartbeat) + sizeof(void (*)(void)))
// Of ABI 1.2, the first that has it.
#define SMALLEST_AUTH (offsetof(struct wshub_auth, reload) + sizeof(void (*)(void)))

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// ---- the frozen prefix ----

static bool check_magic(const struct wshub_plugin *theirs, struct buf *why) {
    if (theirs->magic == WSHUB_PLUGIN_MAGIC) {
        return true;
    }
    buf_printf(why,
               "found magic 0x%08" PRIx32 ", expected 0x%08" PRIx32
               ": begin the descriptor with WSHUB_PLUGIN_MAGIC",
               theirs->magic, WSHUB_PLUGIN_MAGIC);
    return false;
}

static bool check_abi(const struct wshub_plugin *theirs, struct buf *why) {
    unsigned major = theirs->abi_major, minor = theirs->abi_minor, newest = WSHUB_ABI_MINOR;
    if (major == WSHUB_ABI_MAJOR && minor <= newest) {
        return true;
    }
    buf_printf(why, "found ABI %u.%u, expected %d.0 to %d.%u: %srebuild the plugin with this hub's SDK",
               major, minor, WSHUB_ABI_MAJOR, WSHUB_ABI_MAJOR, newest,
               major < WSHUB_ABI_MAJOR ? "" : "run a newer hub, or ");
    return false;
}

static bool check_size(const struct wshub_plugin *theirs, struct buf *why) {
    if (theirs->struct_size >= SMALLEST_PLUGIN) {
        return true;
    }
    buf_printf(why,
               "found a descriptor of %" PRIu32 " bytes, expected at least %zu: set struct_size to "
               "sizeof(struct wshub_plugin)",
               theirs->struct_size, SMALLEST_PLUGIN);
    return false;
}

// A flag is how a later ABI could say that a hub must not ignore something.
static bool check_flags(const struct wshub_plugin *theirs, struct buf *why) {
    if (theirs->flags == 0) {
        return true;
    }
    buf_printf(why, "found flags 0x%" PRIx32 ", expected 0: run a newer hub, or set no flags", theirs->flags);
    return false;
}

static bool check_prefix(const struct wshub_plugin *theirs, struct buf *why) {
    return check_magic(theirs, why) && check_abi(theirs, why) && check_size(theirs, why) &&
           check_flags(theirs, why);
}

// ---- behind it ----

static bool check_name(const struct wshub_plugin *about, struct buf *why) {
    size_t length = about->name ? strspn(about->name, "abcdefghijklmnopqrstuvwxyz0123456789_-") : 0;
    if (length > 0 && length <= NAME_MAX_LENGTH && about->name[length] == '\0') {
        return true;
    }
    buf_puts(why, "found ");
    if (about->name) {
        report_show_text(why, about->name);
    } else {
        buf_puts(why, "nothing");
    }
    buf_printf(why, " as its name, expected 1 to %d of a-z 0-9 _ -: name the plugin like its file",
               NAME_MAX_LENGTH);
    return false;
}

struct slot {
    const char *name;
    size_t offset;
};
#define BROKER(name) \
    { #name, offsetof(struct wshub_broker, name) }
#define AUTH(name) \
    { #name, offsetof(struct wshub_auth, name) }

static const struct slot broker_slots[] = {
    BROKER(open), BROKER(close), BROKER(subscribe), BROKER(unsubscribe), BROKER(publish), {0},
};
static const struct slot registry_slots[] = {
    BROKER(registry_set),  BROKER(registry_delete), BROKER(registry_get),
    BROKER(registry_list), BROKER(heartbeat),       {0},
};
static const struct slot history_slots[] = {BROKER(history), {0}};
static const struct slot auth_slots[] = {AUTH(open), AUTH(close), AUTH(authenticate), {0}};

// What a capability promises to be there.
static const struct {
    uint32_t bit;
    const char *behind;
    const struct slot *slots;
} promises[] = {
    {WSHUB_BROKER_REGISTRY, " behind WSHUB_BROKER_REGISTRY", registry_slots},
    {WSHUB_BROKER_HISTORY, " behind WSHUB_BROKER_HISTORY", history_slots},
};

static bool has_slot(const void *table, const struct slot *slot) {
    void (*function)(void);
    memcpy(&function, (const char *)table + slot->offset, sizeof function);
    return function;
}

// `whose` goes between "found no SLOT" and "expected".
static bool check_slots(const void *table, const struct slot *slots, const char *whose, const char *remedy,
                        struct buf *why) {
    for (const struct slot *slot = slots; slot->name; slot++) {
        if (has_slot(table, slot)) {
            continue;
        }
        buf_printf(why, "found no slot %s%s, expected ", slot->name, whose);
        for (const struct slot *each = slots; each->name; each++) {
            buf_printf(why, "%s%s", each == slots ? "" : each[1].name ? ", " : " and ", each->name);
        }
        buf_printf(why, ": %s", remedy);
        return false;
    }
    return true;
}

static bool check_promises(const struct wshub_broker *broker, struct buf *why) {
    for (size_t i = 0; i < sizeof promises / sizeof *promises; i++) {
        if (broker->capabilities & promises[i].bit &&
            !check_slots(broker, promises[i].slots, promises[i].behind,
                         "implement it, or do not claim the capability", why)) {
            return false;
        }
    }
    return true;
}

static bool take_broker(struct wshub_broker *ours, const struct wshub_broker *theirs, struct buf *why) {
    if (theirs->struct_size < SMALLEST_BROKER) {
        buf_printf(why,
                   "found a broker of %" PRIu32 " bytes, expected at least %zu: set its struct_size to "
                   "sizeof(struct wshub_broker)",
                   theirs->struct_size, SMALLEST_BROKER);
        return false;
    }
    memcpy(ours, theirs, smaller(theirs->struct_size, sizeof *ours));
    ours->struct_size = sizeof *ours;
    return check_slots(ours, broker_slots, "", "implement it", why) && check_promises(ours, why);
}

static bool take_auth(struct wshub_auth *ours, const struct wshub_auth *theirs, struct buf *why) {
    if (theirs->struct_size < SMALLEST_AUTH) {
        buf_printf(why,
                   "found an auth table of %" PRIu32 " bytes, expected at least %zu: set its struct_size to "
                   "sizeof(struct wshub_auth)",
                   theirs->struct_size, SMALLEST_AUTH);
        return false;
    }
    if (theirs->flags != 0) {
        buf_printf(why,
                   "found flags 0x%" PRIx32 " of its auth table, expected 0: run a newer hub, or set no "
                   "flags",
                   theirs->flags);
        return false;
    }
    memcpy(ours, theirs, smaller(theirs->struct_size, sizeof *ours));
    ours->struct_size = sizeof *ours;
    return check_slots(ours, auth_slots, " for auth", "implement it", why);
}

static bool take_tables(struct plugin *plugin, struct buf *why) {
    struct wshub_plugin *about = &plugin->about;
    if (!about->broker && !about->auth) {
        buf_puts(why,
                 "found neither a broker nor auth, expected one of them: point `broker` or `auth` to its "
                 "table");
        return false;
    }
    if ((about->broker && !take_broker(&plugin->broker, about->broker, why)) ||
        (about->auth && !take_auth(&plugin->auth, about->auth, why))) {
        return false;
    }
    about->broker = about->broker ? &plugin->broker : NULL;
    about->auth = about->auth ? &plugin->auth : NULL;
    return true;
}

static bool take_about(struct plugin *plugin, const struct wshub_plugin *theirs, struct buf *why) {
    struct wshub_plugin *about = &plugin->about;
    memcpy(about, theirs, smaller(theirs->struct_size, sizeof *about));
    if (!check_name(about, why) || !declared_copy(about, &plugin->options, why) ||
        !take_tables(plugin, why)) {
        return false;
    }
    about->struct_size = sizeof *about;
    about->version = about->version ? about->version : "";
    about->summary = about->summary ? about->summary : "";
    about->options = plugin->options;
    about->option_size = sizeof *plugin->options;
    return true;
}

bool plugin_adopt(struct plugin *plugin, const struct wshub_plugin *descriptor, const char *file,
                  struct buf *why) {
    size_t start = why->length;
    *plugin = (struct plugin){0};
    buf_printf(why, "%s: ", file);
    bool ok = check_prefix(descriptor, why) && take_about(plugin, descriptor, why);
    if (ok && !(plugin->file = strdup(file))) {
        buf_puts(why, "found no memory left, expected some");
        ok = false;
    }
    if (ok) {
        why->length = start;
    } else {
        free(plugin->options);
        *plugin = (struct plugin){0};
    }
    return ok;
}

bool plugin_is(const struct plugin *plugin, enum plugin_kind kind, struct buf *why) {
    static const struct {
        const char *expected, *remedy;
    } words[] = {
        [PLUGIN_BROKER] = {"a broker", "auth"},
        [PLUGIN_AUTH] = {"an auth plugin", "brokers"},
    };
    bool is = kind == PLUGIN_BROKER ? plugin->about.broker != NULL : plugin->about.auth != NULL;
    if (!is) {
        buf_printf(why,
                   "found plugin %s, which is not %s, expected one: list it under `%s`, or name another "
                   "(wshub plugins lists them)",
                   plugin->about.name, words[kind].expected, words[kind].remedy);
    }
    return is;
}
