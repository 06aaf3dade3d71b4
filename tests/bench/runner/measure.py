# SPDX-License-Identifier: MIT
"""Runs the rows: reference and subject in turns (A B A B A), a fresh server each, the median of the ratios."""
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass

from . import machine
from .servers import prepare, sent_by_worker

DEADLINE_SECONDS = 120


class LoadFailed(Exception):
    pass


@dataclass
class Result:
    row: object
    values: list      # the ratios, or the metric itself where there is no reference
    subjects: list    # whole reports of wshub-load
    references: list

    @property
    def median(self):
        return statistics.median(self.values)

    def median_of(self, metric):
        return statistics.median(report[metric] for report in self.subjects)


class Bench:
    def __init__(self, programs, reps, quick):
        self.programs, self.reps, self.quick = programs, reps, quick
        self.cores = machine.cores()

    def run_all(self, rows):
        results = []
        for row in rows:
            print(f"bench: {row.name}", end="", file=sys.stderr, flush=True)
            results.append(self.run_row(row))
            print(f" {results[-1].median:.3g}", file=sys.stderr)
        return results

    def run_row(self, row):
        if row.reference is None:
            subjects = [self.load(row.subject) for _ in range(self.reps)]
            return Result(row, [report[row.subject.metric] for report in subjects], subjects, [])
        references, subjects = [self.load(row.reference)], []
        for _ in range(self.reps):
            subjects.append(self.load(row.subject))
            references.append(self.load(row.reference))
        units = [report[row.reference.metric] for report in references]
        ratios = [report[row.subject.metric] / ((units[i] + units[i + 1]) / 2)
                  for i, report in enumerate(subjects)]
        return Result(row, ratios, subjects, references)

    def load(self, load):
        pinned = self.cores if load.pinned and self.cores else (None, None)
        with self.programs.start(load.server, load.workers, pinned[0]) as (port, pid):
            report = self.drive(load, port, pid, pinned[1])
            if load.workers > 1:
                report["sent_by_worker"] = sent_by_worker(port)
        print(".", end="", file=sys.stderr, flush=True)
        return report

    def drive(self, load, port, pid, core):
        options = {**load.options, "port": port, "pid": pid, "deadline": DEADLINE_SECONDS}
        if self.quick and "messages" in options:
            options["messages"] = max(options["messages"] // 10, 1)
        command = [self.programs.load, load.scenario]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=DEADLINE_SECONDS + 30, preexec_fn=prepare(core), check=False)
        if done.returncode != 0:
            raise LoadFailed(f"\n{' '.join(command)}\n{done.stderr.strip()}")
        return json.loads(done.stdout)
