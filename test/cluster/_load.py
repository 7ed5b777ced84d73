"""Work for a cluster while something happens to it, and the judgement afterwards.

A `Load` starts instances of a template of its own through any node, and works on their tasks as
stock workers do: it takes messages with boto3, answers through the events queue or over HTTP to any
node, and deletes. Whoever gets no answer asks again, another node, with the same event id or token.
Everything that was acknowledged or seen is written down. `judge` is the oracle, the same for every
fault:

    every acknowledged start is COMPLETED, exactly once, and every node says so
    nothing is stuck: all of it within DRAIN_S after the load ends
    records are contiguous, no task is completed twice
    every attempt that a worker saw is in the records, has one token and one idempotency key
    no message was sent twice, except where the test says that a sender was lost
    verify is clean for each of them; `verify_all` has every node verify everything in the end
"""

import collections
import datetime
import http.client
import itertools
import json
import os
import random
import threading
import time

import botocore.exceptions

from _cluster import Failed, find_queue, must, sqs_client, until
from _server import ask

SEED = int(os.environ.get("SWM_SEED", str(time.time_ns() % 1000000)))
DRAIN_S = 45  # election, visibility of events that a dead node held, and a busy machine
OPEN_MAX = 40
STARTERS, WORKERS = 2, 6
STARTS_A_SECOND = 12  # of each starter: the point is what happens to them, not how many

# What a client may meet while a server is away.
AWAY = (OSError, http.client.HTTPException, botocore.exceptions.HTTPClientError,
        botocore.exceptions.ConnectionError)

_numbers = itertools.count(1)


def template(name, retry_delay="50ms"):
    queues = [f"{name}-{task}" for task in ("first", "side", "last")]
    return {
        "name": name,
        "key": "${ .input.key }",
        "defaults": {"retry": {"max_attempts": 100, "delay": retry_delay, "backoff": 1,
                               "jitter": "none"}},
        "stages": [
            {"name": "one", "tasks": [{"name": "first", "queue": queues[0]},
                                      {"name": "side", "queue": queues[1]}]},
            {"name": "two", "tasks": [{"name": "last", "queue": queues[2],
                                       "input": {"from": "${ .tasks.first.output.n }"}}]},
        ],
    }


class Ledger:
    """What was acknowledged and what was handed out."""

    def __init__(self):
        self.lock = threading.Lock()
        self.starts = {}  # event id: instance
        self.finished = set()  # instances whose last task was answered
        self.seen = collections.defaultdict(list)  # attempt: what came of it
        self.counts = collections.Counter()
        self.errors = []

    def started(self, event_id, answer):
        with self.lock:
            self.starts[event_id] = answer["instance"]
            self.counts[f"starts {answer['verdict']}"] += 1

    def delivered(self, message, envelope):
        """Whether it was never seen before."""
        with self.lock:
            came = self.seen[name_of(message)]
            came.append((envelope["MessageId"], message["token"], message["idempotency_key"]))
            return len(came) == 1

    def answered(self, message, how):
        with self.lock:
            self.counts[how] += 1
            if message["task"] == "last":
                self.finished.add(message["instance"])

    def open(self):
        with self.lock:
            return len(self.starts) - len(self.finished)

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def sent_twice(self):
        """Attempts whose message was sent more than once."""
        with self.lock:
            return [name for name, came in self.seen.items() if len({c[0] for c in came}) > 1]


def name_of(message):
    return (message["instance"], message["task"], message["generation"], message["attempt"])


class Load:
    def __init__(self, cluster, retry_delay="50ms", fails_in=20, is_messy=False):
        """One in `fails_in` first attempts fails. `is_messy`: each answer goes to two nodes at
        once and to the events queue, there late, and every third message is sent a second time."""
        self.cluster, self.fails_in, self.is_messy = cluster, fails_in, is_messy
        self.name = f"load-{os.getpid()}-{next(_numbers)}"
        self.template = template(self.name, retry_delay)
        self.ledger = Ledger()
        self.silences = cluster.silences()
        self.no_starts, self.no_work = threading.Event(), threading.Event()
        self.starters = [self.thread(self.start_instances, i) for i in range(STARTERS)]
        self.workers = [self.thread(self.work, i) for i in range(WORKERS)]

    def thread(self, work, number):
        def guarded():
            try:
                work(number, random.Random(f"{SEED} {self.name} {number}"))
            except Exception as error:  # told at the end: a thread has nobody to raise it to
                self.ledger.errors.append(f"{work.__name__}: {error!r}")

        return threading.Thread(target=guarded, daemon=True)

    def __enter__(self):
        self.insist(random.Random(self.name), "/v1/templates", self.template)
        for thread in self.starters + self.workers:
            thread.start()
        return self

    def __exit__(self, *_):
        self.no_starts.set()
        self.no_work.set()
        for thread in self.starters + self.workers:
            thread.join(DRAIN_S)

    # --- under way -------------------------------------------------------------------------------

    def finished_more(self, count=20):
        """Waits until so many more instances are done: the cluster is at work."""
        goal = len(self.ledger.finished) + count
        until(f"{count} more instances are done",
              lambda: self.ledger.errors or len(self.ledger.finished) >= goal, DRAIN_S)
        must(not self.ledger.errors, lambda: f"a client met {self.ledger.errors[:3]}")

    def started_more(self, count=20):
        """The same for starts, where tasks do not move."""
        goal = len(self.ledger.starts) + count
        until(f"{count} more instances are started",
              lambda: self.ledger.errors or len(self.ledger.starts) >= goal, DRAIN_S)

    def insist(self, chance, path, body):
        """Asks one node, then another, until one answers."""
        while True:
            nodes = self.cluster.running()
            node = chance.choice(nodes) if nodes else None
            try:
                status, answer = node.ask("POST", path, body, timeout_s=4) if node else (503, None)
                if status != 503:
                    must(status == 200, f"{path} answered {status}: {answer}")
                    return answer
                self.ledger.count("asked again: not now")
            except AWAY as error:
                self.ledger.count(f"asked again: {type(error).__name__}")
            self.no_work.wait(0.05)

    def start_instances(self, number, chance):
        for count in itertools.count(1):
            if self.no_starts.wait(chance.expovariate(STARTS_A_SECOND)):
                return
            until("there is room for more", lambda: self.ledger.open() < OPEN_MAX or
                  self.no_starts.is_set(), DRAIN_S * 2)
            key = f"{self.name}-{number}-{count}"
            event = {"event": "StartWorkflow", "template": self.name, "event_id": f"start-{key}",
                     "key": key, "input": {"key": key}}
            answer = self.insist(chance, "/v1/instances", event)
            must(answer["verdict"] in ("applied", "duplicate"), f"a start became {answer}")
            self.ledger.started(key, answer)

    def work(self, number, chance):
        sqs = sqs_client(self.cluster.sqs.url)
        queues = [t["queue"] for s in self.template["stages"] for t in s["tasks"]]
        queue = self.url_of(sqs, queues[number % len(queues)])
        events = self.url_of(sqs, self.cluster.sqs.events)
        while queue and events and not self.no_work.is_set():
            got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=5, WaitTimeSeconds=1)
            messages = got.get("Messages", [])
            if self.is_messy:
                chance.shuffle(messages)
            for envelope in messages:
                message = json.loads(envelope["Body"])
                is_new = self.ledger.delivered(message, envelope)
                if self.is_messy and is_new and chance.random() < 0.33:
                    sqs.send_message(QueueUrl=queue, MessageBody=envelope["Body"],
                                     DelaySeconds=chance.randrange(3))
                self.answer(sqs, events, chance, message)
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=envelope["ReceiptHandle"])

    def url_of(self, sqs, queue):
        """The nodes make their queues when they first need them."""
        while not self.no_work.is_set():
            url = find_queue(sqs, queue)
            if url:
                return url
            self.no_work.wait(0.1)
        return None

    def event_of(self, message):
        """The same whoever does the task: which first attempts fail is in the instance's name."""
        slips = message["attempt"] == 1 and int(message["instance"][-3:], 36) % self.fails_in == 0
        if slips:
            return {"event": "TaskFailed", "token": message["token"], "error": "Slipped"}
        return {"event": "TaskCompleted", "token": message["token"],
                "output": {"n": len(message["instance"])}}

    def answer(self, sqs, events, chance, message):
        by_queue = chance.random() < 0.5
        if self.is_messy or by_queue:
            sqs.send_message(QueueUrl=events, MessageBody=json.dumps(self.event_of(message)),
                             DelaySeconds=chance.randrange(3) if self.is_messy else 0)
            self.ledger.answered(message, "answers by queue")
        askers = 2 if self.is_messy else 0 if by_queue else 1
        threads = [threading.Thread(target=self.answer_http, args=(chance.random(), message))
                   for _ in range(askers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def answer_http(self, seed, message):
        event = self.event_of(message)
        way = "complete" if event.pop("event") == "TaskCompleted" else "fail"
        try:
            answer = self.insist(random.Random(seed), f"/v1/tasks/{way}", event)
            must(answer["verdict"] in ("applied", "duplicate", "stale"), f"{way}: {answer}")
            self.ledger.answered(message, f"answers by HTTP {answer['verdict']}")
        except Failed as error:
            self.ledger.errors.append(str(error))

    def drain(self):
        """No more starts; everything that was acknowledged comes to its end."""
        self.no_starts.set()
        for thread in self.starters:
            thread.join(DRAIN_S)
        must(not self.ledger.errors, lambda: f"a client met {self.ledger.errors[:3]}")
        try:
            until("all is done", self.is_done, DRAIN_S)
        except Failed as error:
            raise Failed(f"{error}: {self.stuck()}") from None
        must(not self.ledger.errors, lambda: f"a client met {self.ledger.errors[:3]}")

    def is_done(self):
        try:
            node = self.cluster.running()[0]
            page = node.get(f"/v1/instances?template={self.name}&status=COMPLETED&limit=1000")
        except (Failed, *AWAY):
            return False
        return self.ledger.errors or len(page["instances"]) >= len(set(self.ledger.starts.values()))

    def stuck(self):
        """What somebody who looks for the fault wants to see first."""
        node, told = self.cluster.running()[0], []
        states = statuses(node, self.name)
        left = [i for i in set(self.ledger.starts.values()) if states.get(i) != "COMPLETED"]
        for instance in left[:2]:
            told.append(f"{instance} {states.get(instance)}")
            told += [json.dumps(node.get(f"/v1/instances/{instance}/explain"))]
            told += [json.dumps(e) for e in records(node, instance)]
        print("\n".join(told), flush=True)
        return f"{len(left)} of {len(self.ledger.starts)} are left, such as {left[:3]}"


# --- the oracle -----------------------------------------------------------------------------------


def statuses(node, name):
    """All instances of a template as one node lists them."""
    found, after = {}, ""
    while True:
        page = node.get(f"/v1/instances?template={name}&limit=1000{after}")
        found.update({i["instance"]: i["status"] for i in page["instances"]})
        if not page.get("next"):
            return found
        after = f"&after={page['next']}"


def are_completed(node, name, wanted):
    """These and no others. Right after a fault a list may be refused."""
    try:
        return statuses(node, name) == dict.fromkeys(wanted, "COMPLETED")
    except (Failed, *AWAY):
        return False


def records(node, instance):
    return node.get(f"/v1/instances/{instance}/events?limit=1000")["events"]


def judge(load, may_repeat=False):
    """`may_repeat`: a sender was lost or cut off, so that another sent its messages again. So it is
    where the machine was too busy for a node to be heard."""
    nodes, ledger = load.cluster.running(), load.ledger
    wanted = set(ledger.starts.values())
    must(len(wanted) == len(ledger.starts), f"{len(ledger.starts)} starts made {len(wanted)}")
    for node in nodes:
        until(f"{node} lists all as COMPLETED", lambda: are_completed(node, load.name, wanted))
    known = {}
    for number, instance in enumerate(sorted(wanted)):
        known.update(attempts(instance, records(nodes[number % len(nodes)], instance)))
        found = nodes[(number + 1) % len(nodes)].get(f"/v1/verify?instance={instance}")
        must(found["ok"] and not found["problems"], f"verify {instance}: {str(found)[:400]}")
    compare_attempts(ledger, known)
    again = ledger.sent_twice()
    may_repeat = may_repeat or load.is_messy or load.cluster.silences() > load.silences
    must(may_repeat or not again, f"{len(again)} messages were sent twice, such as {again[:3]}")
    print(f"    {load.name}: {len(wanted)} instances, {len(known)} attempts, {len(again)} sent "
          f"twice; {dict(ledger.counts)}", flush=True)


def verify_all(cluster):
    """Every node proves every chain, those of nodes that are no more among them."""
    stored = cluster.count_records()
    for node in cluster.nodes:
        found = node.cli_one("verify")
        must(found["ok"] and not found["problems"], f"verify at {node}: {str(found)[:400]}")
        must(found["instances"] > 0, f"{node} verified nothing")
        must(found["events"] >= stored, f"{node} verified {found['events']} of {stored} records")


def attempts(instance, events):
    """The attempts that these records name, once it is sure that they are in order."""
    must([e["seq"] for e in events] == list(range(1, len(events) + 1)),
         lambda: f"{instance} has the records {[e['seq'] for e in events]}")
    ends = collections.Counter()
    now, known = {}, {}
    for event in events:
        must(event["verdict"] == "applied" or not event["changes"], f"{instance}: {event}")
        for change in event["changes"]:
            path, to = change["path"], change["to"]
            if path.endswith("status") and to == "COMPLETED":
                ends[path] += 1
            if path.endswith((".generation", ".attempt")):
                now[path] = to
            if path.startswith("tasks.") and path.endswith(".status") and to == "SCHEDULED":
                task = path.split(".")[1]
                known[(instance, task, now.get(f"tasks.{task}.generation", 1),
                       now.get(f"tasks.{task}.attempt", 1))] = event["seq"]
    must(ends["status"] == 1 and set(ends.values()) == {1}, f"{instance} was completed as {ends}")
    return known


def compare_attempts(ledger, known):
    with ledger.lock:
        seen = {name: list(came) for name, came in ledger.seen.items()}
    strange = [name for name in seen if name not in known]
    must(not strange, f"{len(strange)} attempts are in no record, such as {strange[:3]}")
    lost = [name for name in known if name not in seen]
    must(not lost, f"{len(lost)} attempts never reached a worker, such as {lost[:3]}")
    for name, came in seen.items():
        must(len({c[1:] for c in came}) == 1, f"{name} came under several ids: {came}")
    keys = collections.defaultdict(set)
    for name, came in seen.items():
        keys[came[0][2]].add(name[:3])
    shared = [names for names in keys.values() if len(names) > 1]
    must(not shared, f"one idempotency key for several tasks: {shared[:3]}")


def lateness_s(node, load):
    """How long after they were due the retries of a load came."""
    late = []
    for instance in set(load.ledger.starts.values()):
        due = {}
        for event in records(node, instance):
            for change in event["changes"]:
                task, _, field = change["path"].removeprefix("tasks.").partition(".")
                if field == "retry_at" and change["to"]:
                    due[task] = change["to"]
                elif field == "attempt" and task in due:
                    late.append(seconds(event["at"]) - seconds(due.pop(task)))
    return late


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
