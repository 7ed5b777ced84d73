"""The food order by invocations alone, against a set of three members: no process of swm runs
between two of them."""

from _lambda import Cases, Function, Gateway, Moto, OwnSqs, Poller, Replicas, Ticker
from _workers import Workers

import _food_order as food

TIMERS = "swm-timers"


def main():
    cases = Cases()
    with Replicas() as replicas:
        for kind in (OwnSqs, Moto):
            print(f"# queues: {kind.__name__}", flush=True)
            with kind() as sqs, \
                    Function(replicas.uri(f"food_{kind.__name__}"), sqs, timers=TIMERS,
                             timeout_s=30) as function, \
                    Gateway(function) as gateway, Poller(function, sqs, sqs.events), \
                    Poller(function, sqs, TIMERS, threads=1), Ticker(function, 60):
                food.Story(gateway, cases, Workers(sqs)).run()
                print(f"    {function.made} sandboxes", flush=True)
    cases.finish()


main()
