// SPDX-License-Identifier: MIT
// Which of a name's addresses is the broker's: the one where somebody answers. localhost is ::1 first on many
// machines, and most brokers listen on 127.0.0.1 alone.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/address.h"

// A port of its own; nobody listens there yet.
static int reserve(struct sockaddr_in *name, struct addrinfo *info) {
    socklen_t length = sizeof *name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)name, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)name, &length), 0);
    *info = (struct addrinfo){.ai_family = AF_INET,
                              .ai_socktype = SOCK_STREAM,
                              .ai_addr = (struct sockaddr *)name,
                              .ai_addrlen = sizeof *name};
    return fd;
}

static void the_address_that_answers_is_chosen(void **state) {
    (void)state;
    struct sockaddr_in names[3];
    struct addrinfo infos[3];
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = reserve(&names[i], &infos[i]);
        infos[i].ai_next = i < 2 ? &infos[i + 1] : NULL;
    }
    assert_ptr_equal(address_choose(infos), &infos[0]);
    assert_int_equal(listen(fds[2], 8), 0);
    assert_ptr_equal(address_choose(infos), &infos[2]);
    assert_int_equal(listen(fds[1], 8), 0);
    assert_ptr_equal(address_choose(infos), &infos[1]);
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_address_that_answers_is_chosen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
