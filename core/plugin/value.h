// SPDX-License-Identifier: MIT
// One value of an option that a plugin declares, by its type. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct wshub_option;

// True for a type of enum wshub_option_type; the functions below take no other.
bool value_type_is_known(uint32_t type);

// False: the text is not of this type, or beyond the range. `number` is what a plugin gets for it; 0 for a
// TEXT.
bool value_parse(const struct wshub_option *option, const char *text, uint64_t *number);

// What messages call a right value: "a size such as 64KiB, from 128B to 16MiB".
void value_expect(const struct wshub_option *option, struct buf *out);
// The short form of it for a line of help: "size, 128B to 16MiB".
void value_describe(const struct wshub_option *option, struct buf *out);
// As a configuration would have it: a TEXT in quotes, the others bare.
void value_show(const struct wshub_option *option, const char *text, struct buf *out);
