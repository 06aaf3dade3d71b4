/* SPDX-License-Identifier: MIT
 * Public keys of a PEM file: PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE, as many as there are. */
#ifndef JWT_PEM_H
#define JWT_PEM_H

#include <stddef.h>

struct keys;

/* Adds them. NULL: all is well. Else what is wrong with the text, as a constant that goes on from "...,
 * which"; PEM_NO_MEMORY: no memory. */
extern const char PEM_NO_MEMORY[];
const char *pem_read(struct keys *keys, const char *text, size_t length);

#endif
