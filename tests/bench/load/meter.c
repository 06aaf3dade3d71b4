// SPDX-License-Identifier: MIT
#include "load/meter.h"

#include <stdio.h>

#include "load/clock.h"

static uint64_t own_cpu_ns(void) {
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
}

int meter_start(struct meter *meter, pid_t server) {
    *meter = (struct meter){.server = server};
    meter->thread_count = proc_threads(server, meter->threads);
    meter->client_ns = own_cpu_ns();
    meter->wall_ns = clock_now_ns();
    return proc_cpu_ns(server, &meter->server_ns);
}

static void stop_threads(struct meter *meter) {
    struct proc_thread now[PROC_THREADS_MAX];
    size_t count = proc_threads(meter->server, now);
    for (size_t i = 0; i < count; i++)
        for (size_t was = 0; was < meter->thread_count; was++)
            if (meter->threads[was].id == now[i].id)
                now[i].cpu_ns -= meter->threads[was].cpu_ns;
    for (size_t i = 0; i < count; i++)
        meter->threads[i] = now[i];
    meter->thread_count = count;
}

int meter_stop(struct meter *meter) {
    uint64_t server_ns;
    if (proc_cpu_ns(meter->server, &server_ns) < 0)
        return -1;
    meter->server_ns = server_ns - meter->server_ns;
    meter->wall_ns = clock_now_ns() - meter->wall_ns;
    meter->client_ns = own_cpu_ns() - meter->client_ns;
    stop_threads(meter);
    return 0;
}

void meter_report(const struct meter *meter, struct report *report, const char *unit, uint64_t count) {
    char name[64];
    double units = (double)count, wall_s = (double)meter->wall_ns / 1e9;
    snprintf(name, sizeof name, "server_us_per_%s", unit);
    report_number(report, name, (double)meter->server_ns / 1e3 / units);
    snprintf(name, sizeof name, "client_us_per_%s", unit);
    report_number(report, name, (double)meter->client_ns / 1e3 / units);
    snprintf(name, sizeof name, "%s_per_s", unit);
    report_number(report, name, units / wall_s);
    report_number(report, "wall_s", wall_s);
    report_number(report, "server_busy", (double)meter->server_ns / (double)meter->wall_ns);
    report_number(report, "client_busy", (double)meter->client_ns / (double)meter->wall_ns);
    report_open(report, "threads");
    for (size_t i = 0; i < meter->thread_count; i++) {
        snprintf(name, sizeof name, "%s/%d", meter->threads[i].name, (int)meter->threads[i].id);
        report_number(report, name, (double)meter->threads[i].cpu_ns / (double)meter->wall_ns);
    }
    report_close(report);
}
