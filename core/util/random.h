// SPDX-License-Identifier: MIT
// Unpredictable bytes, and identifiers made of them.
#pragma once

#include <stddef.h>
#include <stdint.h>

// From the kernel; cannot fail once the machine has booted.
void random_bytes(void *out, size_t length);
uint64_t random_u64(void);

// 128 bits as lower-case hexadecimal, terminated.
enum { RANDOM_ID_BYTES = 16, RANDOM_ID_LENGTH = 32 };
void random_id_format(const uint8_t id[RANDOM_ID_BYTES], char out[RANDOM_ID_LENGTH + 1]);
