# SPDX-License-Identifier: MIT
"""What all child processes have in common: cores, limits, ports, and an end."""
import ctypes
import os
import resource
import signal
import socket
import subprocess

STOP_SECONDS = 10
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class ServerFailed(Exception):
    pass


def prepare(core):
    """What runs in a child between fork and exec: its core, all the descriptors it may have, and its end with ours,
    should we be killed before we can end it."""
    def apply():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
