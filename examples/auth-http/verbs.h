/* SPDX-License-Identifier: MIT
 * What the backend calls the verbs of wshub/auth.h. */
#ifndef AUTH_HTTP_VERBS_H
#define AUTH_HTTP_VERBS_H

#include <stdint.h>

const char *verb_name(uint32_t verb);  /* one of enum wshub_verb; NULL: there is no such */
uint32_t verb_named(const char *name); /* 0: there is no such */

#endif
