// SPDX-License-Identifier: MIT
// Loading from files: where they are looked for, and that nothing stays behind. The plugins are those of
// tests/plugins.
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "plugin/builtin.h"
#include "plugin/catalog.h"
#include "plugin/folders.h"
#include "plugin/plugin.h"
#include "scarce_memory.h"
#include "util/buf.h"

struct fixture {
    char program[PATH_MAX]; // the folder of this one
    char good[PATH_MAX + 32], broken[PATH_MAX + 32];
};

static int set_up(void **state) {
    static struct fixture f;
    ssize_t length = readlink("/proc/self/exe", f.program, sizeof f.program - 1);
    assert_true(length > 0);
    *strrchr(f.program, '/') = '\0';
    snprintf(f.good, sizeof f.good, "%s/../plugins/good", f.program);
    snprintf(f.broken, sizeof f.broken, "%s/../plugins/broken", f.program);
    *state = &f;
    return 0;
}

// Whether the shared object is in this process.
static bool is_mapped(const char *name) {
    char line[PATH_MAX + 128];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (!found && fgets(line, sizeof line, maps)) {
        found = strstr(line, name);
    }
    fclose(maps);
    return found;
}

static void assert_loads(struct plugin *plugin, const char *name, const char *const *folders, size_t count) {
    struct buf why = {0};
    if (!plugin_load(plugin, name, folders, count, &why)) {
        fail_msg("%.*s", (int)why.length, why.data);
    }
    assert_int_equal(why.length, 0);
    buf_free(&why);
}

// What is said of it holds `expected`, and is one line.
static void assert_refuses(const char *name, const char *const *folders, size_t count, const char *expected) {
    static const struct plugin nothing;
    struct plugin plugin;
    struct buf why = {0};
    assert_false(plugin_load(&plugin, name, folders, count, &why));
    assert_memory_equal(&plugin, &nothing, sizeof plugin);
    buf_append(&why, "", 1);
    if (!strstr(why.data, expected) || strchr(why.data, '\n')) {
        fail_msg("expected: %s\ngot: %s", expected, why.data);
    }
    buf_free(&why);
}

static void loads_by_path_and_unloads(void **state) {
    const struct fixture *f = *state;
    struct plugin plugin;
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/loopback.so", f->good);
    assert_loads(&plugin, path, NULL, 0);
    assert_string_equal(plugin.file, path);
    assert_non_null(plugin.library);
    assert_string_equal(plugin.about.name, "loopback");
    assert_string_equal(plugin.about.version, "1.2.3");
    assert_non_null(plugin.broker.publish);
    assert_true(is_mapped("/loopback.so"));
    plugin_unload(&plugin);
    assert_false(is_mapped("/loopback.so"));
    plugin_unload(&plugin); // zeroed: nothing to do
}

static void loads_by_name_from_the_first_folder_that_has_it(void **state) {
    const struct fixture *f = *state;
    const char *const folders[] = {"/nowhere", f->broken, f->good};
    struct plugin plugin;
    char path[2 * PATH_MAX];
    assert_loads(&plugin, "loopback", folders, 3);
    snprintf(path, sizeof path, "%s/loopback.so", f->good);
    assert_string_equal(plugin.file, path);
    plugin_unload(&plugin);
}

static void loads_an_auth_plugin_from_the_same_folders(void **state) {
    const struct fixture *f = *state;
    const char *const folders[] = {f->broken, f->good};
    struct plugin plugin;
    assert_loads(&plugin, "auth_table", folders, 2);
    assert_ptr_equal(plugin.about.auth, &plugin.auth);
    assert_null(plugin.about.broker);
    assert_non_null(plugin.auth.authenticate);
    plugin_unload(&plugin);
    assert_refuses("auth-no-close", folders, 2, "/auth-no-close.so: found no slot close for auth");
    assert_false(is_mapped("/auth-no-close.so"));
}

static void finds_what_is_built_in(void **state) {
    (void)state;
    struct plugin plugin;
    assert_loads(&plugin, "memory", NULL, 0);
    assert_null(plugin.library);
    assert_string_equal(plugin.file, "built in");
    assert_ptr_equal(plugin.about.broker, &plugin.broker);
    assert_ptr_equal(plugin.broker.publish, builtin_find("memory")->broker->publish);
    plugin_unload(&plugin);
}

static void two_brokers_can_have_the_same_plugin(void **state) {
    const struct fixture *f = *state;
    const char *const folders[] = {f->good};
    struct plugin one, other;
    assert_loads(&one, "loopback", folders, 1);
    assert_loads(&other, "loopback", folders, 1);
    plugin_unload(&one);
    assert_true(is_mapped("/loopback.so"));
    assert_string_equal(other.about.name, "loopback");
    plugin_unload(&other);
    assert_false(is_mapped("/loopback.so"));
}

static void what_is_refused_is_not_kept(void **state) {
    const struct fixture *f = *state;
    const char *const folders[] = {f->broken};
    assert_refuses("wrong-magic", folders, 1, "/wrong-magic.so: found magic ");
    assert_false(is_mapped("/wrong-magic.so"));
    assert_refuses("no-entry", folders, 1, "/no-entry.so: found no wshub_plugin_entry");
    assert_false(is_mapped("/no-entry.so"));
    assert_refuses("other-name", folders, 1, "/other-name.so: found the name \"another\"");
    assert_false(is_mapped("/other-name.so"));
}

static void an_unknown_name_is_answered_with_what_there_is(void **state) {
    const struct fixture *f = *state;
    const char *const folders[] = {f->good, "/nowhere"};
    assert_refuses("lopback", folders, 2, "found \"lopback\", expected loopback perhaps: ");
    assert_refuses("carrier-pigeon", folders, 2,
                   "found \"carrier-pigeon\", expected auth_table or loopback or memory: ");
    assert_refuses("carrier-pigeon", folders, 2, "/good, /nowhere");
    assert_refuses("two\nlines", folders, 2, "found \"two\\u000alines\"");
}

static void lists_names_once_and_sorted(void **state) {
    const struct fixture *f = *state;
    const char *const folders[] = {f->good, "/nowhere", f->good};
    struct catalog catalog;
    assert_true(catalog_read(&catalog, folders, 3));
    assert_int_equal(catalog.count, 3);
    assert_string_equal(catalog.names[0], "auth_table");
    assert_string_equal(catalog.names[1], "loopback");
    assert_string_equal(catalog.names[2], "memory");
    catalog_free(&catalog);
}

static void looks_beside_the_program_and_where_it_was_installed(void **state) {
    const struct fixture *f = *state;
    char first[] = "first", second[] = "/second", *paths[] = {first, second};
    const struct config_strings plugin_path = {paths, 2};
    struct folders folders;
    char expected[PATH_MAX + 32];
    assert_true(folders_make(&folders, &plugin_path));
    assert_int_equal(folders.count, 4);
    assert_string_equal(folders.items[0], "first");
    assert_string_equal(folders.items[1], "/second");
    snprintf(expected, sizeof expected, "%s/plugins", f->program);
    assert_string_equal(folders.items[2], expected);
    snprintf(expected, sizeof expected, "%s", f->program);
    *strrchr(expected, '/') = '\0';
    assert_int_equal(strncmp(folders.items[3], expected, strlen(expected)), 0);
    assert_non_null(strstr(folders.items[3], "/wshub/plugins"));
    assert_null(strstr(folders.items[3], ".."));
    folders_free(&folders);
    folders_free(&folders);
}

static void no_memory_is_an_error(void **state) {
    const struct fixture *f = *state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    char *paths[] = {(char *)f->good};
    const struct config_strings plugin_path = {paths, 1};
    bool ok = false;
    size_t allowed = 0;
    for (; !ok && allowed < 1000; allowed++) {
        struct folders folders;
        struct plugin plugin = {0};
        struct buf why = {0};
        memory_allowed = allowed;
        bool made = folders_make(&folders, &plugin_path);
        ok = made && plugin_load(&plugin, "loopback", folders.items, folders.count, &why);
        memory_allowed = SIZE_MAX;
        assert_true(ok || !made || why.failed || why.length > 0);
        plugin_unload(&plugin);
        folders_free(&folders);
        buf_free(&why);
    }
    assert_true(ok);
    assert_true(allowed > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_by_path_and_unloads),
        cmocka_unit_test(loads_by_name_from_the_first_folder_that_has_it),
        cmocka_unit_test(loads_an_auth_plugin_from_the_same_folders),
        cmocka_unit_test(finds_what_is_built_in),
        cmocka_unit_test(two_brokers_can_have_the_same_plugin),
        cmocka_unit_test(what_is_refused_is_not_kept),
        cmocka_unit_test(an_unknown_name_is_answered_with_what_there_is),
        cmocka_unit_test(lists_names_once_and_sorted),
        cmocka_unit_test(looks_beside_the_program_and_where_it_was_installed),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
