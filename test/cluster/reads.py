"""What one node acknowledged, the others know."""

import itertools
import threading

from _cluster import Cluster, OwnSqs, Replicas, must, until
from _server import Cases

_numbers = itertools.count(1)


def template(name, task="only"):
    return {"name": name, "key": "${ .input.key }",
            "stages": [{"name": "one", "tasks": [{"name": task, "human": {"assignee": "ann"}}]}]}


def pairs(cluster):
    """Every two different nodes."""
    return itertools.permutations(cluster.nodes, 2)


def template_is_known_at_once(cluster):
    for first, second in pairs(cluster):
        name = f"known-{next(_numbers)}"
        first.post("/v1/templates", template(name))
        started = start(second, name, "k")
        must(started["version"] == 1 and started["verdict"] == "applied", started)
        first.post("/v1/templates", template(name, "other"))
        started = start(first, name, "k2")
        must(started["version"] == 2, started)
        until("the new version is the newest everywhere", lambda: second.get(
            f"/v1/templates/{name}")["version"] == 2)


def shown_at_once(cluster):
    first, name = cluster.nodes[0], f"shown-{next(_numbers)}"
    first.post("/v1/templates", template(name))
    for number, (one, other) in enumerate(pairs(cluster)):
        started = start(one, name, f"k{number}")
        shown = other.get(f"/v1/instances/{started['instance']}")
        must(shown["status"] == "RUNNING" and shown["revision"] == started["seq"], shown)
        by_key = other.show(f"{name}/k{number}")
        must(by_key["instance"] == started["instance"], by_key)
        done = other.post(f"/v1/instances/{started['instance']}/cancel", {"reason": "enough"})
        must(done["verdict"] == "applied", done)
        shown = one.get(f"/v1/instances/{started['instance']}")
        must(shown["status"] == "CANCELLED", f"it shows {shown['status']}")
        events = one.get(f"/v1/instances/{started['instance']}/events")["events"]
        must([e["seq"] for e in events] == list(range(1, len(events) + 1)), events)
        until("its list knows too", lambda: started["instance"] in cancelled(one, name))


def cancelled(node, name):
    page = node.get(f"/v1/instances?template={name}&status=CANCELLED")
    return [i["instance"] for i in page["instances"]]


def start(node, name, key):
    return node.post("/v1/instances", {"template": name, "input": {"key": key}})


def one_open_for_a_key(cluster):
    """Started at all nodes at once under one key: one applies, the others are told which."""
    name = f"key-{next(_numbers)}"
    cluster.nodes[0].post("/v1/templates", template(name))
    for number in range(10):
        answers = []
        threads = [threading.Thread(target=lambda n=n: answers.append(start(n, name, f"k{number}")))
                   for n in cluster.nodes for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        verdicts = sorted(a["verdict"] for a in answers)
        must(verdicts == ["applied"] + ["duplicate"] * 5, f"the verdicts are {verdicts}")
        must(len({a["instance"] for a in answers}) == 1, f"several were made: {answers}")


def main():
    cases = Cases()
    with Replicas() as replicas, OwnSqs() as sqs, Cluster(replicas, sqs) as cluster:
        cluster.check(cases, "a template applied at one node is known at the others",
                    template_is_known_at_once)
        cluster.check(cases, "what one node acknowledged, the others show", shown_at_once)
        cluster.check(cases, "one key, all nodes at once, one instance", one_open_for_a_key)
    cases.finish()


main()
