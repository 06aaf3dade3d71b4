# SPDX-License-Identifier: MIT
"""Starts and stops the servers that are measured: the hub with a configuration of its own, and wshub-bare."""
import contextlib
import os
import re
import socket
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass

from .process import ServerFailed, free_port, prepare, stop

START_SECONDS = 10

BARE = {"bare": (), "bare-gather": ("--gather",)}

# Nothing is tuned for the benchmark: what is not said here is the default.
CONFIG = """\
listen: 127.0.0.1:{port}
workers: {workers}
log: {{level: {level}}}
auth: none
channels:
  - {{match: "bench:*", subscribe: all, publish: all}}
"""
REDIS_CONFIG = """\
brokers:
  - {{name: main, plugin: redis, options: {{url: "redis://127.0.0.1:{port}"}}}}
"""


@dataclass(frozen=True)
class Server:
    port: int
    pid: int
    log: str = None  # the hub's


class Programs:
    def __init__(self, build, server):
        bench = os.path.join(build, "tests", "bench")
        self.load = os.path.join(bench, "wshub-load")
        self.bare = os.path.join(bench, "wshub-bare")
        self.bare_redis = os.path.join(bench, "wshub-bare-redis")
        self.label = server or os.path.join(build, "wshub")
        needed = [self.load, self.bare, self.bare_redis] + ([] if self.label in BARE else [self.label])
        for path in needed:
            if not os.access(path, os.X_OK):
                raise ServerFailed(f"{path} is not there: build it first, or name another --build or --server")

    def start(self, kind, workers, core, redis=None):
        """A context manager that yields a Server. `kind`: hub, or one of BARE. `redis`: the hub's broker."""
        if kind == "hub" and self.label in BARE:
            kind = self.label
        if kind in BARE:
            return bare_server([self.bare, *BARE[kind]], core)
        return hub_server(self.label, workers, core, redis)


@contextlib.contextmanager
def bare_server(command, core):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=prepare(core))
    try:
        words = process.stdout.readline().split()
        if len(words) != 2:
            raise ServerFailed(f"{command[0]} did not start")
        yield Server(int(words[1]), process.pid)
    finally:
        stop(process)
        process.stdout.close()


def get(port, path):
    """The text of an answer; empty when there is none or it is not a 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def metric(port, name):
    found = re.search(rf"^{name}(?:\{{.*\}})? (\S+)$", get(port, "/metrics"), re.MULTILINE)
    if not found:
        raise ServerFailed(f"the hub on port {port} does not tell its metric {name}")
    return float(found[1])


def sent_by_worker(port):
    """{"worker 0": messages it queued to clients, ...} of a running hub; empty for a server without metrics."""
    found = re.finditer(r'^wshub_messages_sent_total\{worker="(\d+)"\} (\d+)$', get(port, "/metrics"), re.MULTILINE)
    return {f"worker {match[1]}": int(match[2]) for match in found}


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until_it_serves(process, port, log_path, through_broker):
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if listens(port) and (not through_broker or get(port, "/readyz")):
            return
        time.sleep(0.02)
    with open(log_path, encoding="utf-8", errors="replace") as log:
        said = log.read()[-2000:].strip()
    what = "is not ready" if through_broker else "does not listen"
    raise ServerFailed(f"the hub {what} on port {port}; it said:\n{said or '(nothing)'}")


@contextlib.contextmanager
def hub_server(path, workers, core, redis):
    port = free_port()
    text = CONFIG.format(port=port, workers=workers, level="info" if redis else "warn")
    if redis:
        text += REDIS_CONFIG.format(port=redis.port)
    with tempfile.TemporaryDirectory(prefix="wshub-bench-") as folder:
        config, log_path = os.path.join(folder, "wshub.yaml"), os.path.join(folder, "log")
        with open(config, "w", encoding="utf-8") as out:
            out.write(text)
        with open(log_path, "wb") as log:
            process = subprocess.Popen([path, "serve", "--config", config], stdout=log, stderr=log,
                                       preexec_fn=prepare(core))
        try:
            wait_until_it_serves(process, port, log_path, redis is not None)
            yield Server(port, process.pid, log_path)
        finally:
            stop(process)
