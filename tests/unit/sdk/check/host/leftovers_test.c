// SPDX-License-Identifier: MIT
// What was not there before: descriptors by their names, threads by their number.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "host/leftovers.h"
#include "util/buf.h"

static void expect(const struct leftovers *before, unsigned milliseconds, const char *beginning) {
    struct buf left = {0};
    leftovers_compare(before, milliseconds, &left);
    buf_append(&left, "", 1);
    assert_int_equal(strncmp(left.data, beginning, beginning[0] ? strlen(beginning) : 1), 0);
    buf_free(&left);
}

static void descriptors_are_named(void **state) {
    (void)state;
    struct leftovers *before = leftovers_new();
    assert_non_null(before);
    expect(before, 0, "");
    int fd = open("/dev/null", O_RDONLY);
    char expected[64];
    snprintf(expected, sizeof expected, "1 descriptor (%d: /dev/null)", fd);
    expect(before, 0, expected);
    close(fd);
    expect(before, 0, "");
    leftovers_free(before);
}

static void *wait_on(void *mutex) {
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
    return NULL;
}

static void threads_are_counted_and_waited_for(void **state) {
    (void)state;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_on, &mutex), 0); // ThreadSanitizer's comes with it
    pthread_join(thread, NULL);
    struct leftovers *before = leftovers_new();
    pthread_mutex_lock(&mutex);
    assert_int_equal(pthread_create(&thread, NULL, wait_on, &mutex), 0);
    expect(before, 0, "1 thread");
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    expect(before, 5000, "");
    leftovers_free(before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_named),
        cmocka_unit_test(threads_are_counted_and_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
