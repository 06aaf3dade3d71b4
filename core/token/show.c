// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "token_tool.h"

// Escaped to ASCII: a token is somebody else's text, and this is a terminal.
void show_json(const char *title, const json_t *value) {
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
    printf("%s %s\n", title, text ? text : "(out of memory)");
    free(text);
}

static void show_distance(char *out, size_t size, double seconds) {
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    const double distance = fabs(seconds);
    size_t i = 0;
    while (i < 3 && distance < units[i].seconds) {
        i++;
    }
    long count = (long)(distance / units[i].seconds);
    snprintf(out, size, seconds < 0 ? "%ld %s%s ago" : "in %ld %s%s", count, units[i].name,
             count == 1 ? "" : "s");
}

void show_time(char out[SHOWN_TIME], double seconds, uint64_t now) {
    const time_t at = (time_t)seconds;
    char date[40], distance[40];
    struct tm broken;
    if (!(fabs(seconds) < 253402300800.0) || !gmtime_r(&at, &broken)) {
        snprintf(out, SHOWN_TIME, "beyond the year 9999 (these are seconds, not milliseconds)");
        return;
    }
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", &broken);
    show_distance(distance, sizeof distance, seconds - (double)now / 1000);
    snprintf(out, SHOWN_TIME, "%s (%s)", date, distance);
}

void show_times(const json_t *claims, uint64_t now) {
    static const struct {
        const char *name, *title;
    } times[] = {{"iat", "issued"}, {"nbf", "not before"}, {"exp", "expires"}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        const json_t *claim = json_object_get(claims, times[i].name);
        char text[SHOWN_TIME] = "not a number";
        if (json_is_number(claim)) {
            show_time(text, json_number_value(claim), now);
        }
        if (claim) {
            printf("%-11s %s\n", times[i].title, text);
        }
    }
    if (!json_object_get(claims, "exp")) {
        printf("%-11s never\n", "expires");
    }
}
