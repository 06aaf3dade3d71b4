# SPDX-License-Identifier: MIT
"""How fast a hub has everything back in a Redis that was killed and came back empty: subscriptions, registry.

The time counts from the hub's line `broker up` until Redis has all of it and the hub knows. Both sides are asked
seldom at first and often near the end, so that the asking costs little.
"""
import contextlib
import datetime
import os
import re
import time

from .process import ServerFailed
from .servers import metric

DEADLINE_SECONDS = 30
PAUSE_LEAST, PAUSE_MOST = 0.001, 0.02


@contextlib.contextmanager
def on_core(core):
    """The asking must not take time of the hub's core."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def broker_up(log_path, offset):
    """When the line `broker up` was written behind `offset`, in seconds since the epoch."""
    until = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < until:
        with open(log_path, "rb") as log:
            log.seek(offset)
            found = re.search(rb'^time=(\S+)Z level=\w+ event="broker up"', log.read(), re.MULTILINE)
        if found:
            return datetime.datetime.fromisoformat(found[1].decode() + "+00:00").timestamp()
        time.sleep(PAUSE_LEAST)
    raise ServerFailed(f"the hub did not say `broker up` within {DEADLINE_SECONDS} s of the restart of Redis")


def wait_for(what, least, read, since):
    """Until read() is `least`; when that was."""
    while True:
        have, now = read(), time.time()
        if have >= least:
            return now
        if now - since > DEADLINE_SECONDS:
            raise ServerFailed(f"{what}: {have:,} of {least:,} after {DEADLINE_SECONDS} s")
        rest = (now - since) * (least - have) / max(have, 1)
        time.sleep(min(max(rest / 2, PAUSE_LEAST), PAUSE_MOST))


def must_be(what, found, expected):
    if found != expected:
        raise ServerFailed(f"{what}: found {found:,}, expected {expected:,}")


def restored_channels(hub, redis, held, since):
    count = held["channels"]
    wait_for("subscriptions in Redis", count, redis.subscribed_channels, since)
    done = wait_for("channels that are not lost", count, lambda: count - metric(hub.port, "wshub_channels_lost"),
                    since)
    must_be("bench:* in PUBSUB CHANNELS", len(redis.command("PUBSUB CHANNELS bench:*")), count)
    return count, done


def written_keys(hub, redis, held, since):
    count = held["connections"]
    done = wait_for("keys in Redis", count + 1, lambda: redis.command("DBSIZE"), since)  # 1: ws:instance:*
    must_be("keys ws:conn:*", len(redis.command("KEYS ws:conn:*")), count)
    return count, done


KINDS = {"channels": restored_channels, "registry": written_keys}


def measure(kind, hub, redis, held, core):
    """What a hub whose clients are `held` needs. A report like those of the programs."""
    offset = os.path.getsize(hub.log)
    redis.kill()
    redis.start()
    with on_core(core):
        since = broker_up(hub.log, offset)
        count, done = KINDS[kind](hub, redis, held, since)
    return {"seconds": done - since, "per_s": count / (done - since)}
