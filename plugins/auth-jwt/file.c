/* SPDX-License-Identifier: MIT */
#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static char *read_all(FILE *file, size_t *length) {
    char *text = malloc(FILE_MOST + 2);
    if (!text) {
        return NULL;
    }
    *length = fread(text, 1, FILE_MOST + 1, file);
    if (ferror(file) || *length > FILE_MOST) {
        int error = ferror(file) ? errno : EFBIG;
        free(text);
        errno = error;
        return NULL;
    }
    text[*length] = 0;
    char *fitted = realloc(text, *length + 1);
    return fitted ? fitted : text;
}

char *file_read(const char *path, size_t *length) {
    FILE *file = fopen(path, "re");
    if (!file) {
        return NULL;
    }
    char *text = read_all(file, length);
    int error = errno;
    fclose(file);
    errno = error;
    return text;
}
