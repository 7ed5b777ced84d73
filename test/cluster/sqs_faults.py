"""An SQS server that is cut off, throttles, loses replies and delivers twice and out of order."""

import json

from _cluster import Cluster, OwnSqs, Replicas, must, until
from _load import Load, judge, verify_all
from _server import Cases

ACTIONS = ("SendMessageBatch", "ReceiveMessage", "DeleteMessageBatch")


def mark(action):
    return f"AmazonSQS.{action}".encode()


def refusal(status, code):
    body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "slow down"}).encode()
    return (f"HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def cut_off(cluster):
    """One node silently: what it takes and decides meanwhile goes out afterwards."""
    node = cluster.nodes[0]
    with Load(cluster) as load:
        load.finished_more(10)
        node.sqs_link.hold()
        load.started_more()
        node.heal()
        load.finished_more(10)
        load.drain()
        judge(load, may_repeat=True)


def refused_by_all(cluster):
    """Nobody reaches it; starts are taken all the same."""
    with Load(cluster) as load:
        load.finished_more(10)
        for node in cluster.nodes:
            node.sqs_link.refuse()
        load.started_more()
        for node in cluster.nodes:
            node.heal()
        load.finished_more(10)
        load.drain()
        judge(load, may_repeat=True)


def replies_lost(cluster, action):
    """The request was carried out, and who asked does not know."""
    with Load(cluster) as load:
        load.finished_more(5)
        rules = [node.sqs_link.lose_reply(mark(action), times=3) for node in cluster.nodes]
        until("replies were lost at each node", lambda: all(rule.left == 0 for rule in rules))
        load.finished_more(5)
        load.drain()
        judge(load, may_repeat=action == "SendMessageBatch")


def throttled(cluster):
    reply = refusal("400 Bad Request", "ThrottlingException")
    with Load(cluster) as load:
        load.finished_more(5)
        rules = [node.sqs_link.answer(mark(action), reply, times=4)
                 for node in cluster.nodes for action in ACTIONS]
        until("each was throttled", lambda: all(rule.left == 0 for rule in rules))
        load.finished_more(5)
        load.drain()
        judge(load)


def delayed(cluster):
    """Every piece is late, so that answers pass each other."""
    with Load(cluster) as load:
        for node, seconds in zip(cluster.nodes, (0.2, 0.05, 0)):
            node.sqs_link.delay(seconds)
        load.finished_more()
        for node in cluster.nodes:
            node.sqs_link.heal()
        load.drain()
        judge(load)


def messy(cluster):
    """Task messages twice and shuffled, answers to two nodes at once and again, late, by queue."""
    with Load(cluster, is_messy=True) as load:
        load.finished_more(40)
        load.drain()
        judge(load)
        must(load.ledger.sent_twice(), "nothing was sent twice")


def main():
    cases = Cases()
    with Replicas() as replicas, OwnSqs() as sqs, Cluster(replicas, sqs) as cluster:
        cluster.check(cases, "quiet running sends nothing twice", delayed)
        cluster.check(cases, "messages and answers twice, late and out of order", messy)
        cluster.check(cases, "a node is cut off from SQS", cut_off)
        cluster.check(cases, "SQS is away for all", refused_by_all)
        for action in ACTIONS:
            cluster.check(cases, f"replies to {action} are lost", replies_lost, action)
        cluster.check(cases, "SQS throttles every action", throttled)
        cluster.check(cases, "verify is clean at every node", verify_all)
    cases.finish()


main()
