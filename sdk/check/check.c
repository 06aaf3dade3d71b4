// SPDX-License-Identifier: MIT
// A case while it runs: its verdict, its plugin, its randomness.
#include "check.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "check_priv.h"
#include "host/crash.h"
#include "host/leftovers.h"
#include "host/memory.h"
#include "host/peer.h"
#include "host/reactor.h"
#include "host/signals.h"
#include "plugin/builtin.h"
#include "plugin/capabilities.h"
#include "plugin/folders.h"
#include "plugin/options.h"
#include "util/buf.h"

const char *const verdict_names[VERDICTS] = {"pass", "warning", "skipped", "fail", "crashed"};

// The process has one case. Only what has nothing else to go by asks for it.
static struct check *running;

struct check *check_running(void) {
    return running;
}

// ---- verdicts ----

// Of gcov, where the program has it: it would write at exit only.
__attribute__((weak)) void __gcov_dump(void);

// Without exit: the plugin's threads may still run, and its destructors wait for them.
_Noreturn static void end(struct check *check) {
    const struct run *run = check->run;
    check->outcome->ended = true;
    memory_enter(MEMORY_OF_KIT);
    if (run->in_process) {
        run->on_end(run->on_end_context, check->item, check->outcome);
    }
    fflush(NULL);
    if (__gcov_dump) {
        __gcov_dump();
    }
    _exit(run->in_process && check->outcome->verdict >= VERDICT_FAIL);
}

_Noreturn static void end_with(struct check *check, enum verdict verdict, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

_Noreturn static void end_with(struct check *check, enum verdict verdict, const char *format, va_list args) {
    check->outcome->verdict = verdict;
    vsnprintf(check->outcome->text, sizeof check->outcome->text, format, args);
    end(check);
}

_Noreturn void check_fail(struct check *check, const char *format, ...) {
    va_list args;
    va_start(args, format);
    end_with(check, VERDICT_FAIL, format, args);
}

_Noreturn void check_skip(struct check *check, const char *format, ...) {
    va_list args;
    va_start(args, format);
    end_with(check, VERDICT_SKIPPED, format, args);
}

void check_warn(struct check *check, const char *format, ...) {
    va_list args;
    if (check->outcome->verdict == VERDICT_PASS) {
        check->outcome->verdict = VERDICT_WARNING;
        va_start(args, format);
        vsnprintf(check->outcome->text, sizeof check->outcome->text, format, args);
        va_end(args);
    }
}

void check_figure(struct check *check, const char *name, double value, const char *unit) {
    struct outcome *outcome = check->outcome;
    if (outcome->figure_count < OUTCOME_FIGURES) {
        struct figure *figure = &outcome->figures[outcome->figure_count++];
        snprintf(figure->name, sizeof figure->name, "%s", name);
        snprintf(figure->unit, sizeof figure->unit, "%s", unit);
        figure->value = value;
    }
}

void check_breach(struct check *check, const char *format, ...) {
    va_list args;
    enum memory_side side = memory_enter(MEMORY_OF_KIT);
    pthread_mutex_lock(&check->lock);
    if (!atomic_load(&check->breached)) {
        va_start(args, format);
        vsnprintf(check->outcome->breach, sizeof check->outcome->breach, format, args);
        va_end(args);
        atomic_store(&check->breached, true);
    }
    pthread_mutex_unlock(&check->lock);
    memory_enter(side);
}

void check_settle(struct check *check) {
    if (check->depth == 0 && atomic_load(&check->breached)) {
        pthread_mutex_lock(&check->lock);
        check_fail(check, "%s", check->outcome->breach);
    }
}

// ---- where it is ----

static void remember(struct check *check, const char *name) {
    snprintf(check->outcome->where, sizeof check->outcome->where, "%s", name);
}

void check_enter(struct check *check, const char *name) {
    check->depth++;
    check->outcome->inside = true;
    remember(check, name);
}

void check_leave(struct check *check) {
    check->depth--;
    check->outcome->inside = check->depth > 0;
    check_settle(check);
}

bool check_is_inside(const struct check *check) {
    return check->depth > 0;
}

// ---- randomness and time ----

// SplitMix64.
uint64_t check_random(struct check *check) {
    uint64_t z = check->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void seed(struct check *check) {
    check->random = check->run->seed;
    for (const char *at = check->item->name; *at; at++) {
        check->random = (check->random ^ (unsigned char)*at) * UINT64_C(0x100000001B3);
    }
    snprintf(check->own, sizeof check->own, "%08" PRIx32, (uint32_t)check_random(check));
}

uint64_t check_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t check_scaled(uint64_t milliseconds) {
    const char *text = getenv("WSHUB_CHECK_SCALE");
    double scale = text ? strtod(text, NULL) : 1;
    return scale > 0 && scale < 1000 ? (uint64_t)((double)milliseconds * scale) : milliseconds;
}

// ---- the plugin ----

const struct wshub_plugin *check_plugin(const struct check *check) {
    return check->given;
}

const struct wshub_broker *check_broker(const struct check *check) {
    return check->plugin.about.broker;
}

const struct wshub_auth *check_auth(const struct check *check) {
    return check->plugin.about.auth;
}

const char *check_path(const struct check *check) {
    return check->plugin.file;
}

bool check_can(const struct check *check, uint32_t capability) {
    const struct wshub_broker *broker = check_broker(check);
    return broker && (broker->capabilities & capability) == capability;
}

const struct settings *check_settings(const struct check *check) {
    return &check->settings;
}

const struct options *check_options(const struct check *check) {
    return check->options;
}

static void find_given(struct check *check) {
    const struct wshub_plugin *(*entry)(void);
    void *symbol = check->plugin.library ? dlsym(check->plugin.library, "wshub_plugin_entry") : NULL;
    memcpy(&entry, &symbol, sizeof entry);
    check->given = entry ? entry() : builtin_find(check->plugin.about.name);
}

static void load_plugin(struct check *check) {
    struct folders folders = {0};
    struct buf why = {0};
    check_enter(check, "loading the plugin");
    bool ok = folders_make(&folders, &(struct config_strings){0}) &&
              plugin_load(&check->plugin, check->run->plugin, folders.items, folders.count, &why);
    check_leave(check);
    folders_free(&folders);
    if (!ok) {
        check->outcome->unloadable = true;
        check_fail(check, "%.*s", (int)why.length, why.data ? why.data : "out of memory");
    }
    find_given(check);
    buf_free(&why);
}

// What options.c says begins with the entry that the hub's configurations have, and this one has not.
static const char entry[] = "\x01";

static struct options_place place_of(const struct run *run) {
    return (struct options_place){run->config ? run->config : "without --config", entry, 0, 0};
}

_Noreturn static void refuse_config(struct check *check, struct buf *errors) {
    size_t to = 0;
    for (size_t from = 0; from < errors->length; from++) {
        bool found = errors->data[from] == entry[0] && from + 1 < errors->length;
        from += found ? 2 : 0; // and the dot behind it
        errors->data[to++] = errors->data[from];
    }
    to -= to > 0; // the last line feed
    check_fail(check, "%.*s", (int)to, errors->data ? errors->data : "out of memory");
}

void check_refuse_option(struct check *check, const char *name, const char *expected) {
    struct options_place place = place_of(check->run);
    struct buf errors = {0};
    options_refuse(check->options, name, expected, &place, &errors);
    refuse_config(check, &errors);
}

static void read_options(struct check *check, const char *broker) {
    struct buf errors = {0};
    const struct run *run = check->run;
    struct options_place place = place_of(run);
    settings_free(&check->settings);
    if (settings_read(&check->settings, place.file, run->config ? &run->text : NULL, broker, &errors)) {
        check->options = options_read(&check->plugin.about, &check->settings.plugin, &place, &errors);
    }
    if (!check->options) {
        refuse_config(check, &errors);
    }
    buf_free(&errors);
}

// Peers that are open have borrowed the texts of the options that they were opened with.
static void put_options_by(struct check *check) {
    const size_t most = sizeof check->outdated / sizeof *check->outdated;
    if (check->open_count == 0) {
        options_free(check->options);
    } else if (check->outdated_count < most) {
        check->outdated[check->outdated_count++] = check->options;
    } else {
        check_fail(check, "the kit was pointed at %zu addresses, and keeps no more", most);
    }
    check->options = NULL;
}

void check_point_at(struct check *check, const char *address) {
    put_options_by(check);
    read_options(check, address);
}

// ---- what it needs ----

static void need_table(struct check *check) {
    enum check_table table = cases_table(check->item);
    check->outcome->foreign =
        (table == TABLE_BROKER && !check_broker(check)) || (table == TABLE_AUTH && !check_auth(check));
    if (check->outcome->foreign && table == TABLE_BROKER) {
        check_skip(check, "it is about brokers, and the plugin is an auth plugin");
    }
    if (check->outcome->foreign) {
        check_skip(check, "it is about auth plugins, and the plugin is a broker");
    }
}

static void need_capabilities(struct check *check) {
    for (const struct capability *each = capabilities; each->name; each++) {
        if (check->item->capabilities & each->bit && !check_can(check, each->bit)) {
            check_skip(check, "the plugin does not claim %s", each->macro);
        }
    }
}

static bool expects_yes(const struct settings *settings) {
    for (size_t i = 0; i < settings->requests.count; i++) {
        if (settings->requests.items[i].expect == EXPECT_YES) {
            return true;
        }
    }
    return false;
}

static void need_settings(struct check *check) {
    const struct settings *settings = &check->settings;
    const char *const with = cases_table(check->item) == TABLE_AUTH ? "backend" : "broker";
    const struct {
        enum check_need need;
        bool there;
        const char *section, *name;
    } needs[] = {
        {NEEDS_STOP, settings->stop, with, ".stop"},
        {NEEDS_PAUSE, settings->pause, with, ".pause"},
        {NEEDS_RESTART, settings->restart, with, ".restart"},
        {NEEDS_RELAY, settings->address, with, ".address"},
        {NEEDS_YES, expects_yes(settings), "requests", " with `expect: yes`"},
        {NEEDS_CHANGE, settings->change, "reload", ".change"},
        {NEEDS_SPOIL, settings->spoil, "reload", ".spoil"},
    };
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (check->item->needs & needs[i].need && !needs[i].there) {
            check_skip(check, "the configuration does not say %s%s", needs[i].section, needs[i].name);
        }
    }
    if (check->item->needs & NEEDS_MALLOC && !MEMORY_IS_OURS) {
        check_skip(check, "this build of the kit has a sanitizer's malloc");
    }
}

// ---- names ----

const char *check_keep(struct check *check, const char *text) {
    size_t size = strlen(text) + 1;
    struct name_kept *name = malloc(sizeof *name + size);
    if (!name) {
        check_fail(check, "the kit has no memory left");
    }
    memcpy(name->text, text, size);
    name->next = check->names;
    check->names = name;
    return name->text;
}

struct wshub_bytes bytes_of(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

struct wshub_bytes check_channel(struct check *check, const char *name) {
    char text[256];
    snprintf(text, sizeof text, "kit/%s/%s", check->own, name);
    return bytes_of(check_keep(check, text));
}

struct wshub_message message_of(struct wshub_bytes channel, const char *payload) {
    return (struct wshub_message){
        .struct_size = sizeof(struct wshub_message), .channel = channel, .payload = bytes_of(payload)};
}

// ---- running ----

static void *do_nothing(void *context) {
    return context;
}

// ThreadSanitizer starts a thread of its own with the first one: it is not to be taken for the plugin's.
static void warm_up(void) {
    pthread_t thread;
    if (!MEMORY_IS_OURS && pthread_create(&thread, NULL, do_nothing, NULL) == 0) {
        pthread_join(thread, NULL);
    }
}

static void set_up(struct check *check) {
    running = check;
    memory_enter(MEMORY_OF_KIT);
    memory_begin();
    pthread_mutex_init(&check->lock, NULL);
    check->thread = pthread_self();
    if (!check->run->in_process) { // a debugger's user has ^C
        signals_set();
    }
    warm_up();
    crash_catch(check->outcome);
    seed(check);
    check->reactor = reactor_new();
    if (!check->reactor) {
        check_fail(check, "the kit has no memory or descriptors left");
    }
    stopwatch_init(&check->stopwatch);
}

// Of LeakSanitizer, where the program has it.
__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

static void look_for_leaks(struct check *check) {
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0) {
        check_fail(check, "close has left memory behind, as LeakSanitizer tells");
    }
}

// A thread that the C library has made for a look-up of a name (getaddrinfo_a) waits for another one for a
// second.
enum { LEAVING_MS = 2000 };

static void look_for_leftovers(struct check *check) {
    struct buf left = {0};
    if (check->before && check->open_count == 0) {
        leftovers_compare(check->before, (unsigned)check_scaled(LEAVING_MS), &left);
        if (left.length > 0) {
            check_fail(check, "close has left %.*s behind", (int)left.length, left.data);
        }
    }
}

// What is not the plugin's, and is not as it was.
static void look_for_damage(struct check *check) {
    int closed = check->before ? leftovers_closed(check->before) : -1;
    const char *changed = check->run->in_process ? NULL : signals_changed();
    if (closed >= 0) {
        check_fail(check, "the plugin has closed descriptor %d, which is not the plugin's", closed);
    }
    if (changed) {
        check_fail(check, "the plugin has changed what becomes of %s, which wshub/host.h promises to all",
                   changed);
    }
}

_Noreturn void check_run(const struct run *run, const struct check_case *item, struct outcome *outcome) {
    static struct check check;
    check.run = run;
    check.item = item;
    check.outcome = outcome;
    set_up(&check);
    load_plugin(&check);
    read_options(&check, run->broker);
    need_table(&check);
    need_capabilities(&check);
    need_settings(&check);
    item->run(&check);
    peers_close_all(&check);
    look_for_leftovers(&check);
    look_for_damage(&check);
    look_for_leaks(&check);
    check_settle(&check);
    end(&check);
}

void check_carries(struct check *check, size_t bytes) {
    check->stopwatch.heavy = (unsigned)(bytes >> 20);
}
