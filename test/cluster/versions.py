"""Two versions of the program on one store: a later one writes what the earlier cannot read."""

import json

from _cluster import Cluster, OwnSqs, Replicas, find_queue, must, sqs_client, until
from _load import Load, judge, verify_all
from _server import ROOT, Cases

NEXT = str(ROOT / "build" / "next" / "swm")
ORDERS = {"name": "orders", "key": "${ .input }",
          "stages": [{"name": "one", "tasks": [{"name": "cook", "queue": "cook"}]}]}


def upgraded_in_turn(cluster):
    """Nodes of the version before leave alone what they don't know, and all of it is done."""
    with Load(cluster) as load:
        for node in cluster.nodes:
            load.finished_more(10)
            replace(cluster, node)
            load.finished_more(10)
        load.drain()
        judge(load)
        must(load.ledger.counts["asked again: not now"], "no older node met what it did not know")


def gone_again(cluster):
    """The only one that knows goes: its instances wait, the others' go on, and it takes them up."""
    newer, older = cluster.nodes[0], cluster.nodes[1]
    replace(cluster, newer)
    newer.post("/v1/templates", ORDERS)
    waits = newer.post("/v1/instances", start_of("of the newer"))["instance"]
    done = {"event": "TaskCompleted", "instance": waits, "task": "cook", "output": 1}
    newer.stop()
    until("an older node knows of it", lambda: older.ask("GET", f"/v1/instances/{waits}")[0] == 503)
    status, answer = older.ask("POST", "/v1/tasks/complete", {"instance": waits, "task": "cook"})
    must(status == 503 and answer["error"]["code"] == "newer_format", f"it answered {status}: {answer}")
    sqs = sqs_client(cluster.sqs.url)
    events = find_queue(sqs, cluster.sqs.events)
    sqs.send_message(QueueUrl=events, MessageBody=json.dumps(done))
    goes_on = older.post("/v1/instances", start_of("of the older"))["instance"]
    sqs.send_message(QueueUrl=events, MessageBody=json.dumps({**done, "instance": goes_on}))
    until("the older one's is done", lambda: cluster.nodes[2].show(goes_on)["status"] ==
          "COMPLETED")
    cluster.come_back(newer)
    until("the newer one's is done", lambda: newer.show(waits)["status"] == "COMPLETED")
    must(newer.show(waits)["stages"][0]["tasks"][0]["output"] == 1, "with what the queue kept")


# --- pieces ---------------------------------------------------------------------------------------


def replace(cluster, node):
    """By one of the version that comes after."""
    node.stop()
    node.program = NEXT
    cluster.come_back(node)


def start_of(key):
    return {"template": "orders", "input": key}


def main():
    cases = Cases()
    with Replicas() as replicas, OwnSqs() as sqs:
        with Cluster(replicas, sqs) as cluster:
            cluster.check(cases, "nodes are upgraded one after the other under load",
                          upgraded_in_turn)
            cluster.check(cases, "verify is clean at every node", verify_all)
        with Cluster(replicas, sqs) as cluster:
            cluster.check(cases, "what only a later version knows waits for it", gone_again)
    cases.finish()


main()
