/* SPDX-License-Identifier: MIT */
#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Without a buffer of the library's, and never moved: what is read may be secret, and its reader wipes it. */
static char *read_all(FILE *file, size_t *length) {
    char *text = malloc(FILE_MOST + 2);
    setvbuf(file, NULL, _IONBF, 0);
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
    return text;
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
