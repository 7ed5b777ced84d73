"""What can happen to a sandbox and around it, one thing at a time."""

import datetime
import json
import pathlib
import tempfile
import threading
import time

import pymongo

from _lambda import (Cases, Crashed, FAKETIME, Function, FunctionError, Links, OwnSqs, Proxy,
                     Replicas, Server, TimedOut, failures_of, must, records_event, sqs_client, until)

TEMPLATES = [
    {"name": "simple", "stages": [{"name": "only", "tasks": [
        {"name": "work", "queue": "work_queue"}]}]},
    {"name": "hasty", "stages": [{"name": "only", "tasks": [
        {"name": "work", "queue": "work_queue", "timeout": {"running": "2s"},
         "retry": {"max_attempts": 5, "delay": "1h", "jitter": "none"}}]}]}]
SILENT_S = 2  # then a node that did not leave counts as dead


class World:
    """A function whose ways to the database and to the queues can be cut."""

    def __init__(self, replicas, sqs, name):
        self.links, self.sqs_link = Links(replicas), Proxy(sqs.port, is_http=True)
        self.sqs = sqs
        far = type("Far", (), {"events": sqs.events,
                               "url": f"http://127.0.0.1:{self.sqs_link.port}"})
        self.function = Function(self.links.uri(replicas, name), far, timers="swm-timers",
                                 timeout_s=4)
        self.database = pymongo.MongoClient(replicas.uri(name))[name]
        for template in TEMPLATES:
            must(self.function.ask("POST", "/v1/templates", template)[0] == 200, "a template")
        self.number = 0

    def heal(self):
        self.links.each("heal")
        self.links.each("cut")
        self.sqs_link.heal()
        self.sqs_link.cut()

    def run(self, work):
        """One case, with all ways open in the beginning and nothing under way."""
        self.heal()
        must(self.function.ask("GET", "/readyz")[0] == 200, "it is not ready")
        self.function.rest()
        self.made = self.function.made
        work(self)

    def start(self, template):
        """The record of a start; its id is that of the instance's key with m- before it."""
        self.number += 1
        key = f"K-{self.number}"
        return f"m-{key}", json.dumps({"event": "StartWorkflow", "template": template, "key": key})

    def batch(self, count, template="simple"):
        return [self.start(template) for _ in range(count)]

    def verdicts(self, key):
        status, answer = self.function.ask("GET", f"/v1/instances/simple%2F{key}/events")
        return [e["verdict"] for e in answer["events"]] if status == 200 else []

    def nodes(self):
        return list(self.database.nodes.find())

    def messages(self, wait_s=0):
        """Takes what is on the work queue."""
        sqs = sqs_client(self.sqs.url)
        url = sqs.create_queue(QueueName="work_queue")["QueueUrl"]
        taken = []
        while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10,
                                         WaitTimeSeconds=wait_s).get("Messages"):
            for m in got:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
                taken.append(json.loads(m["Body"]))
        return taken


def store_is_away(world):
    """All of the batch is failed, in time, and the function lives on."""
    batch = world.batch(3)
    world.links.each("hold")
    answer = world.function.invoke(records_event(batch, "events"))  # not killed at its deadline
    must(failures_of(answer) == [m[0] for m in batch], answer)
    world.heal()
    until("all is taken", lambda: failures_of(
        world.function.invoke(records_event(batch, "events"))) == [])
    for ident, _ in batch:
        told = world.verdicts(ident[2:])
        must(told.count("applied") == 1, f"{ident}: {told}")
    must(world.function.made == world.made, "another sandbox was needed")


def queues_are_away(world):
    """Decided, but not sent: failed, and not forgotten by those who come later."""
    world.messages()
    batch = world.batch(1)
    world.sqs_link.hold()
    answer = world.function.invoke(records_event(batch, "events"))
    must(failures_of(answer) == [batch[0][0]], answer)
    must(world.verdicts(batch[0][0][2:]) == ["applied"], "it was not decided")
    must(len(world.nodes()) == 1, "who has not finished has left")
    sandbox = world.function.idle[0]
    world.function.idle.clear()
    sandbox.close()
    world.sqs_link.cut()  # what it was saying is not passed on
    world.heal()
    until("it counts as dead", lambda: not world.database.nodes.find_one(
        {"$expr": {"$gt": ["$seen_at", {"$subtract": ["$$NOW", SILENT_S * 1000]}]}}))
    must(world.messages() == [], "it was sent")
    world.function.tick()
    sent = world.messages()
    must(len(sent) == 1 and sent[0]["key"] == batch[0][0][2:], f"sent was {sent}")
    world.function.rest()
    must(world.nodes() == [], f"the nodes are {world.nodes()}")


class Refusal:
    """While it lasts the store takes no record of one instance."""

    def __init__(self, world, instance):
        self.events, self.instance = world.database.events, instance

    def __enter__(self):
        self.set({"instance": {"$ne": self.instance}})

    def __exit__(self, *_):
        self.set({})

    def set(self, validator):
        self.events.database.command("collMod", self.events.name, validator=validator)


def refused_batch(world, queue, failed):
    """Two groups; of the first one's messages the store refuses the second. `failed` are expected
    to come again, and then are taken."""
    made = {name: world.function.invoke(json.loads(world.start("simple")[1]))["instance"]
            for name in ("good", "refused", "other")}
    lines = {"a": (("good", "PauseWorkflow"), ("refused", "PauseWorkflow"),
                   ("good", "ResumeWorkflow"), ("good", "PauseWorkflow")),
             "b": (("other", "PauseWorkflow"), ("other", "ResumeWorkflow"),
                   ("other", "PauseWorkflow"), ("other", "CancelWorkflow"))}
    batch = [(f"{queue}-{group}-{n}", json.dumps({"event": lines[group][n][1],
                                                  "instance": made[lines[group][n][0]]}),
              {"Attributes": {"MessageGroupId": group}}) for n in range(4) for group in lines]
    with Refusal(world, made["refused"]):
        answer = world.function.invoke(records_event(batch, queue))
        must(failures_of(answer) == [f"{queue}-{name}" for name in failed], answer)
    told = taken(world, made)
    for ident, *_ in batch:
        is_taken = ident.removeprefix(f"{queue}-") not in failed
        must(told.get(ident) == (["applied"] if is_taken else None), f"{ident}: {told}")
    again = [m for m in batch if m[0].removeprefix(f"{queue}-") in failed]
    must(failures_of(world.function.invoke(records_event(again, queue))) == [], "the second time")
    told = taken(world, made)
    must(all(len(told.get(ident, [])) == 1 for ident, *_ in batch), f"in the end: {told}")


def taken(world, made):
    """{event id: verdicts} of what the records of these instances say."""
    told = {}
    for instance in made.values():
        for event in world.function.get(f"/v1/instances/{instance}/events")["events"]:
            told.setdefault(event["event_id"], []).append(event["verdict"])
    return told


def one_of_a_group_is_refused(world):
    """In a FIFO queue what comes after it in its group is failed with it; other groups go on."""
    refused_batch(world, "orders.fifo", ["a-1", "a-2", "a-3"])


def one_of_a_batch_is_refused(world):
    """In a standard queue it alone is failed, whatever group a message names."""
    refused_batch(world, "orders", ["a-1"])


def dead_connections(world):
    """Reset while it was frozen."""
    world.function.rest()
    world.links.each("cut")
    world.sqs_link.cut()
    took_in_time(world)


def forgotten_connections(world):
    """Dead without a word, as a router does it with what was idle for long."""
    world.function.rest()
    world.links.each("forget")
    took_in_time(world)


def long_sleep(world):
    """After a long sleep connections are made anew, before anybody waits for a dead one. The clock
    that tells is the machine's: here it is set ahead, as when only the machine has slept."""
    as_it_was = dict(world.function.env)
    with tempfile.TemporaryDirectory() as folder:
        clock = pathlib.Path(folder) / "clock"
        clock.write_text("+0\n")
        world.function.env.update(
            {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(clock),
             "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
        try:
            sleep_long(world, clock)
        finally:
            world.function.env = as_it_was
            world.function.idle.pop().close()


def sleep_long(world, clock):
    world.function.idle.pop().close()
    must(failures_of(world.function.invoke(records_event(world.batch(1), "events"))) == [],
         "the first one")
    world.made = world.function.made
    world.function.rest()
    clock.write_text("+10m\n")
    forgotten_connections(world)
    events = world.function.get("/v1/events?newest_first=true&limit=1")["events"]
    told = datetime.datetime.fromisoformat(events[0]["at"].replace("Z", "+00:00"))
    must(abs(told.timestamp() - time.time()) < 60, f"the time of it is {told}")


def took_in_time(world):
    batch = world.batch(3)
    began = time.monotonic()
    answer = world.function.invoke(records_event(batch, "events"), timeout_s=20)
    must(failures_of(answer) == [], answer)
    print(f"    {time.monotonic() - began:.3f} s", flush=True)
    must(world.function.made == world.made, "another sandbox was needed")


def same_record_twice(world):
    """At the same time, in two sandboxes: one record decides, both are done."""
    function, answers = world.function, []
    for _ in range(10):
        batch = world.batch(5)
        threads = [threading.Thread(target=lambda: answers.append(
            function.invoke(records_event(batch, "events")))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        must([failures_of(a) for a in answers[-2:]] == [[], []], answers[-2:])
        for ident, _ in batch:
            told = world.verdicts(ident[2:])
            must(told.count("applied") == 1 and set(told) <= {"applied", "duplicate"},
                 f"{ident}: {told}")


def hangs_until_its_deadline(world):
    """Killed in the middle; the message comes again to the next sandbox."""
    batch = world.batch(2)
    sandbox = world.function.take()
    try:
        for _ in range(100):  # until one of them is hit
            timer = threading.Timer(0.001, sandbox.freeze)
            sandbox.invoke(records_event(batch, "events"), timeout_s=1,
                           peril=lambda _, timer=timer: timer.start())
            timer.join()
            sandbox.thaw()  # hit after its answer: it goes on to the next
        raise AssertionError("it did not hang")
    except (TimedOut, Crashed):
        pass
    world.function.give(sandbox)
    must(failures_of(world.function.invoke(records_event(batch, "events"))) == [], "the next one")
    for ident, _ in batch:
        must(world.verdicts(ident[2:]).count("applied") == 1, world.verdicts(ident[2:]))


def backlog(world):
    """Many are due at once: a tick wakes some, the rest it sends to others of its kind."""
    world.messages()
    count = 600
    for first in range(0, count, 200):
        batch = world.batch(200, "hasty")
        must(failures_of(world.function.invoke(records_event(batch, "events"), timeout_s=20)) == [],
             "the starts")
    sent = []
    until("all was sent", lambda: sent.extend(world.messages()) or len(sent) >= count)
    must(len(sent) == count, f"{len(sent)} messages were sent")
    sqs = sqs_client(world.sqs.url)
    timers = sqs.create_queue(QueueName="swm-timers")["QueueUrl"]
    sqs.purge_queue(QueueUrl=timers)
    rows = world.database.instances
    until("all is due", lambda: rows.count_documents(
        {"template": "hasty", "$expr": {"$lte": ["$wake_at", "$$NOW"]}}) >= count)
    world.function.tick(timeout_s=20)
    until("the rest is woken by reminders", lambda: take_some(world, sqs, timers) or
          rows.count_documents({"template": "hasty", "rev": {"$gt": 1}}) == count)


def take_some(world, sqs, url):
    """Hands reminders over that are there."""
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    due = [m for m in got if len(json.loads(m["Body"])) > 0]
    if due:
        must(failures_of(world.function.invoke(records_event(due, "swm-timers"),
                                               timeout_s=20)) == [], "the reminders")
        for m in due:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])


def beside_a_server(world):
    """A server at the same store wakes what a function has left, and neither disturbs the other."""
    env = world.function.env
    with Server(options=["--store", env["SWM_STORE"], "--queue", env["SWM_QUEUE"]],
                env={k: v for k, v in env.items() if k.startswith("AWS_")}) as server:
        template = {**TEMPLATES[1], "name": "shared"}
        template["stages"][0]["tasks"][0]["retry"] = {"delay": "1s", "jitter": "none"}
        server.post("/v1/templates", template)
        for k in range(5):  # the function sees what the server has applied
            made = world.function.invoke({"event": "StartWorkflow", "template": "shared",
                                          "key": f"S-{k}"})["instance"]
            failed = {"event": "TaskFailed", "instance": made, "task": "work", "error": "Cold"}
            must(world.function.invoke(failed)["verdict"] == "applied", "the failure")
            until("the server wakes it", lambda i=made: any(
                e["event"] == "Wake" for e in server.get(f"/v1/instances/{i}/events")["events"]))
            done = {"event": "TaskCompleted", "instance": made, "task": "work"}
            must(server.post("/v1/events", done)["status"] == "COMPLETED", "the server's answer")
            shown = world.function.get(f"/v1/instances/{made}")
            must(shown["status"] == "COMPLETED", f"the function shows {shown['status']}")
        world.function.tick()
        world.function.rest()
        until("the server is alone", lambda: len(server.get("/v1/status")["nodes"]) == 1)


def wrong_configuration(replicas, sqs):
    """Said where a person looks: in the function's start."""
    for env, word in (({"SWM_STORE": "sqlite"}, "mongodb://"), ({"SWM_TICK": "1s"}, "SWM_TICK"),
                      ({"SWM_QUEUE": "builtin"}, "sqs://")):
        with Function(replicas.uri("wrong"), sqs, env=env) as function:
            try:
                function.tick()
                raise AssertionError(f"{env} was taken")
            except Crashed:
                must(word in function.outputs[0], function.outputs[0])


def no_store(replicas, sqs):
    with Function("mongodb://127.0.0.1:1/x?replicaSet=rs&serverSelectionTimeoutMS=500", sqs) as f:
        try:
            f.tick()
            raise AssertionError("it started")
        except (Crashed, FunctionError):
            must("MongoDB" in f.outputs[0], f.outputs[0])


def main():
    cases = Cases()
    with Replicas(1) as replicas, OwnSqs() as sqs:
        world = World(replicas, sqs, "faults")
        with world.function:
            for name, work in (
                    ("the store is away", store_is_away), ("the queues are away", queues_are_away),
                    ("the store refuses one of a FIFO group", one_of_a_group_is_refused),
                    ("the store refuses one of a batch", one_of_a_batch_is_refused),
                    ("connections that were reset", dead_connections),
                    ("connections that are dead without a word", forgotten_connections),
                    ("a long sleep", long_sleep), ("the same record in two sandboxes", same_record_twice),
                    ("beside a server", beside_a_server),
                    ("a sandbox hangs until its deadline", hangs_until_its_deadline),
                    ("a backlog is spread", backlog)):
                cases.check(name, world.run, work)
        cases.check("a wrong configuration", wrong_configuration, replicas, sqs)
        cases.check("a store that is not there", no_store, replicas, sqs)
    cases.finish()


main()
