"""The food order in a cluster of three nodes: every question and every command goes to the next
node, workers are stock boto3, and two SQS servers take their turn."""

from _cluster import Cluster, Moto, OwnSqs, Replicas
from _workers import Workers

import _food_order as food
from _server import Cases


class InTurn:
    """Looks like one server and asks the next node each time."""

    def __init__(self, nodes):
        self.nodes, self.turn = nodes, 0

    def __getattr__(self, name):
        self.turn += 1
        return getattr(self.nodes[self.turn % len(self.nodes)], name)


def main():
    cases = Cases()
    with Replicas() as replicas:
        for kind in (OwnSqs, Moto):
            with kind() as sqs, Cluster(replicas, sqs) as cluster:
                print(f"# queues: {kind.__name__}", flush=True)
                food.Story(InTurn(cluster.nodes), cases, Workers(sqs)).run()
    cases.finish()


main()
