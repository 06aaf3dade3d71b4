// SPDX-License-Identifier: MIT
// The conformance kit: what a case is, and what it can say. A case is one function, run in a process of its
// own by runner.c, on one thread, which is the plugin's hub thread. What a case wants of the plugin goes
// through peer.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wshub/wshub.h"

struct check; // the case that is running: the plugin, its options, the seed

enum verdict {
    VERDICT_PASS,
    VERDICT_WARNING, // conforms, but somebody should look
    VERDICT_SKIPPED, // cannot be told here: the reason names what is missing
    VERDICT_FAIL,
    VERDICT_CRASHED, // the process died, or did not end in time
    VERDICTS
};
extern const char *const verdict_names[VERDICTS]; // "pass", "warning", ...

// What a case needs besides the plugin; without it the case is skipped, and the reason says so.
enum check_need {
    NEEDS_STOP = 1 << 0,    // a command of the configuration: broker.stop, ...
    NEEDS_PAUSE = 1 << 1,   // pause and resume
    NEEDS_RESTART = 1 << 2, // restart
    NEEDS_RELAY = 1 << 3,   // broker.address: then the case can stand between plugin and broker
    NEEDS_MALLOC = 1 << 4,  // the kit's own malloc: not in a sanitizer's build
    NEEDS_YES = 1 << 5,     // a request of the configuration that is expected to be let in
    NEEDS_CHANGE = 1 << 6,  // reload.change and reload.restore
    NEEDS_SPOIL = 1 << 7,   // reload.spoil and reload.restore
};

struct check_case {    // a table of them ends with one without a name
    const char *name;  // a-z 0-9 -, unique among all
    const char *about; // one line: what is true of a plugin that passes
    void (*run)(struct check *check);
    uint32_t capabilities; // of enum wshub_broker_capability: skipped without them
    uint32_t needs;        // of enum check_need
    unsigned seconds;      // until it counts as crashed; 0: 30
};

// Which table of the plugin a case is about.
enum check_table { TABLE_ANY, TABLE_BROKER, TABLE_AUTH };

struct check_group {  // a table of them ends with one without a name
    const char *name; // "library", "contract", "semantics", "faults", "auth"
    const struct check_case *cases;
    enum check_table table; // skipped for a plugin that has none
};
extern const struct check_group check_groups[];

// One per file of cases; cases.c puts them together.
extern const struct check_case cases_library[];
extern const struct check_case cases_contract[];
extern const struct check_case cases_memory[];
extern const struct check_case cases_delivery[];
extern const struct check_case cases_names[];
extern const struct check_case cases_payloads[];
extern const struct check_case cases_registry[];
extern const struct check_case cases_groups[];
extern const struct check_case cases_history[];
extern const struct check_case cases_positions[];
extern const struct check_case cases_keys[];
extern const struct check_case cases_last_value[];
extern const struct check_case cases_faults[];
extern const struct check_case cases_again[];
extern const struct check_case cases_auth_life[];
extern const struct check_case cases_auth_answers[];
extern const struct check_case cases_auth_hostile[];
extern const struct check_case cases_auth_secrets[];
extern const struct check_case cases_auth_memory[];
extern const struct check_case cases_auth_reload[];
extern const struct check_case cases_auth_backend[];

// ---- verdicts: the first failure ends the case and its process; without one it passes when run returns ----

_Noreturn void check_fail(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void check_skip(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Goes on; the verdict will be at least a warning. The first one is told.
void check_warn(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A figure that goes into the report with the verdict: "lost", 0, "messages".
void check_figure(struct check *check, const char *name, double value, const char *unit);

// A contract that is broken in a callback, where the case cannot know: kept, and fails the case as soon as it
// is back in the kit. [any thread]
void check_breach(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

// ---- what it works on ----

const struct wshub_plugin *check_plugin(const struct check *check); // as the plugin gave it, loaded once
// Its tables, widened: what they do not know is zero. NULL: it has none.
const struct wshub_broker *check_broker(const struct check *check);
const struct wshub_auth *check_auth(const struct check *check);
const char *check_path(const struct check *check); // of the .so
bool check_can(const struct check *check, uint32_t capability);
struct settings;
const struct settings *check_settings(const struct check *check); // see settings.h
uint64_t check_random(struct check *check);                       // from --seed and the case's name
uint64_t check_now(void);                                         // ns, monotonic
// Stretches a time for a machine or a build that is slow: WSHUB_CHECK_SCALE, 1 without it.
uint64_t check_scaled(uint64_t milliseconds);
// From now on payloads of so many bytes are under way, in whatever callback: each may keep the hub thread for
// a millisecond per MiB longer, because to copy it takes that time.
void check_carries(struct check *check, size_t bytes);
