"""Nodes whose clocks are minutes apart: time is the database's."""

import os
import pathlib
import tempfile
import time

from _cluster import Cluster, FAKETIME, OwnSqs, Replicas, must
from _load import Load, judge, lateness_s, records, seconds, verify_all
from _server import Cases

APART = {"b": "+5m", "c": "-3m"}
LATE_MAX_S = 4


def faked(folder, name, offset):
    """The node's clock follows a file, which may change while it runs."""
    set_clock(folder, name, offset)
    return {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(folder / name),
            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def set_clock(folder, name, offset):
    part = folder / f"{name}.part"
    part.write_text(f"{offset}\n")
    part.rename(folder / name)  # whole at any moment


def apart(cluster):
    """Nothing is early, nothing late, and records tell one time."""
    began = time.time()
    with Load(cluster, retry_delay="1s", fails_in=3) as load:
        load.finished_more(30)
        load.drain()
        judge(load)
        ended = time.time()
        none_is_early_or_late(cluster, load)
        for instance in set(load.ledger.starts.values()):
            times = [seconds(e["at"]) for e in records(cluster.nodes[1], instance)]
            must(times == sorted(times), f"{instance} has the times {times}")
            must(began - 2 < times[0] and times[-1] < ended + 2,
                 f"{instance} happened from {times[0]} to {times[-1]}, the test {began} to {ended}")


def none_is_early_or_late(cluster, load):
    late = lateness_s(cluster.nodes[0], load)
    must(len(late) > 5, f"there were only {len(late)} retries")
    print(f"    {len(late)} retries, {min(late):.3f} to {max(late):.3f} s late", flush=True)
    must(0 <= min(late) and max(late) < LATE_MAX_S,
         f"retries came {min(late)} to {max(late)} s after they were due")


def killed_while_apart(cluster):
    """The slow one dies: the fast one does not take its silence for minutes, nor the wait."""
    with Load(cluster, retry_delay="1s", fails_in=3) as load:
        load.finished_more(10)
        cluster.nodes[2].kill()
        load.finished_more(10)
        load.drain()
        judge(load, may_repeat=True)
        none_is_early_or_late(cluster, load)


def set_while_running(cluster, folder):
    """An hour forth, then an hour back, at two nodes under load."""
    with Load(cluster, retry_delay="1s", fails_in=3) as load:
        for offset in ("+1h", "-1h", "+0"):
            load.finished_more(10)
            for name in APART:
                set_clock(folder, name, offset)
        load.finished_more(10)
        load.drain()
        judge(load)
        none_is_early_or_late(cluster, load)


def main():
    cases = Cases()
    must(os.path.exists(FAKETIME), f"{FAKETIME} is missing")
    with tempfile.TemporaryDirectory(prefix="swm-clocks-") as name:
        run(cases, pathlib.Path(name))
    cases.finish()


def run(cases, folder):
    env = {name: faked(folder, name, offset) for name, offset in APART.items()}
    with Replicas() as replicas, OwnSqs() as sqs, Cluster(replicas, sqs, env=env) as cluster:
        cluster.check(cases, "clocks are minutes apart", apart)
        cluster.check(cases, "a node dies while clocks are apart", killed_while_apart)
        cluster.check(cases, "clocks are set an hour forth and back", set_while_running, folder)
        cluster.check(cases, "verify is clean at every node", verify_all)


main()
