// SPDX-License-Identifier: MIT
// The program's own malloc: whose a block is, and which allocation fails.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>

#include "host/memory.h"

static void *volatile kept; // so that no allocation is optimized away

static void be_plugin(void) {
    memory_enter(MEMORY_OF_PLUGIN);
}

static void be_kit(void) {
    memory_enter(MEMORY_OF_KIT);
}

static void counts_the_plugins_blocks_only(void **state) {
    (void)state;
    struct memory_live before = memory_live();
    kept = malloc(1000);
    assert_int_equal(memory_live().blocks, before.blocks);
    void *ours = kept;
    be_plugin();
    kept = malloc(1000);
    be_kit();
    assert_int_equal(memory_live().blocks, before.blocks + 1);
    assert_int_equal(memory_live().bytes, before.bytes + malloc_usable_size(kept));
    free(ours);
    assert_int_equal(memory_live().blocks, before.blocks + 1);
    free(kept); // by the kit: it was the plugin's all the same
    assert_int_equal(memory_live().blocks, before.blocks);
    assert_int_equal(memory_live().bytes, before.bytes);
}

static void a_block_that_grows_stays_whose_it_was(void **state) {
    (void)state;
    struct memory_live before = memory_live();
    be_plugin();
    kept = malloc(10);
    be_kit();
    kept = realloc(kept, 100000);
    assert_int_equal(memory_live().blocks, before.blocks + 1);
    assert_true(memory_live().bytes >= before.bytes + 100000);
    free(kept);
    assert_int_equal(memory_live().bytes, before.bytes);
}

static void counts_aligned_ones(void **state) {
    (void)state;
    struct memory_live before = memory_live();
    void *block = NULL;
    be_plugin();
    assert_int_equal(posix_memalign(&block, 4096, 100), 0);
    kept = aligned_alloc(64, 128);
    be_kit();
    assert_int_equal((uintptr_t)block % 4096, 0);
    assert_int_equal((uintptr_t)kept % 64, 0);
    assert_int_equal(memory_live().blocks, before.blocks + 2);
    free(block);
    free(kept);
    assert_int_equal(memory_live().blocks, before.blocks);
}

enum { MANY = 20000 };

static void counts_many(void **state) {
    (void)state;
    static void *all[MANY];
    struct memory_live before = memory_live();
    be_plugin();
    for (size_t i = 0; i < MANY; i++) {
        all[i] = malloc(1 + i % 300);
    }
    be_kit();
    assert_int_equal(memory_live().blocks, before.blocks + MANY);
    for (size_t i = 0; i < MANY; i++) {
        free(all[(i * 7919) % MANY]);
    }
    assert_int_equal(memory_live().blocks, before.blocks);
    assert_int_equal(memory_live().bytes, before.bytes);
}

static void the_nth_fails_and_no_other(void **state) {
    (void)state;
    void *blocks[4];
    memory_fail_at(3);
    assert_non_null(kept = malloc(1)); // the kit's
    free(kept);
    be_plugin();
    blocks[0] = malloc(1);
    blocks[1] = calloc(1, 1);
    blocks[2] = realloc(NULL, 1);
    blocks[3] = malloc(1);
    be_kit();
    memory_fail_at(0);
    assert_non_null(blocks[0]);
    assert_non_null(blocks[1]);
    assert_null(blocks[2]);
    assert_non_null(blocks[3]);
    assert_true(memory_failed());
    assert_int_equal(memory_asked(), 4); // still, now that none fails any more
    for (int i = 0; i < 4; i++) {
        free(blocks[i]);
    }
    memory_fail_at(9);
    assert_false(memory_failed());
    assert_int_equal(memory_asked(), 0);
    memory_fail_at(0);
}

static void *allocate(void *context) {
    void **block = context;
    *block = malloc(1); // threads begin as the plugin's
    return NULL;
}

static void *allocate_on_thread(void) {
    pthread_t thread;
    void *block = NULL;
    assert_int_equal(pthread_create(&thread, NULL, allocate, &block), 0);
    pthread_join(thread, NULL);
    return block;
}

static void threads_are_spared_until_it_is_said(void **state) {
    (void)state;
    free(allocate_on_thread()); // what a first thread needs is there now
    memory_fail_at(1);
    void *block = allocate_on_thread();
    assert_non_null(block);
    free(block);
    memory_fail_threads(true);
    memory_fail_at(1);
    assert_null(allocate_on_thread());
    memory_fail_at(0);
    memory_fail_threads(false);
}

static int setup(void **state) {
    (void)state;
    memory_begin();
    be_kit();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_the_plugins_blocks_only),
        cmocka_unit_test(a_block_that_grows_stays_whose_it_was),
        cmocka_unit_test(counts_aligned_ones),
        cmocka_unit_test(counts_many),
        cmocka_unit_test(the_nth_fails_and_no_other),
        cmocka_unit_test(threads_are_spared_until_it_is_said),
    };
    return MEMORY_IS_OURS ? cmocka_run_group_tests(tests, setup, NULL) : 0;
}
