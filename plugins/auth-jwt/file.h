/* SPDX-License-Identifier: MIT
 * A whole small file in memory. */
#ifndef JWT_FILE_H
#define JWT_FILE_H

#include <stddef.h>

enum { FILE_MOST = 1024 * 1024 };

/* To be freed; terminated. NULL: errno says why, EFBIG for more than FILE_MOST. */
char *file_read(const char *path, size_t *length);

#endif
