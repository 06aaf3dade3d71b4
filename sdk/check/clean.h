// SPDX-License-Identifier: MIT
// Text that a plugin had a hand in, made fit to be shown: for a terminal, and for JSON.
#pragma once

#include <stddef.h>

// Puts a '?' in place of every control character but tab and line feed, and of every byte that is not UTF-8.
void clean_text(char *text, size_t length);
