// SPDX-License-Identifier: MIT
// No memory at any point of following a history: nobody is given a part for the whole, and nothing is silent.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reader_fixture.h"
#include "scarce_memory.h"

enum { ALLOCATIONS = 24 };

static void end(struct fixture *f, struct claim *claim) {
    for (size_t i = 0; i < READERS; i++) {
        if (readers[i]) {
            reader_free(readers[i]);
        }
    }
    leave(claim);
    run_rounds(f->loop);
    tear_down(f);
}

static struct reader *reads_along(struct fixture *f) {
    struct position position;
    struct claim *claim = come_to(f, 0, ROOM, &position);
    wait_answered(claim, WSHUB_OK);
    return reader_on(f, claim);
}

// The second of three messages comes too late or never; each in turn finds no memory.
static void a_live_message_that_finds_no_memory_is_read(void **state) {
    (void)state;
    for (size_t allowed = 0; SCARCE_MEMORY && allowed < 4; allowed++) {
        for (uint64_t which = 1; which <= 3; which++) {
            struct fixture f;
            set_up_histories(&f, "recovery: {check: 1h}\n");
            struct reader *reader = reads_along(&f);
            for (unsigned i = 0; i < 3; i++) {
                fake_store(f.fake, ROOM, "x");
            }
            for (uint64_t offset = 3; offset > 0; offset--) {
                memory_allowed = offset == which ? allowed : SIZE_MAX;
                fake_deliver_stored(f.fake, ROOM, offset);
                memory_allowed = SIZE_MAX;
            }
            wait_story(reader, "1 2 3");
            assert_int_equal(f.workers[0].gaps, 0);
            end(&f, reader->claim);
        }
    }
}

static void a_hole_that_is_read_without_memory_is_read_again(void **state) {
    (void)state;
    for (size_t allowed = 0; SCARCE_MEMORY && allowed < ALLOCATIONS; allowed += 4) {
        struct fixture f;
        set_up_histories(&f, "recovery: {check: 1h}\n");
        struct reader *reader = reads_along(&f);
        fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
        for (unsigned i = 0; i < 6; i++) {
            fake_store(f.fake, ROOM, "x");
        }
        fake_deliver_stored(f.fake, ROOM, 6);
        wait_calls(&f, FAKE_HISTORY, 2);
        fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
        memory_allowed = allowed;
        fake_complete(f.fake, f.fake->held, WSHUB_OK);
        memory_allowed = SIZE_MAX;
        wait_story(reader, "1 2 3 4 5 6");
        end(&f, reader->claim);
    }
}

static void a_gap_that_finds_no_memory_is_told_later(void **state) {
    struct fixture f;
    (void)state;
    if (!SCARCE_MEMORY) {
        return;
    }
    set_up_histories(&f, "recovery: {check: 1h}\n");
    struct reader *reader = reads_along(&f);
    fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
    bring_many(&f, 1);
    fake_store(f.fake, ROOM, "2");
    f.fake->host->lose(f.fake->host->self, (struct wshub_bytes){ROOM, strlen(ROOM)});
    wait_calls(&f, FAKE_HISTORY, 2);
    fake_trim(f.fake, ROOM, 3); // nothing is left to be read
    memory_allowed = 0;
    fake_complete(f.fake, f.fake->held, WSHUB_OK);
    memory_allowed = SIZE_MAX;
    fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
    wait_story(reader, "1 g2");
    bring_many(&f, 1);
    assert_string_equal(reader->story, "1 g2 3");
    end(&f, reader->claim);
}

static void who_comes_back_has_all_or_an_error(void **state) {
    unsigned whole = 0, failed = 0;
    (void)state;
    for (size_t allowed = 0; SCARCE_MEMORY && allowed < ALLOCATIONS; allowed++) {
        struct fixture f;
        set_up_histories(&f, "recovery: {check: 1h}\n");
        for (unsigned i = 0; i < 5; i++) {
            fake_store(f.fake, ROOM, "x");
        }
        struct claim *claim = subscribed(&f, 0, ROOM);
        fake_behave(f.fake, FAKE_HISTORY, FAKE_HOLD, 0);
        struct reader *reader = reader_new(&f, claim, "first", 0);
        struct reader *later = reader_new(&f, claim, "first", 3);
        wait_calls(&f, FAKE_HISTORY, 2);
        fake_behave(f.fake, FAKE_HISTORY, FAKE_AT_ONCE, 0);
        memory_allowed = allowed;
        fake_complete(f.fake, f.fake->held, WSHUB_OK);
        memory_allowed = SIZE_MAX;
        run_until(f.loop, has_answer, reader);
        run_until(f.loop, has_answer, later);
        bool all = strcmp(reader->story, "1 2 3 4 5") == 0 && strcmp(later->story, "4 5") == 0;
        bool none = strcmp(reader->story, "x1") == 0 && strcmp(later->story, "x1") == 0;
        assert_true(all || none);
        whole += all;
        failed += none;
        end(&f, claim);
    }
    assert_true(!SCARCE_MEMORY || (whole > 0 && failed > 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_live_message_that_finds_no_memory_is_read),
        cmocka_unit_test(a_hole_that_is_read_without_memory_is_read_again),
        cmocka_unit_test(a_gap_that_finds_no_memory_is_told_later),
        cmocka_unit_test(who_comes_back_has_all_or_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
