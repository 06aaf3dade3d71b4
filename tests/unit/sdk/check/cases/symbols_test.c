// SPDX-License-Identifier: MIT
// What a file says of itself is not to be trusted: any byte of it may be wrong.
#include "cases/symbols.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILE_MAX = 1 << 20 };

struct file {
    char path[64];
    size_t size;
    unsigned char bytes[FILE_MAX];
};

// The plugins stand beside the unit tests.
static void path_of(const char *plugin, char *out, size_t size) {
    char self[512];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(out, size, "%.400s/../plugins/bad/%s.so", self, plugin);
}

static void write_file(struct file *file, size_t size) {
    FILE *out = fopen(file->path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(file->bytes, 1, size, out), size);
    fclose(out);
}

static struct file *read_good(void) {
    struct file *file = calloc(1, sizeof *file);
    char path[600];
    assert_non_null(file);
    path_of("good", path, sizeof path);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    file->size = fread(file->bytes, 1, FILE_MAX, in);
    fclose(in);
    snprintf(file->path, sizeof file->path, "/tmp/symbols-test-XXXXXX");
    int fd = mkstemp(file->path);
    assert_true(fd >= 0);
    close(fd);
    return file;
}

static void drop(struct file *file) {
    unlink(file->path);
    free(file);
}

static void one_symbol_is_exported(void **state) {
    (void)state;
    struct symbols symbols;
    const char *why;
    char path[600];
    path_of("good", path, sizeof path);
    assert_true(symbols_read(&symbols, path, &why));
    assert_int_equal(symbols.count, 1);
    assert_string_equal(symbols.names[0], "wshub_plugin_entry");
    symbols_free(&symbols);
}

static void a_second_one_is_seen(void **state) {
    (void)state;
    struct symbols symbols;
    const char *why;
    char path[600];
    bool found = false;
    path_of("exports-more", path, sizeof path);
    assert_true(symbols_read(&symbols, path, &why));
    assert_int_equal(symbols.count, 2);
    for (size_t i = 0; i < symbols.count; i++) {
        found |= strcmp(symbols.names[i], "helper") == 0;
    }
    assert_true(found);
    symbols_free(&symbols);
}

static void what_is_no_elf_file_is_refused(void **state) {
    (void)state;
    static const char *const paths[] = {"/dev/null", "/proc/self/nothing", "/tmp", "/etc/passwd"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct symbols symbols;
        const char *why = NULL;
        assert_false(symbols_read(&symbols, paths[i], &why));
        assert_non_null(why);
        assert_null(symbols.names);
    }
}

// Cut off anywhere: the section headers stand at the end, so that nothing is left to be read.
static void a_file_that_was_cut_is_refused(void **state) {
    (void)state;
    struct file *file = read_good();
    for (size_t size = 0; size < file->size; size += 1 + file->size / 97) {
        struct symbols symbols;
        const char *why = NULL;
        write_file(file, size);
        assert_false(symbols_read(&symbols, file->path, &why));
        assert_non_null(why);
    }
    drop(file);
}

// Whatever stands in its heads: an answer, and no crash.
static void damaged_heads_do_no_harm(void **state) {
    (void)state;
    struct file *file = read_good();
    uint64_t sections;
    memcpy(&sections, file->bytes + 40, sizeof sections); // e_shoff of a 64-bit head
    for (unsigned i = 0; i < 400; i++) {
        bool in_head = i < 64;
        size_t at = in_head ? i : (size_t)sections + i - 64;
        if (at >= file->size) {
            break;
        }
        unsigned char before = file->bytes[at];
        file->bytes[at] = i % 2 ? 0xFF : (unsigned char)(before + 1);
        write_file(file, file->size);
        struct symbols symbols;
        const char *why;
        if (symbols_read(&symbols, file->path, &why)) {
            symbols_free(&symbols);
        }
        file->bytes[at] = before;
    }
    drop(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_symbol_is_exported),         cmocka_unit_test(a_second_one_is_seen),
        cmocka_unit_test(what_is_no_elf_file_is_refused), cmocka_unit_test(a_file_that_was_cut_is_refused),
        cmocka_unit_test(damaged_heads_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
