# SPDX-License-Identifier: MIT
"""A Redis server of the benchmark's own: empty, on a free port, killed and started anew on the same one."""
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time

from .process import ServerFailed, free_port, prepare

START_SECONDS = 10
ANSWER_SECONDS = 30


def program():
    """The path of redis-server, or None. WSHUB_REDIS_BIN names another, as for the integration tests."""
    return shutil.which(os.environ.get("WSHUB_REDIS_BIN", "redis-server"))


def version():
    words = subprocess.run([program(), "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    return next((word[2:] for word in words if word.startswith("v=")), "of unknown version")


def reply(lines):
    """One reply, bulk strings as bytes."""
    line = lines.readline()
    if not line.endswith(b"\r\n"):
        raise ServerFailed("redis-server cut the connection")
    kind, text = line[:1], line[1:-2]
    if kind == b"$":
        return lines.read(int(text) + 2)[:-2]
    if kind == b"*":
        return [reply(lines) for _ in range(int(text))]
    if kind == b"-":
        raise ServerFailed(f"redis-server answered: {text.decode()}")
    return int(text) if kind == b":" else text


class Redis:
    def __init__(self, folder, core):
        self.folder, self.core, self.port = folder, core, free_port()
        self.process = self.connection = self.lines = None

    def start(self):
        command = [program(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                   "--appendonly", "no", "--daemonize", "no"]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            preexec_fn=prepare(self.core))
        self.connect()

    def connect(self):
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.connection = socket.create_connection(("127.0.0.1", self.port), ANSWER_SECONDS)
                self.lines = self.connection.makefile("rb")
                return
            except ConnectionRefusedError:
                time.sleep(0.005)
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
            raise ServerFailed(f"redis-server does not listen on port {self.port}; it said:\n{log.read()[-2000:]}")

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        if self.connection:
            self.lines.close()
            self.connection.close()
        self.process = self.connection = self.lines = None

    def command(self, words):
        self.connection.sendall(words.encode() + b"\r\n")
        return reply(self.lines)

    def subscribed_channels(self):
        """How many channels have a subscription: a counter of Redis, cheap to ask for again and again."""
        fields = dict(line.split(b":", 1) for line in self.command("INFO stats").split(b"\r\n") if b":" in line)
        return int(fields[b"pubsub_channels"])


@contextlib.contextmanager
def redis_server(core):
    with tempfile.TemporaryDirectory(prefix="wshub-bench-redis-") as folder:
        redis = Redis(folder, core)
        try:
            redis.start()
            yield redis
        finally:
            redis.kill()
