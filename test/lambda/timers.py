"""Wake-ups without a process: reminders for what is due before the next tick, the tick for the rest.
A reminder is a hint: lost or doubled, it changes nothing but when."""

import json

import pymongo

from _lambda import (Cases, Function, OwnSqs, Poller, Replicas, must, records_event, sqs_client,
                     failures_of, until)
from _load import seconds

TIMERS = "swm-timers"
TICK_S = 5


def template(name, delay):
    return {"name": name, "stages": [{"name": "only", "tasks": [
        {"name": "work", "queue": "work_queue",
         "retry": {"max_attempts": 3, "delay": delay, "backoff": 1, "jitter": "none"}}]}]}


class World:
    def __init__(self, function, sqs, database):
        self.function, self.sqs, self.database = function, sqs_client(sqs.url), database
        self.url = self.sqs.create_queue(QueueName=TIMERS)["QueueUrl"]
        self.number = 0

    def fail_one(self, name):
        """An instance whose task has failed and waits for its retry."""
        self.number += 1
        made = self.function.invoke({"event": "StartWorkflow", "template": name,
                                     "key": f"{name}-{self.number}"})["instance"]
        failed = self.function.invoke({"event": "TaskFailed", "instance": made, "task": "work",
                                       "error": "Cold"})
        must(failed["verdict"] == "applied", failed)
        self.function.rest()
        return made

    def waiting(self):
        """Messages on the queue of reminders, delayed ones too."""
        told = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        return sum(int(told["Attributes"][f"ApproximateNumberOfMessages{more}"])
                   for more in ("", "Delayed", "NotVisible"))

    def events(self, instance):
        return self.function.get(f"/v1/instances/{instance}/events")["events"]

    def is_retried(self, instance):
        return any(e["event"] == "Wake" and e["verdict"] == "applied"
                   for e in self.events(instance))

    def lateness_s(self, instance):
        due = None
        for event in self.events(instance):
            for change in event["changes"]:
                if change["path"].endswith("retry_at") and change["to"]:
                    due = seconds(change["to"])
            if event["event"] == "Wake":
                return seconds(event["at"]) - due
        raise AssertionError("it was not woken")


def by_reminders(world, sqs):
    """No tick comes at all."""
    made = [world.fail_one(name) for name in ("soon", "later") for _ in range(10)]
    must(world.waiting() > 0, "nobody was reminded")
    with Poller(world.function, sqs, TIMERS):
        for instance in made:
            until(f"{instance} is tried again", lambda i=instance: world.is_retried(i))
    late = [world.lateness_s(i) for i in made]
    print(f"    {len(late)} reminders, {min(late):.3f} to {max(late):.3f} s late", flush=True)
    must(min(late) >= 0, f"one came {-min(late)} s early")


def seen_coming(world, sqs):
    """What is due after the next tick is left to the tick before."""
    until("the queue is empty", lambda: drain(world))
    made = world.fail_one("much-later")
    must(world.waiting() == 0, "a reminder was sent too soon")
    until("a tick sees it coming", lambda: world.function.tick()["done"] and
          (world.function.rest() or world.waiting() > 0))
    must(not world.is_retried(made), "the tick itself has woken it")
    with Poller(world.function, sqs, TIMERS):
        until("it is tried again", lambda: world.is_retried(made))
    print(f"    {world.lateness_s(made):.3f} s late", flush=True)


def lost(world):
    """The tick finds what nobody was reminded of."""
    made = world.fail_one("soon")
    until("the queue is empty", lambda: drain(world))
    until("it is due", lambda: world.database.instances.find_one(
        {"_id": made, "$expr": {"$lte": ["$wake_at", "$$NOW"]}}))
    world.function.tick()
    must(world.is_retried(made), "the tick did not wake it")


def doubled(world):
    """And stray: one of them wakes, the others find nothing to do."""
    made = world.fail_one("soon")
    until("it is due", lambda: world.database.instances.find_one(
        {"_id": made, "$expr": {"$lte": ["$wake_at", "$$NOW"]}}))
    wake = json.dumps([{"event": "Wake", "instance": made}])
    for n in range(3):
        answer = world.function.invoke(records_event([(f"r-{n}", wake), (f"s-{n}", wake)], TIMERS))
        must(failures_of(answer) == [], answer)
    told = [e for e in world.events(made) if e["event"] == "Wake"]
    must(len(told) == 1, told)


def drain(world):
    got = world.sqs.receive_message(QueueUrl=world.url, MaxNumberOfMessages=10)
    for m in got.get("Messages", []):
        world.sqs.delete_message(QueueUrl=world.url, ReceiptHandle=m["ReceiptHandle"])
    return world.waiting() == 0


def main():
    cases = Cases()
    with Replicas(1) as replicas, OwnSqs() as sqs, \
            Function(replicas.uri("timers"), sqs, timers=TIMERS,
                     env={"SWM_TICK": f"{TICK_S}s"}) as function:
        database = pymongo.MongoClient(replicas.uri("timers")).timers
        world = World(function, sqs, database)
        for name, delay in (("soon", "1s"), ("later", "4s"), ("much-later", f"{2 * TICK_S + 3}s")):
            must(function.ask("POST", "/v1/templates", template(name, delay))[0] == 200, name)
        cases.check("short timers are kept by reminders", by_reminders, world, sqs)
        cases.check("long ones by the tick that sees them coming", seen_coming, world, sqs)
        cases.check("a lost reminder", lost, world)
        cases.check("doubled reminders", doubled, world)
    cases.finish()


main()
