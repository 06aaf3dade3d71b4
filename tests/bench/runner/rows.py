# SPDX-License-Identifier: MIT
"""What is measured: one entry per row of the tables. Nothing here runs anything."""
from dataclasses import dataclass, field


class NoSuchRow(Exception):
    pass


@dataclass(frozen=True)
class Load:
    """One run of wshub-load against a fresh server, or of wshub-bare-redis."""
    server: str  # "hub", "bare" or "bare-gather"; "hiredis": wshub-bare-redis on a fresh Redis, no server
    scenario: str
    options: dict
    metric: str
    workers: int = 1
    pinned: bool = True
    redis: bool = False  # the hub's broker is a fresh Redis
    rebuild: str = None  # what is measured is how fast the hub has it back: "channels" or "registry"


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    subject: Load
    reference: Load = None  # measured before and after each subject; the result is the ratio
    must: float = None
    goal: float = None
    champion: float = None  # uWebSockets 20, measured with the same method on this kind of machine
    also: tuple = field(default=())  # metrics of the subject to show as they are
    base: Load = None  # measured before each subject; what the subject takes more is a second ratio

    @property
    def needs_redis(self):
        return any(load and load.redis for load in (self.subject, self.reference, self.base))


def fanout(server="hub", subscribers=2000, messages=100, window=1, publishers=1, idle=0, **how):
    options = {"subscribers": subscribers, "messages": messages, "window": window, "publishers": publishers,
               "idle": idle}
    return Load(server, "fanout", options, "server_us_per_delivery", **how)


def one_to_one(channels=5000, messages=100000, ack=0, idle=0, server="hub"):
    # A pool of 16 publishing connections, 256 publications outstanding in all.
    options = {"channels": channels, "messages": messages, "warmup": 5000, "window": 256, "publishers": 16,
               "ack": ack, "idle": idle}
    return Load(server, "one-to-one", options, "server_us_per_delivery")


def connect(server, in_flight):
    options = {"connections": 5000, "warmup": 200, "in-flight": in_flight}
    return Load(server, "connect", options, "server_us_per_connection")


def idle(one_channel):
    options = {"connections": 10000, "one-channel": one_channel}
    return Load("hub", "idle", options, "kib_per_connection")


def paced(scenario, **options):
    return Load("hub", scenario, options, "p50_us")


# The hub on Redis, the same on its memory broker, and hiredis alone doing what the plugin must do at least.
OVER = 5000  # channels with one subscriber each


def through(redis=False, rate=0, messages=200000):
    """One to one through a broker: 1,000 publications outstanding, or paced."""
    options = {"channels": OVER, "messages": messages, "warmup": 5000, "publishers": 16}
    options |= {"rate": rate, "doze": 1} if rate else {"window": 1000}
    scenario = "paced-one-to-one" if rate else "one-to-one"
    return Load("hub", scenario, options, "server_us_per_delivery", redis=redis)


def hiredis(rate=0, messages=500000):
    options = {"channels": OVER, "messages": messages, "warmup": 5000, "window": 1000, "rate": rate}
    return Load("hiredis", "one-to-one", options, "us_per_message", redis=True)


def rebuilt(what, connections, per_connection):
    options = {"connections": connections, "per-connection": per_connection}
    return Load("hub", "hold", options, "per_s", redis=True, rebuild=what)


def hiredis_rebuild(scenario, count, window):
    return Load("hiredis", scenario, {"channels": count, "window": window}, "per_s", redis=True)


def channels(redis=False):
    options = {"connections": 500, "per-connection": 100}
    return Load("hub", "channels", options, "bytes_per_channel", redis=redis)


PACED = {"rate": 5000, "messages": 20000}

# 1.0: one bare send() of a ready frame per delivery.
UNIT = fanout("bare")
LATENCY = ("p50_us", "p90_us", "p99_us", "p999_us", "max_us", "server_busy")
SHARING = ("delivery_per_s", "server_us_per_delivery", "client_busy", "threads", "sent_by_worker")

ROWS = (
    # The claims: these have a bound.
    Row("rss", "RSS per idle subscribed connection, KiB", idle(0), None, 2.0, 1.0, 0.46),
    Row("fanout-1", "fan-out, 1 publication at a time to 2,000", fanout(), UNIT, 1.25, 1.10, 1.12),
    # Sixteen publishing connections: with a single one all sixteen arrive in one read and nothing is hard.
    Row("fanout-16", "fan-out, 16 publications outstanding",
        fanout(messages=1000, window=16, publishers=16), UNIT, 0.22, 0.13, 0.13),
    Row("one-to-one", "one to one over 5,000 channels", one_to_one(), UNIT, 1.6, 1.2, 1.19),
    Row("connect", "connect + subscribe, to the bare accept loop", connect("hub", 8), connect("bare", 8),
        1.6, 1.2, 1.1),
    # The rest informs. First what the bare servers themselves get by this method, in the same run.
    Row("bare-fanout-16", "bare, a turn's messages gathered: 16 publications outstanding",
        fanout("bare-gather", messages=1000, window=16, publishers=16), UNIT),
    Row("bare-one-to-one", "bare, one send() each: one to one over 5,000 channels", one_to_one(server="bare"), UNIT),
    # Cold caches cost both sides here: on a busy machine this one is steadier than the claim above.
    Row("one-to-one-like", "one to one, to bare doing the same (the field: uWebSockets 1.01)", one_to_one(),
        one_to_one(server="bare")),
    Row("rss-one-channel", "RSS per idle connection, all on one channel, KiB", idle(1)),
    Row("one-to-one-ack", "one to one, every publish answered", one_to_one(ack=1), UNIT),
    Row("connect-64", "connect + subscribe, 64 under way", connect("hub", 64), connect("bare", 64)),
    Row("idle-cost-fanout", "fan-out to 1,000 with 15,000 idle, to the same with 1,000 idle",
        fanout(subscribers=1000, messages=200, idle=15000), fanout(subscribers=1000, messages=200, idle=1000)),
    Row("idle-cost-one", "one to one over 2,000 with 15,000 idle, to the same with 1,000 idle",
        one_to_one(2000, idle=15000), one_to_one(2000, idle=1000)),
    Row("workers-2-fanout-1", "2 workers, not pinned: 1 publication at a time to 2,000",
        fanout(workers=2, pinned=False), also=SHARING),
    Row("workers-2-fanout-16", "2 workers, not pinned: 16 publications outstanding",
        fanout(messages=1000, window=16, publishers=16, workers=2, pinned=False), also=SHARING),
    Row("latency-one", "latency one to one, 1,000/s, µs",
        paced("paced-one-to-one", channels=5000, rate=1000, messages=5000, warmup=500, publishers=16),
        also=LATENCY),
    Row("latency-fanout", "latency fan-out to 2,000, 10/s, µs",
        paced("paced-fanout", subscribers=2000, rate=10, messages=50), also=LATENCY),
    # The hub on Redis. Windows of hiredis are those of the hub: as many are outstanding on both sides.
    Row("redis-one-to-one", "one to one, 1,000 outstanding: CPU per message, µs", through(redis=True), hiredis(),
        base=through()),
    Row("redis-one-to-one-paced", "one to one, 5,000/s: CPU per message, µs", through(redis=True, **PACED),
        hiredis(**PACED), base=through(**PACED)),
    Row("redis-restore", "50,000 subscriptions back after a restart, per second", rebuilt("channels", 500, 100),
        hiredis_rebuild("subscribe", 50000, 1024)),
    Row("redis-registry", "15,000 registry keys back after a restart, per second", rebuilt("registry", 15000, 0),
        hiredis_rebuild("set", 15000, 512)),
    Row("redis-memory", "memory per channel with one subscriber, bytes", channels(redis=True), base=channels()),
)


GROUPS = {"claims": lambda row: row.must is not None, "redis": lambda row: row.needs_redis}


def choose(only):
    """Rows by name or group, in the order of the list; all of them without one."""
    wanted = set(only.split(",")) if only else set()
    unknown = wanted - GROUPS.keys() - {row.name for row in ROWS}
    if unknown:
        there = ", ".join([*GROUPS, *(row.name for row in ROWS)])
        raise NoSuchRow(f"no row {', '.join(sorted(unknown))}; there are: {there}")
    return tuple(row for row in ROWS
                 if not wanted or row.name in wanted or any(GROUPS[name](row) for name in wanted & GROUPS.keys()))
