# SPDX-License-Identifier: MIT
"""What the numbers were taken on: a ratio without it means little later."""
import contextlib
import fcntl
import os
import platform
import sys
import tempfile


def cores():
    """The core of the server and the core of the client, or None where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else None


def model():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def facts(pinned):
    return {"cpu": model(), "cores": os.cpu_count(), "kernel": platform.release(),
            "load_average": os.getloadavg()[0],
            "server_core": pinned[0] if pinned else None, "client_core": pinned[1] if pinned else None}


def describe(known):
    text = f"bench: {known['cpu']}, {known['cores']} cores, Linux {known['kernel']}"
    if "redis" in known:
        text += f", Redis {known['redis']}"
    if known["server_core"] is None:
        text += "; only one core: nothing is pinned and ratios will be wide"
    if known["load_average"] > 0.5:
        text += f"; load average {known['load_average']:.1f}: others work here, expect noise"
    return text


@contextlib.contextmanager
def alone():
    """Two benchmarks on the same two cores would measure each other: the second waits for the first."""
    path = os.path.join(tempfile.gettempdir(), f"wshub-bench-{os.getuid()}.lock")
    with open(path, "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("bench: another benchmark runs here; waiting for it", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
