// SPDX-License-Identifier: MIT
#include "storm/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMAND = 512 };

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *format, ...) {
    char command[COMMAND];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command) == 0 ? 0 : -1; // our own words and numbers
}

static bool write_to(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return written;
}

// Who is not root becomes it in a user namespace, where that is allowed.
static bool enter_as_user(void) {
    char user[64], group[64];
    snprintf(user, sizeof user, "0 %u 1", (unsigned)getuid());
    snprintf(group, sizeof group, "0 %u 1", (unsigned)getgid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && write_to("/proc/self/setgroups", "deny") &&
           write_to("/proc/self/uid_map", user) && write_to("/proc/self/gid_map", group);
}

bool netns_enter(void) {
    if (unshare(CLONE_NEWNET) != 0 && !enter_as_user())
        return false;
    return run("ip link set lo up 2>/dev/null") == 0 &&
           run("ip link add probe0 type veth peer name probe1 2>/dev/null && ip link del probe0") == 0;
}

static int hold(void *context) {
    const int *told = context;
    if (unshare(CLONE_NEWNET) != 0 || write(*told, "", 1) != 1)
        return 1;
    pause(); // until it is killed
    return 0;
}

int netns_add(struct netns *netns, unsigned number) {
    int ends[2];
    char word;
    *netns = (struct netns){.number = number};
    snprintf(netns->address, sizeof netns->address, "10.77.%u.2", number & 0xff);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    int held = process_fork(&netns->holder, hold, &ends[1]);
    close(ends[1]);
    bool told = held == 0 && read(ends[0], &word, 1) == 1;
    close(ends[0]);
    if (!told)
        return -1;
    snprintf(netns->pid, sizeof netns->pid, "%d", (int)netns->holder.pid);
    return run(
        "ip link add storm%u type veth peer name broker netns %s && ip addr add 10.77.%u.1/30 dev storm%u && "
        "ip link set storm%u up && nsenter -t %s -n sh -c 'ip link set lo up && ip addr add %s/30 dev broker "
        "&& "
        "ip link set broker up'",
        number, netns->pid, number & 0xff, number, number, netns->pid, netns->address);
}

void netns_link(const struct netns *netns, bool up) {
    run("ip link set storm%u %s", netns->number, up ? "up" : "down");
}

void netns_remove(struct netns *netns) {
    if (netns->holder.pid)
        process_kill(&netns->holder); // the link goes with the namespace
}
