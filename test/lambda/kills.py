"""Sandboxes that are killed at any point of an invocation, while orders come and workers work. What
was acknowledged is done, exactly once; nothing stays where it is; verify is clean."""

import random
import threading

from _lambda import Cases, Function, OwnSqs, Poller, Replicas, Ticker, must, until
from _load import DRAIN_S, Load, SEED, judge

KILLS = 200
LATEST_S = 0.03  # most invocations are over by then
TIMERS = "swm-timers"


class Lambda:
    """Looks like a cluster of one node to the load."""

    def __init__(self, function, sqs):
        self.function, self.sqs, self.nodes = function, sqs, [function]

    def running(self):
        return self.nodes

    def silences(self):
        return 0  # whoever is killed is silent, and told so by nobody


class Peril:
    """Kills some of the sandboxes that work, a random moment after they began."""

    def __init__(self):
        self.chance, self.lock = random.Random(SEED), threading.Lock()
        self.left, self.killed = KILLS, 0

    def __call__(self, sandbox):
        with self.lock:
            if self.left == 0 or self.chance.random() < 0.5:
                return
            self.left -= 1
            after_s = self.chance.uniform(0, LATEST_S)
        threading.Timer(after_s, self.kill, [sandbox]).start()

    def kill(self, sandbox):
        with self.lock:
            self.killed += 1
        sandbox.kill()


def killed_under_load(function, sqs):
    peril = Peril()
    with Load(Lambda(function, sqs), retry_delay="1s") as load:
        load.finished_more(5)
        function.peril = peril
        until(f"{KILLS} sandboxes were killed", lambda: load.ledger.errors or peril.killed == KILLS,
              2 * DRAIN_S)
        load.drain()
        judge(load, may_repeat=True)
    print(f"    seed {SEED}: {function.made} sandboxes", flush=True)
    must(len(load.ledger.starts) > 20, f"there were only {len(load.ledger.starts)} instances")


def verify(function):
    found = function.get("/v1/verify")
    must(found["ok"] and not found["problems"] and found["instances"] > 20, str(found)[:400])


def main():
    cases = Cases()
    with Replicas(1) as replicas, OwnSqs() as sqs, \
            Function(replicas.uri("kills"), sqs, timers=TIMERS, env={"SWM_TICK": "5s"},
                     timeout_s=15) as function, \
            Poller(function, sqs, sqs.events), Poller(function, sqs, TIMERS, threads=1), \
            Ticker(function, 1.5):
        cases.check(f"{KILLS} sandboxes are killed under load", killed_under_load, function, sqs)
        cases.check("verify finds everything right", verify, function)
    cases.finish()


main()
