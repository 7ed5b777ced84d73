"""The food-order workflow as a story: what every kind of worker must be able to live through.

The caller gives the workers: an object with start() and stop(), which takes task messages off
the four queues, does the task, answers on swm-events and deletes the message. What it took is in
`taken`. The first attempt at making food fails.
"""

import json
import threading

from _server import Failed, ROOT, must, task_of, until

TEMPLATE = "food-order"
QUEUES = ("confirm_order_queue", "make_food_queue", "assign_executive_queue",
          "confirm_delivery_queue")
TASKS = ("confirm_order", "make_food", "assign_executive", "confirm_delivery", "deliver_food")
OUTPUTS = {
    "confirm_order": {"accepted": True},
    "make_food": {"dish": "Margherita"},
    "assign_executive": {"driver": "Asha"},
    "confirm_delivery": {"eta_minutes": 20},
}


def input_of(key):
    return {"order_id": key, "items": ["Margherita", "Tiramisù"], "address": "12 Lake Road"}


def fails(message):
    """The oven is cold when food is made for the first time."""
    first = message["generation"] == 1 and message["attempt"] == 1
    return message["task"] == "make_food" and first


def answer_to(message):
    if fails(message):
        return {"event": "TaskFailed", "token": message["token"], "error": "OvenCold",
                "message": "the oven is not hot yet"}
    return {"event": "TaskCompleted", "token": message["token"], "output": OUTPUTS[message["task"]]}


class Taken:
    """What workers did, told by several threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.messages = []

    def add(self, message):
        with self.lock:
            self.messages.append(message)

    def of(self, instance, task=None):
        with self.lock:
            return [m for m in self.messages
                    if m["instance"] == instance and task in (None, m["task"])]


class Story:
    def __init__(self, server, cases, workers):
        self.server, self.cases, self.workers = server, cases, workers
        self.id = None

    def run(self):
        check = self.cases.check
        check("the template is applied once", self.applies)
        check("an order is started", self.starts)
        self.workers.start()
        check("workers bring it to the doorstep", self.moves)
        check("a failed attempt is tried again after its delay", self.retried)
        check("a person completes the delivery and the order is done", self.delivers)
        check("the right data passed from task to task", self.data)
        check("every event is stored with its verdict and changes", self.events)
        check("a replayed task of a completed order runs again with what depends on it",
              self.replays_task)
        check("a replayed stage of a completed order runs again", self.replays_stage)
        self.workers.stop()
        check("verify finds chain and state right", self.verify)

    # --- the chapters ----------------------------------------------------------------------------

    def applies(self):
        file = str(ROOT / "examples" / "food-order.yaml")
        first = self.server.cli_one("template", "apply", file)
        must(first["template"] == TEMPLATE and first["version"] == 1 and first["created"], first)
        again = self.server.cli_one("template", "apply", file)
        must(again["version"] == 1 and not again["created"], again)
        must(again["digest"] == first["digest"], "the digest changed")

    def starts(self):
        self.id = start(self.server, "ORDER-1")["instance"]
        shown = self.server.show(self.id)
        must(shown["status"] == "RUNNING" and shown["key"] == "ORDER-1", shown)
        must(task_of(shown, "confirm_order")["status"] == "SCHEDULED", shown)

    def moves(self):
        until("deliver_food waits for a person", self.waits_for_person)
        shown = self.server.show(self.id)
        for name in TASKS[:4]:
            task = task_of(shown, name)
            must(task["status"] == "COMPLETED", f"{name} is {task['status']}")
            wanted = 2 if name == "make_food" else 1
            must(task["attempt"] == wanted, f"{name} took {task['attempt']} attempts")
        until("the workers tell two attempts", lambda: len(self.attempts()) >= 2)
        must(self.attempts() == [1, 2], f"make_food was handed out as {self.attempts()}")

    def attempts(self):
        return [m["attempt"] for m in self.workers.taken.of(self.id, "make_food")]

    def waits_for_person(self):
        shown = self.server.get(f"/v1/instances/{self.id}")
        must(shown["status"] == "RUNNING", f"the order is {shown['status']}")
        return task_of(shown, "deliver_food")["status"] in ("SCHEDULED", "RUNNING")

    def retried(self):
        events = self.server.cli("events", self.id)
        failed = [e for e in events if e["event"] == "TaskFailed"]
        must(len(failed) == 1, f"{len(failed)} TaskFailed")
        due = changed_to(failed[0], ".retry_at")
        woken = next(e for e in events if e["event"] == "Wake" and e["seq"] > failed[0]["seq"])
        must(due is not None, f"no time to retry at in {failed[0]['changes']}")
        must(failed[0]["at"] <= due <= woken["at"],
             f"failed {failed[0]['at']}, due {due}, tried again {woken['at']}")

    def delivers(self):
        # Another node's rows may be behind for a moment.
        until("the delivery is in the inbox", lambda: any(
            t.get("instance") == self.id for t in self.server.cli("task", "list")))
        self.deliver()

    def deliver(self):
        answer = complete_human(self.server, self.id, {"tip": 2.5})
        must(answer["verdict"] == "applied", answer)
        until("the order is COMPLETED", lambda: self.server.status_is(self.id, "COMPLETED"))

    def data(self):
        shown = self.server.show(self.id)
        for name, output in OUTPUTS.items():
            must(task_of(shown, name)["output"] == output, task_of(shown, name))
        must(task_of(shown, "deliver_food")["output"] == {"tip": 2.5}, "the person's data is lost")
        must(task_of(shown, "confirm_delivery")["input"] ==
             {"driver": "Asha", "note": "Order ORDER-1 is ready"}, shown)
        must(shown["business_status"] == "FOOD DELIVERED", shown["business_status"])
        must(shown["input"] == input_of("ORDER-1"), shown["input"])
        must(shown["output"]["driver"] == "Asha", f"the output is {shown['output']}")
        must(all(s["status"] == "COMPLETED" for s in shown["stages"]), "a stage is not COMPLETED")

    def events(self):
        events = self.server.cli("events", self.id)
        must([e["seq"] for e in events] == list(range(1, len(events) + 1)), "seq has gaps")
        applied = [e for e in events if e["verdict"] == "applied"]
        must(events == applied, lambda: f"{[e for e in events if e not in applied]}")
        for e in applied:
            must(e["changes"] and all(c["path"] for c in e["changes"]), f"no changes in {e}")
            must(e["at"] and e["source"] and e["hash"], f"something is missing in {e}")
        names = [e["event"] for e in events]
        must(names[0] == "StartWorkflow" and names.count("TaskCompleted") == len(TASKS), names)
        must(len({e["hash"] for e in events}) == len(events), "two records have one hash")
        done = {e["task"]: e["source"] for e in events if e["event"] == "TaskCompleted"}
        must(all(done[t] == "sqs" for t in TASKS[:4]), f"the sources are {done}")
        feed = self.server.get("/v1/events?limit=1000")["events"]
        told = [e["seq"] for e in feed if e["instance"] == self.id]
        must(told == [e["seq"] for e in events], "the feed of all events is not the same")

    def replays_task(self):
        wanted = {"make_food", "confirm_delivery", "deliver_food"}
        self.replay(["--task", "make_food"], wanted)
        shown = self.server.show(self.id)
        for name in TASKS:
            generation = task_of(shown, name)["generation"]
            must(generation == (2 if name in wanted else 1), f"{name} has generation {generation}")

    def replays_stage(self):
        stage = next(s["name"] for s in self.server.show(self.id)["stages"]
                     if any(t["name"] == "deliver_food" for t in s["tasks"]))
        self.replay(["--stage", stage], {"deliver_food"})
        task = task_of(self.server.show(self.id), "deliver_food")
        must(task["generation"] == 3, f"it has generation {task['generation']}")

    def replay(self, what, wanted):
        before = self.server.show(self.id)
        dry = self.server.cli_one("replay", self.id, *what, "--dry-run")
        must(set(dry["tasks"]) == wanted, f"the dry run says {dry}")
        must(self.server.show(self.id) == before, "the dry run changed the order")
        done = self.server.cli_one("replay", self.id, *what, "--reason", "cold food")
        must(done["verdict"] == "applied" and set(done["tasks"]) == wanted, done)
        until("the delivery waits again", self.waits_for_person)
        self.deliver()

    def verify(self):
        found = self.server.cli_one("verify")
        must(found["ok"] and not found["problems"] and found["instances"] >= 1, found)


# --- pieces that other tests use too --------------------------------------------------------------


def start(server, key, code=0):
    return server.cli_one("start", TEMPLATE, "--input", json.dumps(input_of(key)), code=code)


def complete_human(server, instance, output):
    return server.cli_one("task", "complete", instance, "--task", "deliver_food", "--output",
                          json.dumps(output))


def changed_to(event, ending):
    """What a change of this event whose path ends so set it to."""
    for change in event["changes"]:
        if change["path"].endswith(ending) and change["to"]:
            return change["to"]
    return None


def take(sqs, queue, instance):
    """Receives until this instance's message comes, with long polls: (message, receipt)."""
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    for _ in range(10):
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, WaitTimeSeconds=5)
        for m in got.get("Messages", []):
            body = json.loads(m["Body"])
            if body["instance"] == instance:
                return body, m["ReceiptHandle"]
    raise Failed(f"nothing came on {queue}")
