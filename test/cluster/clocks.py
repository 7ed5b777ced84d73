"""Nodes whose clocks are minutes apart: time is the database's."""

import os
import time

from _cluster import Cluster, FAKETIME, OwnSqs, Replicas, must
from _load import Load, judge, lateness_s, records, seconds
from _server import Cases

APART = {"b": "+5m", "c": "-3m"}
LATE_MAX_S = 4


def faked(offset):
    return {"LD_PRELOAD": FAKETIME, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def apart(cluster):
    """Nothing is early, nothing late, and records tell one time."""
    began = time.time()
    with Load(cluster, retry_delay="1s", fails_in=3) as load:
        load.finished_more(30)
        load.drain()
        judge(load)
        ended = time.time()
        late = lateness_s(cluster.nodes[0], load)
        must(len(late) > 5, f"there were only {len(late)} retries")
        print(f"    {len(late)} retries, {min(late):.3f} to {max(late):.3f} s late", flush=True)
        must(0 <= min(late) and max(late) < LATE_MAX_S,
             f"retries came {min(late)} to {max(late)} s after they were due")
        for instance in set(load.ledger.starts.values()):
            times = [seconds(e["at"]) for e in records(cluster.nodes[1], instance)]
            must(times == sorted(times), f"{instance} has the times {times}")
            must(began - 2 < times[0] and times[-1] < ended + 2,
                 f"{instance} happened from {times[0]} to {times[-1]}, the test {began} to {ended}")


def killed_while_apart(cluster):
    """The slow one dies: the fast one does not take its silence for minutes, nor the wait."""
    with Load(cluster, retry_delay="1s", fails_in=3) as load:
        load.finished_more(10)
        cluster.nodes[2].kill()
        load.finished_more(10)
        load.drain()
        judge(load, may_repeat=True)
        late = lateness_s(cluster.nodes[0], load)
        must(late and 0 <= min(late) and max(late) < LATE_MAX_S,
             f"retries came {late} s after they were due")


def main():
    cases = Cases()
    must(os.path.exists(FAKETIME), f"{FAKETIME} is missing")
    env = {name: faked(offset) for name, offset in APART.items()}
    with Replicas() as replicas, OwnSqs() as sqs, Cluster(replicas, sqs, env=env) as cluster:
        cases.check("clocks are minutes apart", apart, cluster)
        cases.check("a node dies while clocks are apart", killed_while_apart, cluster)
    cases.finish()


main()
