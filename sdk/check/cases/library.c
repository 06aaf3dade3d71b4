// SPDX-License-Identifier: MIT
// The shared object itself, before anything is opened: what it exports, what its entry does, what comes and
// goes with it, what it declares. options_cases.c has what becomes of wrong options.
#include <stdio.h>
#include <string.h>

#include "auth/ask.h"
#include "cases/duty.h"
#include "cases/guard.h"
#include "cases/options_cases.h"
#include "cases/process.h"
#include "cases/shelf.h"
#include "cases/symbols.h"
#include "host/memory.h"
#include "host/peer.h"
#include "util/buf.h"

// ---- one symbol ----

static void run_exports(struct check *check) {
    const char *path = check_path(check), *why;
    struct symbols symbols;
    struct buf others = {0};
    if (!strchr(path, '/')) {
        check_skip(check, "the plugin is built in: there is no file to be read");
    }
    if (!symbols_read(&symbols, path, &why)) {
        check_skip(check, "its symbols cannot be read: %s", why);
    }
    for (size_t i = 0; i < symbols.count; i++) {
        if (strcmp(symbols.names[i], "wshub_plugin_entry") != 0) {
            buf_printf(&others, "%s%s", others.length > 0 ? ", " : "", symbols.names[i]);
        }
    }
    size_t count = symbols.count;
    symbols_free(&symbols);
    if (count != 1) {
        check_fail(check,
                   "exports %s besides wshub_plugin_entry, expected that alone: compile with "
                   "-fvisibility=hidden, and link with wshub-plugin.map of the SDK",
                   others.length > 0 ? others.data : "nothing");
    }
    buf_free(&others);
}

// ---- a pure entry ----

enum { ENTRY_CALLS = 1000 };

// What its descriptor says, all tables that it points to included.
struct image {
    struct wshub_plugin plugin;
    struct wshub_broker broker;
    struct wshub_auth auth;
    char options[8192];
};

// A table begins with its struct_size.
static void take_table(void *out, size_t size, const void *table) {
    uint32_t theirs;
    memcpy(&theirs, table, sizeof theirs);
    memcpy(out, table, theirs < size ? theirs : size);
}

static void take_image(struct image *image, const struct wshub_plugin *plugin) {
    size_t options = (size_t)plugin->option_count * plugin->option_size;
    memset(image, 0, sizeof *image);
    memcpy(&image->plugin, plugin,
           plugin->struct_size < sizeof image->plugin ? plugin->struct_size : sizeof image->plugin);
    if (image->plugin.broker) {
        take_table(&image->broker, sizeof image->broker, image->plugin.broker);
    }
    if (image->plugin.auth) {
        take_table(&image->auth, sizeof image->auth, image->plugin.auth);
    }
    if (options > 0) {
        memcpy(image->options, plugin->options,
               options < sizeof image->options ? options : sizeof image->options);
    }
}

static void call_entry_often(struct check *check, const struct shelf *shelf) {
    const struct wshub_plugin *first = shelf->entry();
    static struct image before, after;
    take_image(&before, first);
    for (int i = 1; i < ENTRY_CALLS; i++) {
        if (shelf->entry() != first) {
            check_fail(check, "wshub_plugin_entry returned another pointer when it was called again");
        }
    }
    take_image(&after, first);
    if (memcmp(&before, &after, sizeof before) != 0) {
        check_fail(check, "wshub_plugin_entry has changed what it returns: its tables are to be constant");
    }
}

static void run_entry(struct check *check) {
    struct shelf shelf;
    shelf_take(check, &shelf);
    shelf_load(&shelf);
    struct process_use before = process_use();
    memory_fail_at(UINT64_MAX); // counts, and none fails
    enum memory_side side = memory_enter(MEMORY_OF_PLUGIN);
    call_entry_often(check, &shelf);
    memory_enter(side);
    uint64_t asked = memory_asked();
    struct process_use after = process_use();
    memory_fail_at(0);
    if (asked > 0) {
        check_fail(check,
                   "wshub_plugin_entry has allocated memory, expected nothing but a pointer to a constant");
    }
    process_compare(check, &before, &after, ENTRY_CALLS, "wshub_plugin_entry");
    shelf_free(&shelf);
}

// ---- loading ----

enum { LOADS_FIRST = 10, LOADS = 100 };

static void load_often(struct check *check, struct shelf *shelf, int times) {
    for (int i = 0; i < times; i++) {
        shelf_load(shelf);
        if (!shelf->entry()) {
            check_fail(check, "wshub_plugin_entry returned NULL when it was loaded again");
        }
        shelf_unload(shelf);
    }
}

// What the C library and the plugin's own libraries keep for good, they keep after the first rounds.
static void run_loads(struct check *check) {
    struct shelf shelf;
    shelf_take(check, &shelf);
    load_often(check, &shelf, LOADS_FIRST);
    struct process_use before = process_use();
    load_often(check, &shelf, LOADS - LOADS_FIRST);
    struct process_use after = process_use();
    process_compare(check, &before, &after, LOADS - LOADS_FIRST, "loading and unloading");
    if (shelf_is_pinned(&shelf)) {
        check_figure(check, "stays in memory when it is unloaded", 1, "");
    }
    shelf_free(&shelf);
}

// ---- hosts of other minors ----

static void use_once(struct check *check, struct peer *peer, const struct wshub_message *message,
                     const char *what) {
    duty_expect(check, peer_subscribe(peer, message->channel), "subscribe", what);
    duty_expect(check, peer_publish(peer, message), "publish", what);
    if (!peer_wait_arrivals(peer, 1, 5000)) {
        check_fail(check, "%s: a message was published on a channel that is subscribed, and did not arrive",
                   what);
    }
}

static void use_auth_once(struct check *check, const struct peer_settings *settings, const char *what) {
    struct peer_settings with = *settings;
    with.auth = true;
    struct peer *peer = peer_open_with(check, &with);
    peer_set_strict(peer, true);
    guard_do(peer, what);
    peer_close(peer);
}

// Flags that nobody knows yet mean nothing, and what stands behind the tables is none of the plugin's
// business.
static void run_newer_host(struct check *check) {
    static const char what[] = "under a host of ABI 1.99, whose table is larger";
    const struct peer_settings newer = {.host_minor = 99 + 1, .host_size = sizeof(struct wshub_host) + 256};
    if (check_broker(check)) {
        struct peer *peer = peer_open_with(check, &newer);
        struct wshub_message message = message_of(check_channel(check, "newer"), "{}");
        message.flags = UINT32_C(1) << 31;
        use_once(check, peer, &message, what);
        peer_close(peer);
    }
    if (check_auth(check)) {
        use_auth_once(check, &newer, what);
    }
}

// Where ABI 1.0 ends, and 1.2, the first that has auth plugins: these never change.
enum { HOST_1_0 = offsetof(struct wshub_host, timeout) };
enum { HOST_1_2 = offsetof(struct wshub_host, explain) + sizeof(void (*)(void)) };

// The messages of such a host are shorter too. Behind either there is nothing: who looks there crashes.
static void use_broker_of_1_0(struct check *check) {
    struct peer *peer =
        peer_open_with(check, &(struct peer_settings){.host_minor = 0 + 1, .host_size = HOST_1_0});
    struct wshub_message message = message_of(check_channel(check, "older"), "{}");
    peer_set_strict(peer, true);
    use_once(check, peer, &message, "under a host of ABI 1.0, whose tables are shorter");
    peer_close(peer);
}

static void run_older_host(struct check *check) {
    unsigned minor = check_plugin(check)->abi_minor;
    if (minor < 2 && !check_broker(check)) {
        check_fail(check, "asks for ABI 1.%u, where there are no auth plugins: set abi_minor to 2", minor);
    }
    if (minor > (check_auth(check) ? 2 : 0)) {
        check_skip(check, "it asks for ABI 1.%u: no older hub loads it", minor);
    }
    if (minor == 0) {
        use_broker_of_1_0(check);
    }
    if (check_auth(check)) {
        use_auth_once(check, &(struct peer_settings){.host_minor = 2 + 1, .host_size = HOST_1_2},
                      "under a host of ABI 1.2, whose table is shorter");
    }
}

// ---- quiet ----

static void use_quietly(struct check *check) {
    struct peer *peer = peer_open(check);
    struct wshub_bytes channel = check_channel(check, "quiet");
    struct wshub_message message = message_of(channel, "{}");
    peer_subscribe(peer, channel);
    peer_publish(peer, &message);
    peer_unsubscribe(peer, channel);
    if (check_can(check, WSHUB_BROKER_REGISTRY)) {
        peer_registry_set(peer, "kit:quiet", "{}", 1000);
        peer_registry_delete(peer, "kit:quiet");
    }
    peer_close(peer);
}

// Whatever stands on stdout afterwards fails the case.
static void run_quiet(struct check *check) {
    if (check_broker(check)) {
        use_quietly(check);
    }
    if (check_auth(check)) {
        struct peer *peer = guard_open(check);
        guard_do(peer, "quietly");
        ask_reload(peer);
        peer_close(peer);
    }
}

const struct check_case cases_library[] = {
    {"exports-one-symbol", "exports wshub_plugin_entry and nothing else", run_exports, 0, 0, 0},
    {"entry-is-pure", "the entry only returns a pointer, always the same, to what never changes", run_entry,
     0, 0, 0},
    {"loads-and-unloads", "loaded and unloaded 100 times, it leaves nothing behind", run_loads, 0, 0, 0},
    {"newer-host", "works under a hub of a later minor, and uses nothing that it does not know",
     run_newer_host, 0, 0, 0},
    {"older-host", "works under the oldest hub that loads it, and reads nothing behind its table",
     run_older_host, 0, 0, 0},
    {"declares-options", "declares options that explain themselves, with fallbacks that it takes",
     options_declared, 0, 0, 0},
    {"refuses-wrong-types", "an option of another type, or beyond its range, is refused with its name",
     options_typed, 0, 0, 0},
    {"refuses-nonsense", "an option that makes no sense is refused with its name, or taken; never a crash",
     options_nonsense, 0, 0, 0},
    {"checks-anywhere", "check needs log and options alone, changes nothing, and always says the same",
     options_repeated, 0, 0, 0},
    {"keeps-secrets", "the value of a secret option is never logged", options_secret, 0, 0, 0},
    {"writes-nothing", "nothing is written to stdout", run_quiet, 0, 0, 0},
    {0},
};
