// SPDX-License-Identifier: MIT
// The timeline as SVG: how many deliveries in each tenth of a second, how late they were, who came back, with
// the faults as bands and every violation as a mark. No script, no font to load: it opens anywhere.
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "storm/outcome.h"

#define LOG_LEAST .1 // ms
enum { WIDTH = 1200, LEFT = 72, RIGHT = 24, PLOT = WIDTH - LEFT - RIGHT, HEAD = 96, LANE = 26, GAP = 30 };

struct panel {
    const char *title, *unit, *colour;
    double (*value)(const struct bucket *bucket);
    int height;
    bool bars, logarithmic;
    double most; // at the top of the panel; what is above is cut, and its most said
    double peak;
    int top;
};

struct picture {
    FILE *out;
    const struct outcome *outcome;
    double seconds; // of the whole
};

static void put(const struct picture *picture, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(const struct picture *picture, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(picture->out, format, arguments);
    va_end(arguments);
}

static double x_of(const struct picture *picture, double seconds) {
    return LEFT + seconds / picture->seconds * PLOT;
}

static double seconds_at(const struct picture *picture, uint64_t at_ns) {
    return ((double)at_ns - (double)picture->outcome->start_ns) / 1e9;
}

static double bucket_seconds(size_t bucket) {
    return (double)bucket * MEASURES_BUCKET_MS / 1e3;
}

// ---- frame and words ----

static void style(const struct picture *picture, int height) {
    put(picture,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n<style>"
        "text{font:12px system-ui,sans-serif;fill:#475569}"
        ".h{font-size:19px;font-weight:600;fill:#0f172a}.v{font-weight:600}.s{font-size:11px}"
        ".g{stroke:#e2e8f0}.a{stroke:#94a3b8}</style>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
        WIDTH, height, WIDTH, height);
}

static void head(const struct picture *picture) {
    const struct outcome *outcome = picture->outcome;
    const struct storm_options *options = &outcome->storm->options;
    const struct verdict *verdict = &outcome->verdict;
    const struct measures *measures = &outcome->measures;
    bool clean = outcome_clean(outcome);
    put(picture,
        "<text class=\"h\" x=\"%d\" y=\"34\">%s%s</text>"
        "<rect x=\"%d\" y=\"16\" width=\"96\" height=\"26\" rx=\"13\" fill=\"%s\"/>"
        "<text class=\"v\" x=\"%d\" y=\"33\" text-anchor=\"middle\" style=\"fill:#fff\">%s</text>\n",
        LEFT, options->backend, options->history ? " with history" : "", WIDTH - RIGHT - 96,
        clean ? "#16a34a" : "#dc2626", WIDTH - RIGHT - 48, clean ? "clean" : "violated");
    put(picture,
        "<text x=\"%d\" y=\"56\">%" PRIu64 " instances · %" PRIu64 " subscribers × %" PRIu64 " of %" PRIu64
        " channels · %" PRIu64 " publishers at %" PRIu64 "/s · seed %" PRIu64 "</text>\n",
        LEFT, options->instances, options->subscribers, options->per_subscriber, options->channels,
        options->publishers, options->rate, options->seed);
    put(picture,
        "<text x=\"%d\" y=\"74\">owed %" PRIu64 " · delivered %" PRIu64 " · told %" PRIu64
        " · <tspan class=\"v\">lost %" PRIu64 " · duplicated %" PRIu64 " · reordered %" PRIu64
        "</tspan> · delay p50 %.1f p99 %.0f max %.0f ms · silence %.0f ms · %" PRIu64
        " reconnects, at most %" PRIu64 "/s</text>\n",
        LEFT, verdict->owed, verdict->delivered, verdict->told, verdict->found[FOUND_LOST],
        verdict->found[FOUND_DUPLICATED], verdict->found[FOUND_REORDERED], measures->p50_ms, measures->p99_ms,
        measures->most_ms, measures->silence_ms, measures->reconnects, measures->reconnects_peak);
}

// 1, 2 or 5 times a power of ten, so that there are at most `steps` of them up to `most`.
static double step_of(double most, int steps) {
    double step = 1e-3;
    static const double factors[] = {2, 2.5, 2};
    for (int i = 0; most / step > steps; i++)
        step *= factors[i % 3];
    return step;
}

static void time_axis(const struct picture *picture, int top, int bottom) {
    double step = step_of(picture->seconds, 16);
    for (double at = 0; at <= picture->seconds; at += step)
        put(picture,
            "<line class=\"g\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
            "<text class=\"s\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g s</text>\n",
            x_of(picture, at), x_of(picture, at), top, bottom, x_of(picture, at), bottom + 16, at);
}

// ---- faults ----

static const char *fault_colour(const struct fault *fault) {
    static const struct {
        const char *word, *colour;
    } colours[] = {{"rolling", "#2563eb"}, {"instance", "#7c3aed"}, {"broker", "#ea580c"},
                   {"cut", "#db2777"},     {"slow", "#0d9488"},     {"clock", "#65a30d"}};
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        if (strstr(fault_name(fault), colours[i].word))
            return colours[i].colour;
    return "#64748b";
}

static double name_width(const struct fault *fault) {
    return 6.6 * (double)strlen(fault_name(fault));
}

// Names stand in lanes, where the one before leaves room.
static int lanes_of(const struct picture *picture, int *lanes) {
    double ends[4] = {0};
    int most = 1;
    for (unsigned i = 0; i < picture->outcome->faults->current; i++) {
        const struct fault *fault = &picture->outcome->faults->all[i];
        double x = x_of(picture, seconds_at(picture, fault->began_ns));
        int lane = 0;
        while (lane < 3 && ends[lane] > x)
            lane++;
        ends[lane] = x + 14 + name_width(fault);
        lanes[i] = lane;
        most = lane + 1 > most ? lane + 1 : most;
    }
    return most;
}

static void bands(const struct picture *picture, const int *lanes, int top, int bottom) {
    for (unsigned i = 0; i < picture->outcome->faults->current; i++) {
        const struct fault *fault = &picture->outcome->faults->all[i];
        double from = x_of(picture, seconds_at(picture, fault->began_ns));
        double to = x_of(picture, seconds_at(picture, fault->ended_ns));
        const char *colour = fault_colour(fault);
        int name = top + lanes[i] * 15 + 12;
        bool fits = from + 4 + name_width(fault) < WIDTH; // else it stands before its line
        put(picture,
            "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\" fill-opacity=\".10\"/>"
            "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"%s\"/>"
            "<text class=\"s\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\" style=\"fill:%s\">%s</text>\n",
            from, top, to - from > 1 ? to - from : 1, bottom - top, colour, from, from, top, bottom, colour,
            fits ? from + 4 : from - 4, name, fits ? "start" : "end", colour, fault_name(fault));
    }
}

// ---- panels ----

static double delivered_per_s(const struct bucket *bucket) {
    return (double)bucket->delivered * 1000 / MEASURES_BUCKET_MS;
}

static double delay_ms(const struct bucket *bucket) {
    return bucket->delay_ms;
}

static double reconnects(const struct bucket *bucket) {
    return bucket->reconnects;
}

// Three times the mean of what is not zero, where a peak would leave the rest flat.
static void scale(const struct picture *picture, struct panel *panel) {
    double sum = 0, count = 1, limit;
    panel->peak = 1;
    for (size_t i = 0; i < picture->outcome->measures.bucket_count; i++) {
        double value = panel->value(&picture->outcome->measures.buckets[i]);
        panel->peak = value > panel->peak ? value : panel->peak;
        sum += value;
        count += value > 0;
    }
    limit = panel->bars || panel->logarithmic ? panel->peak : 3 * sum / count;
    panel->most = (limit < panel->peak ? limit : panel->peak) * 1.08;
}

static double share_of(const struct panel *panel, double value) {
    double share = value / panel->most;
    if (panel->logarithmic)
        share = value > LOG_LEAST ? log(value / LOG_LEAST) / log(panel->most / LOG_LEAST) : 0;
    return share < 1 ? share : 1;
}

static double y_of(const struct panel *panel, double value) {
    return panel->top + panel->height - share_of(panel, value) * panel->height;
}

static void value_axis(const struct picture *picture, const struct panel *panel) {
    double step = step_of(panel->most, (panel->height + 40) / 34);
    for (double at = 0; at <= panel->most; at = panel->logarithmic ? (at > 0 ? at * 10 : 1) : at + step)
        put(picture,
            "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
            "<text class=\"s\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
            at > 0 ? "g" : "a", LEFT, WIDTH - RIGHT, y_of(panel, at), y_of(panel, at), LEFT - 8,
            y_of(panel, at) + 4, at);
    put(picture, "<text x=\"%d\" y=\"%d\"><tspan class=\"v\" style=\"fill:%s\">%s</tspan> %s", LEFT,
        panel->top - 8, panel->colour, panel->title, panel->unit);
    if (panel->peak > panel->most)
        put(picture, ", cut: up to %.0f", panel->peak);
    put(picture, "</text>\n");
}

static void draw_bars(const struct picture *picture, const struct panel *panel) {
    double width = PLOT / picture->seconds * MEASURES_BUCKET_MS / 1e3;
    for (size_t i = 0; i < picture->outcome->measures.bucket_count; i++) {
        double value = panel->value(&picture->outcome->measures.buckets[i]);
        if (value > 0)
            put(picture, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" fill=\"%s\"/>\n",
                x_of(picture, bucket_seconds(i)), y_of(panel, value), width > 1.4 ? width - .4 : width,
                panel->top + panel->height - y_of(panel, value), panel->colour);
    }
}

static void draw_line(const struct picture *picture, const struct panel *panel) {
    size_t count = picture->outcome->measures.bucket_count;
    double base = y_of(panel, 0);
    put(picture, "<path fill=\"%s\" fill-opacity=\".14\" stroke=\"%s\" stroke-width=\"1.3\" d=\"M%.1f %.1f",
        panel->colour, panel->colour, x_of(picture, 0), base);
    for (size_t i = 0; i < count; i++)
        put(picture, "H%.1fV%.1f", x_of(picture, bucket_seconds(i)),
            y_of(panel, panel->value(&picture->outcome->measures.buckets[i])));
    put(picture, "H%.1fV%.1f\"/>\n", x_of(picture, picture->seconds), base);
}

// ---- violations ----

static const char *const mark_colours[FINDINGS] = {
    [FOUND_LOST] = "#dc2626",      [FOUND_DUPLICATED] = "#9333ea", [FOUND_REORDERED] = "#d97706",
    [FOUND_MISPLACED] = "#be185d", [FOUND_FOREIGN] = "#111827",    [FOUND_TWICE] = "#0369a1",
};

static void marks(const struct picture *picture, int top) {
    const struct outcome *outcome = picture->outcome;
    int drawn = 0;
    put(picture, "<line class=\"a\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT, WIDTH - RIGHT,
        top + LANE, top + LANE);
    for (size_t i = 0; i < outcome->example_count; i++, drawn++)
        put(picture, "<circle cx=\"%.1f\" cy=\"%d\" r=\"4\" fill=\"%s\" fill-opacity=\".7\"/>\n",
            x_of(picture, seconds_at(picture, outcome->examples[i].at_ns)), top + LANE / 2,
            mark_colours[outcome->examples[i].finding]);
    int x = LEFT;
    for (int i = 0; i < FINDINGS; i++, x += 128)
        put(picture,
            "<circle cx=\"%d\" cy=\"%d\" r=\"4\" fill=\"%s\"/>"
            "<text class=\"s\" x=\"%d\" y=\"%d\">%s %" PRIu64 "</text>\n",
            x + 5, top + LANE + 38, mark_colours[i], x + 14, top + LANE + 42, finding_names[i],
            outcome->verdict.found[i]);
    if (drawn == 0)
        put(picture, "<text class=\"s\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">no violations</text>\n",
            LEFT + PLOT / 2, top + LANE / 2 + 4);
}

// ---- all ----

static void draw(const struct picture *picture) {
    struct panel panels[] = {
        {"deliveries", "per second", "#2563eb", delivered_per_s, 190, .bars = false},
        {"delay", "p99 of each 100 ms, ms", "#ea580c", delay_ms, 110, .logarithmic = true},
        {"reconnects", "per 100 ms", "#7c3aed", reconnects, 70, .bars = true},
    };
    enum { PANELS = sizeof panels / sizeof *panels };
    int lanes[FAULTS_MOST];
    int top = HEAD, at = HEAD + lanes_of(picture, lanes) * 15 + GAP;
    for (int i = 0; i < PANELS; i++) {
        panels[i].top = at;
        scale(picture, &panels[i]);
        at += panels[i].height + GAP;
    }
    int bottom = at + LANE - GAP / 2;
    style(picture, bottom + 62);
    head(picture);
    time_axis(picture, top, bottom);
    bands(picture, lanes, top, bottom);
    for (int i = 0; i < PANELS; i++) {
        value_axis(picture, &panels[i]);
        (panels[i].bars ? draw_bars : draw_line)(picture, &panels[i]);
    }
    marks(picture, bottom - LANE);
    put(picture, "</svg>\n");
}

int outcome_picture(const struct outcome *outcome, const char *path) {
    struct picture picture = {.outcome = outcome, .out = fopen(path, "w")};
    if (!picture.out)
        return -1;
    picture.seconds = bucket_seconds(outcome->measures.bucket_count);
    draw(&picture);
    return fclose(picture.out) == 0 ? 0 : -1;
}
