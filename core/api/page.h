// SPDX-License-Identifier: MIT
// api/page.html, embedded by the build.
#pragma once

#include <stddef.h>

extern const unsigned char page_html[];
extern const size_t page_html_size;
