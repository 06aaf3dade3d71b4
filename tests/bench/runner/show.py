# SPDX-License-Identifier: MIT
"""Tables for people, JSON for programs."""
import datetime
import json
import statistics


def rows(all_rows):
    for row in all_rows:
        print(f"{row.name:22} {row.title}")


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(heads, lines):
    widths = [max(len(line[i]) for line in [heads, *lines]) for i in range(len(heads))]
    for i, line in enumerate([heads, *lines]):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")
        if i == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def verdict(result):
    row = result.row
    if result.median <= row.goal:
        return "goal"
    return "must" if result.median <= row.must else "MISSED"


def spread(values):
    return f"{number(min(values))}–{number(max(values))}" if values else ""


def middle(values):
    return number(statistics.median(values)) if values else ""


def typical(reports, load):
    return middle([report[load.metric] for report in reports])


def absolute(result):
    """Subject and reference in their own unit, to see what the machine was like."""
    if not result.references:
        return ""
    metric = result.row.reference.metric
    units = sorted(report[metric] for report in result.references)
    return f"{number(result.median_of(result.row.subject.metric))} / {number(units[len(units) // 2])} µs"


def claims(results):
    table(["", "must", "goal", "uWebSockets", "measured", "spread", "meets", "server / reference"],
          [[r.row.title, number(r.row.must), number(r.row.goal), number(r.row.champion), number(r.median),
            spread(r.values), verdict(r), absolute(r)] for r in results])


def ratios(results):
    table(["", "measured", "spread", "server / reference"],
          [[r.row.title, number(r.median), spread(r.values), absolute(r)] for r in results])


def redis(results):
    table(["", "on redis", "spread", "on memory", "hiredis", "redis / hiredis", "spread", "(redis - memory) / hiredis",
           "spread"], [redis_line(r) for r in results])


def redis_line(result):
    row, own = result.row, [report[result.row.subject.metric] for report in result.subjects]
    line = [row.title, middle(own), spread(own), typical(result.bases, row.base)]
    if not result.references:
        return line + [""] * 5
    return line + [typical(result.references, row.reference), middle(result.values), spread(result.values),
                   middle(result.added), spread(result.added)]


def threads(report):
    return [(f"thread {name}", f"{busy:.0%} of a core") for name, busy in report["threads"].items()]


def sent_by_worker(report):
    counts = report["sent_by_worker"]
    return [(name, f"{number(count)} messages, {count / (sum(counts.values()) or 1):.0%}")
            for name, count in counts.items()]


def details(result):
    print(result.row.title)
    shown = []
    for metric in result.row.also:
        several = {"threads": threads, "sent_by_worker": sent_by_worker}.get(metric)
        shown += several(result.subjects[-1]) if several else [(metric, number(result.median_of(metric)))]
    for name, text in shown:
        print(f"    {name:27} {text}")


def results(all_results, label):
    with_bound = [r for r in all_results if r.row.must is not None]
    on_redis = [r for r in all_results if r.row.needs_redis]
    informing = [r for r in all_results if r.row.must is None and not r.row.also and not r.row.needs_redis]
    send = "1.0 = one bare send() of a ready frame per delivery, server CPU"
    hiredis = "1.0 = hiredis alone doing the same"
    for show, part, unit in ((claims, with_bound, send), (ratios, informing, send), (redis, on_redis, hiredis)):
        if part:
            print(f"\n{label}; {unit}\n")
            show(part)
    for result in all_results:
        if result.row.also:
            print()
            details(result)


def write_json(path, all_results, label, facts):
    document = {
        "server": label, "taken": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": facts,
        "rows": [{"name": r.row.name, "title": r.row.title, "must": r.row.must, "goal": r.row.goal,
                  "champion": r.row.champion, "median": r.median, "values": r.values, "added": r.added,
                  "subjects": r.subjects, "bases": r.bases, "references": r.references} for r in all_results],
    }
    with open(path, "w", encoding="utf-8") as out:
        json.dump(document, out, indent=1)
        out.write("\n")
