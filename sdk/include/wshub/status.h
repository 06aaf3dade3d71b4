/* SPDX-License-Identifier: MIT
 * What a slot or a host service answers: 0, or one of these. */
#ifndef WSHUB_STATUS_H
#define WSHUB_STATUS_H

/* value, name, what it tells a person; `it` is what was asked */
#define WSHUB_STATUS_MAP(X)                              \
    X(0, OK, "done")                                     \
    X(-1, NO_MEMORY, "out of memory")                    \
    X(-2, INVALID, "an argument that it cannot take")    \
    X(-3, UNAVAILABLE, "what it needs is not reachable") \
    X(-4, TIMEOUT, "it did not answer in time")          \
    X(-5, DENIED, "it was refused")                      \
    X(-6, TOO_LARGE, "larger than it takes")             \
    X(-7, UNSUPPORTED, "it cannot do that")              \
    X(-8, CLOSED, "it is being closed")                  \
    X(-9, INTERNAL, "an error inside the plugin")        \
    X(-10, NOT_FOUND, "there is no such entry")          \
    X(-11, PASS, "not for this plugin to decide")        \
    X(-12, EXPIRED, "what was shown has expired")

enum wshub_status {
#define WSHUB_STATUS_ENUM(value, name, text) WSHUB_##name = value,
    WSHUB_STATUS_MAP(WSHUB_STATUS_ENUM)
#undef WSHUB_STATUS_ENUM
};

#endif
