# SPDX-License-Identifier: MIT
"""Starts and stops the servers that are measured: the hub with a configuration of its own, and wshub-bare."""
import contextlib
import os
import re
import resource
import socket
import subprocess
import tempfile
import time
import urllib.request

START_SECONDS = 10
STOP_SECONDS = 10

BARE = {"bare": (), "bare-gather": ("--gather",)}

# Nothing is tuned for the benchmark: what is not said here is the default.
CONFIG = """\
listen: 127.0.0.1:{port}
workers: {workers}
log: {{level: warn}}
auth: none
channels:
  - {{match: "bench:*", subscribe: all, publish: all}}
"""


class ServerFailed(Exception):
    pass


class Programs:
    def __init__(self, build, server):
        bench = os.path.join(build, "tests", "bench")
        self.load = os.path.join(bench, "wshub-load")
        self.bare = os.path.join(bench, "wshub-bare")
        self.label = server or os.path.join(build, "wshub")
        needed = [self.load, self.bare] + ([] if self.label in BARE else [self.label])
        for path in needed:
            if not os.access(path, os.X_OK):
                raise ServerFailed(f"{path} is not there: build it first, or name another --build or --server")

    def start(self, kind, workers, core):
        """A context manager that yields (port, pid). `kind`: hub, or one of BARE."""
        if kind == "hub" and self.label in BARE:
            kind = self.label
        if kind in BARE:
            return bare_server([self.bare, *BARE[kind]], core)
        return hub_server(self.label, workers, core)


def prepare(core):
    """What runs in a child between fork and exec: its core, and all the descriptors it may have."""
    def apply():
        if core is not None:
            os.sched_setaffinity(0, {core})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return apply


def stop(process):
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def bare_server(command, core):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=prepare(core))
    try:
        words = process.stdout.readline().split()
        if len(words) != 2:
            raise ServerFailed(f"{command[0]} did not start")
        yield int(words[1]), process.pid
    finally:
        stop(process)
        process.stdout.close()


def sent_by_worker(port):
    """{"worker 0": messages it queued to clients, ...} of a running hub; empty for a server without metrics."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    found = (re.match(r'wshub_messages_sent_total\{worker="(\d+)"\} (\d+)$', line) for line in lines)
    return {f"worker {match[1]}": int(match[2]) for match in found if match}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_listens(process, port, log_path):
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    with open(log_path, encoding="utf-8", errors="replace") as log:
        said = log.read()[-2000:].strip()
    raise ServerFailed(f"the hub does not listen on port {port}; it said:\n{said or '(nothing)'}")


@contextlib.contextmanager
def hub_server(path, workers, core):
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="wshub-bench-") as folder:
        config, log_path = os.path.join(folder, "wshub.yaml"), os.path.join(folder, "log")
        with open(config, "w", encoding="utf-8") as out:
            out.write(CONFIG.format(port=port, workers=workers))
        with open(log_path, "wb") as log:
            process = subprocess.Popen([path, "serve", "--config", config], stdout=log, stderr=log,
                                       preexec_fn=prepare(core))
        try:
            wait_until_it_listens(process, port, log_path)
            yield port, process.pid
        finally:
            stop(process)
