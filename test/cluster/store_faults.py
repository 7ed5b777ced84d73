"""A replica set that fails over, hangs, is cut off and refuses commands, under load."""

import json

from _cluster import Cluster, OwnSqs, Replicas, must, sqs_client, until
from _load import Load, judge, statuses, verify_all
from _server import Cases

STEP_DOWNS = 4

# What a command may meet: refused before it ran, lost after it ran, or not for certain.
BREAKS = {
    "the connection closes": {"closeConnection": True},
    "not the primary": {"errorCode": 10107},
    "write concern in doubt": {"writeConcernError": {"code": 91, "errmsg": "shutting down"}},
}
WRITES, READS = ("insert", "update"), ("find", "aggregate")


def primary_killed(cluster):
    with Load(cluster) as load:
        load.finished_more()
        lost = cluster.primary()
        lost.kill()
        until("there is another primary", cluster.replicas.primary)
        load.finished_more()
        lost.start()
        load.finished_more(5)
        load.drain()
        judge(load, may_repeat=True)


def primary_hangs(cluster):
    """Another one is elected; the old one comes back with what nobody else has."""
    with Load(cluster) as load:
        load.finished_more()
        hung = cluster.primary()
        hung.freeze()
        try:
            until("there is another primary", cluster.replicas.primary)
            load.finished_more()
        finally:
            hung.thaw()
        load.finished_more()
        load.drain()
        judge(load, may_repeat=True)


def fails_over_again_and_again(cluster):
    with Load(cluster) as load:
        for _ in range(STEP_DOWNS):
            load.finished_more(5)
            cluster.replicas.step_down()
            until("there is a primary", cluster.replicas.primary)
        load.finished_more(5)
        load.drain()
        judge(load)


def node_cut_off(cluster, find_members):
    """Silently, for longer than it takes the others to replace the node."""
    node, others = cluster.nodes[0], cluster.nodes[1:]
    with Load(cluster) as load:
        load.finished_more(10)
        node.cut_from_store(find_members())
        until("the others see it silent", lambda: all(is_silent(o, node) for o in others))
        load.finished_more(10)
        node.heal()
        until("it lives again", lambda: not is_silent(others[0], node))
        load.finished_more(10)
        load.drain()
        judge(load, may_repeat=True)


def events_are_left(cluster):
    """A node whose store does not hear it takes no events, and says no at once."""
    node, other = cluster.nodes[0], cluster.nodes[1]
    load = Load(cluster)
    node.post("/v1/templates", load.template)
    for lost in cluster.nodes[1:]:
        lost.kill()
    node.cut_from_store()
    until("the node says so", lambda: node.ask("GET", "/readyz")[0] == 503)
    until("it asks for nothing", lambda: events_queue(cluster)["waiting_receives"] == 0)
    start = {"event": "StartWorkflow", "template": load.name, "key": "left", "input": {"key": "left"}}
    sqs = sqs_client(cluster.sqs.url)
    url = sqs.get_queue_url(QueueName=cluster.sqs.events)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(start))
    left = events_queue(cluster)
    must((left["visible"], left["in_flight"]) == (1, 0), f"the event is {left}")
    until("it refuses at once", lambda: is_refused(node, start))
    other.start()
    until("the event is applied elsewhere", lambda: len(statuses(other, load.name)) == 1)


def events_queue(cluster):
    return cluster.sqs.get(f"/v1/queues/{cluster.sqs.events}")


def is_refused(node, start):
    """No: it waits for its store longer than one can ask."""
    try:
        status, answer = node.ask("POST", "/v1/instances", start, timeout_s=1)
    except OSError:
        return False
    must(status == 503 and answer["error"]["code"] == "store_failed", f"{status}: {answer}")
    return True


def is_silent(asked, node):
    """By its name, which has a suffix of its own at each start."""
    return all(not n["alive"] for n in asked.get("/v1/status")["nodes"]
               if n["node"].startswith(f"{node.name}-"))


def command_fails(cluster, command):
    with Load(cluster) as load:
        for how, data in BREAKS.items():
            if "writeConcernError" in data and command not in WRITES:
                continue
            load.finished_more(5)
            cluster.replicas.fail(command, data, times=8)
        load.finished_more(10)
        cluster.replicas.fail(command, None)
        load.drain()
        judge(load, may_repeat=True)


def main():
    cases = Cases()
    with Replicas() as replicas, OwnSqs() as sqs, Cluster(replicas, sqs) as cluster:
        cluster.check(cases, "the primary is killed", primary_killed)
        cluster.check(cases, "the primary hangs and comes back", primary_hangs)
        cluster.check(cases, "the primary steps down again and again with commits in flight",
                    fails_over_again_and_again)
        cluster.check(cases, "a node is cut off from the primary", node_cut_off,
                    lambda: [cluster.primary()])
        cluster.check(cases, "a node is cut off from the replica set", node_cut_off,
                    lambda: replicas.members)
        cluster.check(cases, "events are left to others by a node that its store does not hear",
                      events_are_left)
        for command in (*WRITES, *READS, "hello", "ping"):
            cluster.check(cases, f"{command} fails in every way", command_fails, command)
        cluster.check(cases, "verify is clean at every node", verify_all)
    cases.finish()


main()
