# SPDX-License-Identifier: MIT
"""Runs the rows: reference and subject in turns (A B A B A), a fresh server each, the median of the ratios."""
import contextlib
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field

from . import machine, rebuild
from .process import prepare
from .redis import redis_server
from .servers import sent_by_worker

DEADLINE_SECONDS = 120


class LoadFailed(Exception):
    pass


@dataclass
class Result:
    row: object
    subjects: list = field(default_factory=list)    # whole reports of wshub-load, or of rebuild
    bases: list = field(default_factory=list)
    references: list = field(default_factory=list)  # one more than subjects, or none

    def units(self):
        """What the reference took around each subject."""
        taken = [report[self.row.reference.metric] for report in self.references]
        return [(before + after) / 2 for before, after in zip(taken, taken[1:])] or [1] * len(self.subjects)

    @property
    def values(self):
        """The ratios, or the metric itself where there is no reference."""
        return [report[self.row.subject.metric] / unit for report, unit in zip(self.subjects, self.units())]

    @property
    def added(self):
        """The same for what the subject takes more than the base."""
        return [(report[self.row.subject.metric] - base[self.row.base.metric]) / unit
                for report, base, unit in zip(self.subjects, self.bases, self.units())]

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
        result = Result(row)
        if row.reference:
            result.references.append(self.load(row.reference))
        for _ in range(self.reps):
            if row.base:
                result.bases.append(self.load(row.base))
            result.subjects.append(self.load(row.subject))
            if row.reference:
                result.references.append(self.load(row.reference))
        return result

    def load(self, load):
        server_core, client_core = self.cores if load.pinned and self.cores else (None, None)
        # Redis shares the client's core: what is measured has its own to itself, the hub and hiredis alike.
        with redis_server(client_core) if load.redis else contextlib.nullcontext() as redis:
            if load.server == "hiredis":
                report = self.drive(self.programs.bare_redis, load, {"port": redis.port}, server_core)
            else:
                with self.programs.start(load.server, load.workers, server_core, redis) as server:
                    report = self.load_server(load, server, redis, client_core)
        print(".", end="", file=sys.stderr, flush=True)
        return report

    def load_server(self, load, server, redis, core):
        options = {"port": server.port, "pid": server.pid, "deadline": DEADLINE_SECONDS}
        if load.rebuild:
            with self.held(load, options, core) as held:
                return rebuild.measure(load.rebuild, server, redis, held, core)
        report = self.drive(self.programs.load, load, options, core)
        if load.workers > 1:
            report["sent_by_worker"] = sent_by_worker(server.port)
        return report

    def command(self, program, load, options):
        options = {**load.options, **options}
        if self.quick and "messages" in options:
            options["messages"] = max(options["messages"] // 10, 1)
        words = [program, load.scenario]
        for name, value in options.items():
            words += [f"--{name}", str(value)]
        return words

    def drive(self, program, load, options, core):
        command = self.command(program, load, options)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=DEADLINE_SECONDS + 30, preexec_fn=prepare(core), check=False)
        if done.returncode != 0:
            raise LoadFailed(f"\n{' '.join(command)}\n{done.stderr.strip()}")
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def held(self, load, options, core):
        """Connections that stay, with their channels; yields how many of both there are."""
        command = self.command(self.programs.load, load, options)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, preexec_fn=prepare(core))
        try:
            if process.stdout.readline() == "holding\n":
                connections = load.options["connections"]
                yield {"connections": connections, "channels": connections * load.options["per-connection"]}
            out, said = process.communicate(timeout=DEADLINE_SECONDS)  # closes stdin: its sign to end
            if process.returncode != 0:
                raise LoadFailed(f"\n{' '.join(command)}\n{said.strip()}")
            report = json.loads(out)
            if report["gaps"] < report["channels"]:
                raise LoadFailed(f"\n{report['gaps']} of {report['channels']} subscribers were told of the gap")
        finally:
            process.kill()
            process.wait()
