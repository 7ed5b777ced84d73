"""A hundred kill -9 at random moments under load, each followed by a restart.

Clients start instances, workers do their tasks, over plain HTTP and with boto3. Whoever gets no
answer asks again with the same event_id or token until there is one. Afterwards everything that was
acknowledged must be there: see `judge`. SWM_SEED repeats a run's moments, SWM_KILLS their number.
"""

import collections
import http.client
import json
import os
import random
import threading
import time

import boto3
import botocore.config
import botocore.exceptions

from _server import Cases, Server, ask, must, until

KILLS = int(os.environ.get("SWM_KILLS", "100"))
SEED = int(os.environ.get("SWM_SEED", str(time.time_ns() % 1000000)))
OPEN_MAX = 150  # instances under way
STARTERS, HTTP_WORKERS, BOTO3_WORKERS = 3, 5, 3
DRAIN_S = 60
QUEUES = ("kill_first", "kill_side", "kill_last")

TEMPLATE = {
    "name": "kill-check",
    "defaults": {"retry": {"max_attempts": 100, "delay": "50ms", "backoff": 1}},
    "stages": [
        {"name": "one", "tasks": [{"name": "first", "queue": QUEUES[0]},
                                  {"name": "side", "queue": QUEUES[1]}]},
        {"name": "two", "tasks": [{"name": "last", "queue": QUEUES[2],
                                   "input": {"from": "${ .tasks.first.output.n }"}}]},
    ],
}

# What a client may meet while the server is away.
AWAY = (OSError, http.client.HTTPException, botocore.exceptions.HTTPClientError,
        botocore.exceptions.ConnectionError)


class Ledger:
    """What was acknowledged and what was handed out, with the moments."""

    def __init__(self):
        self.lock = threading.Lock()
        self.starts = {}  # event id: instance
        self.finished = set()  # instances whose last task was acknowledged
        self.acks = {}  # (instance, task, generation, attempt): when the first answer came
        self.deliveries = []  # (the same, when the receive was sent)
        self.counts = collections.Counter()
        self.errors = []

    def started(self, event_id, answer):
        with self.lock:
            self.starts[event_id] = answer["instance"]
            self.counts["starts " + answer["verdict"]] += 1

    def delivered(self, message, sent_at):
        with self.lock:
            self.deliveries.append((name_of(message), sent_at))

    def acked(self, message, what):
        now = time.monotonic()
        with self.lock:
            self.acks.setdefault(name_of(message), now)
            self.counts[what] += 1
            if message["task"] == "last":
                self.finished.add(message["instance"])

    def open(self):
        with self.lock:
            return len(self.starts) - len(self.finished)

    def count(self, what):
        with self.lock:
            self.counts[what] += 1


def name_of(message):
    return (message["instance"], message["task"], message["generation"], message["attempt"])


def answer_to(message):
    """The same for the same attempt, whoever does it: one in twenty first attempts fails."""
    if message["attempt"] == 1 and int(message["instance"][-2:], 36) % 20 == 0:
        return {"event": "TaskFailed", "token": message["token"], "error": "Slipped"}
    return {"event": "TaskCompleted", "token": message["token"],
            "output": {"n": len(message["instance"])}}


class Load:
    def __init__(self, server, ledger):
        self.server, self.ledger = server, ledger
        self.no_starts, self.no_work = threading.Event(), threading.Event()
        jobs = [(self.start_instances, i) for i in range(STARTERS)]
        jobs += [(self.work_http, i) for i in range(HTTP_WORKERS)]
        jobs += [(self.work_boto3, i) for i in range(BOTO3_WORKERS)]
        self.threads = [threading.Thread(target=self.guard, args=job, daemon=True) for job in jobs]

    def run(self):
        for t in self.threads:
            t.start()

    def guard(self, work, number):
        try:
            work(number)
        except Exception as error:  # told at the end: a thread has nobody to raise it to
            self.ledger.errors.append(repr(error))

    def insist(self, what, work):
        """Does it again until the server answers; `work` returns None for "not now"."""
        while True:
            try:
                answer = work()
                if answer is not None:
                    return answer
                self.ledger.count(f"{what}: not now")
            except AWAY:
                self.ledger.count(f"{what}: no answer")
            self.no_work.wait(0.01)

    def link(self):
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)

    def post(self, link, what, path, body):
        """Insists on an answer to one request."""

        def once():
            try:
                status, answer = ask(link, "POST", path, body)
            except AWAY:
                link.close()
                raise
            if status == 503:
                return None
            must(status == 200, f"{path} answered {status}: {answer}")
            return answer

        return self.insist(what, once)

    # --- clients ---------------------------------------------------------------------------------

    def start_instances(self, number):
        link, count = self.link(), 0
        while not self.no_starts.is_set():
            if self.ledger.open() >= OPEN_MAX:
                self.no_starts.wait(0.01)
                continue
            count += 1
            event_id = f"start-{number}-{count}"
            event = {"event": "StartWorkflow", "template": "kill-check", "event_id": event_id,
                     "key": f"key-{number}-{count}", "input": {"number": count}}
            if number % 2:
                answer = self.post(link, "start", "/v1/instances", event)
            else:
                answer = self.post(link, "start", "/v1/events", [event])["results"][0]
            must(answer["verdict"] in ("applied", "duplicate"), f"a start became {answer}")
            self.ledger.started(event_id, answer)

    def receive_http(self, link, queue):
        """One receive: when it was sent, and what came."""
        sent_at = time.monotonic()
        try:
            status, answer = ask(link, "POST", f"/v1/queues/{queue}/receive",
                                 {"max": 5, "wait_seconds": 1})
        except AWAY:
            link.close()
            raise
        return (sent_at, answer["messages"]) if status == 200 else None

    def work_http(self, number):
        link, queue = self.link(), QUEUES[number % len(QUEUES)]
        while not self.no_work.is_set():
            sent_at, messages = self.insist("receive", lambda: self.receive_http(link, queue))
            for message in messages:
                self.ledger.delivered(message, sent_at)
                event = answer_to(message)
                way = "complete" if event.pop("event") == "TaskCompleted" else "fail"
                answer = self.post(link, "answer", f"/v1/tasks/{way}", event)
                must(answer["verdict"] in ("applied", "duplicate", "stale"), f"{way}: {answer}")
                self.ledger.acked(message, "answers by http " + answer["verdict"])

    def receive_boto3(self, sqs, queue):
        sent_at = time.monotonic()
        got = self.call_once(sqs.receive_message, QueueUrl=queue, MaxNumberOfMessages=5,
                             WaitTimeSeconds=1)
        return (sent_at, got.get("Messages", [])) if got is not None else None

    def work_boto3(self, number):
        sqs = boto3.client(
            "sqs", endpoint_url=self.server.url, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test",
            config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=10))
        queue = self.call(sqs.get_queue_url, QueueName=QUEUES[number % len(QUEUES)])["QueueUrl"]
        events = self.call(sqs.get_queue_url, QueueName="swm-events")["QueueUrl"]
        while not self.no_work.is_set():
            sent_at, messages = self.insist("receive", lambda: self.receive_boto3(sqs, queue))
            for m in messages:
                message = json.loads(m["Body"])
                self.ledger.delivered(message, sent_at)
                self.call(sqs.send_message, QueueUrl=events,
                          MessageBody=json.dumps(answer_to(message)))
                self.ledger.acked(message, "answers by boto3")
                self.call(sqs.delete_message, QueueUrl=queue, ReceiptHandle=m["ReceiptHandle"])

    def call_once(self, work, **arguments):
        try:
            return work(**arguments)
        except botocore.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                return None
            raise

    def call(self, work, **arguments):
        return self.insist(work.__name__, lambda: self.call_once(work, **arguments))


# --- the run --------------------------------------------------------------------------------------


def kill_and_restart(server):
    """Most moments are under load; one in five falls into the start itself."""
    chance = random.Random(SEED)
    for _ in range(KILLS):
        early = chance.random() < 0.2
        moment_s = chance.uniform(0, 0.06) if early else chance.uniform(0.3, 1.2)
        time.sleep(moment_s)
        must(server.process.poll() is None, lambda: f"it ended by itself: {server.output()[-900:]}")
        server.kill()
        server.spawn()
    until("it is ready after the last kill", server.is_ready)


def all_instances(server):
    found, after = {}, ""
    while True:
        page = server.get(f"/v1/instances?limit=1000{after}")
        found.update({i["instance"]: i["status"] for i in page["instances"]})
        if not page.get("next"):
            return found
        after = f"&after={page['next']}"


def drain(server, load):
    load.no_starts.set()
    for t in load.threads[:STARTERS]:
        t.join(DRAIN_S)
    until("nothing is under way any more", lambda: load.ledger.errors or not server.get(
        "/v1/instances?status=RUNNING&limit=1")["instances"], DRAIN_S)
    load.no_work.set()
    for t in load.threads:
        t.join(DRAIN_S)
    must(not load.ledger.errors, lambda: f"a client met: {load.ledger.errors[:3]}")


def starts_are_completed(server, ledger):
    found = all_instances(server)
    must(len(ledger.starts) >= KILLS, f"only {len(ledger.starts)} starts were acknowledged")
    lost = [i for i in ledger.starts.values() if i not in found]
    must(not lost, f"{len(lost)} acknowledged instances are gone, {lost[:3]}")
    open_ones = {i: s for i, s in found.items() if s != "COMPLETED"}
    must(not open_ones, f"{len(open_ones)} are not COMPLETED: {list(open_ones.items())[:3]}")
    must(len(found) == len(set(ledger.starts.values())) == len(ledger.starts),
         f"{len(ledger.starts)} starts made {len(found)} instances")


def nothing_is_asked_again(ledger):
    again = [(name, sent_at - ledger.acks[name]) for name, sent_at in ledger.deliveries
             if name in ledger.acks and sent_at > ledger.acks[name]]
    must(not again, f"{len(again)} acknowledged attempts were handed out again: {again[:3]}")
    out = len(ledger.deliveries)
    must(out >= 3 * len(ledger.starts), f"{out} deliveries for {len(ledger.starts)} instances")


def verify(server):
    found = server.cli_one("verify")
    must(found["ok"] and not found["problems"], f"verify says {found}")


def tell_state(server):
    """What somebody who looks for the fault wants to see first."""
    print(f"seed {SEED}; the server said: {server.output()[-2000:]}")
    for queue in server.get("/v1/queues")["queues"]:
        print(f"    queue {queue}")
    for instance in server.get("/v1/instances?status=RUNNING&limit=2")["instances"]:
        print(json.dumps(server.get(f"/v1/instances/{instance['instance']}/explain")))
        for event in server.get(f"/v1/instances/{instance['instance']}/events")["events"]:
            print(f"    {json.dumps(event)}")


def main():
    print(f"seed {SEED}, {KILLS} kills", flush=True)
    cases, ledger = Cases(), Ledger()
    with Server() as server:
        server.post("/v1/templates", TEMPLATE)
        load = Load(server, ledger)
        load.run()
        cases.check("it comes back after every kill", kill_and_restart, server)
        cases.check("what was under way goes on to its end", drain, server, load)
        cases.check("every acknowledged start is COMPLETED, once", starts_are_completed, server,
                    ledger)
        cases.check("no acknowledged answer was ever asked for again", nothing_is_asked_again,
                    ledger)
        cases.check("verify finds chain and state right", verify, server)
        for what, count in sorted(ledger.counts.items()):
            print(f"    {count:7} {what}")
        if cases.failed:
            tell_state(server)
    cases.finish()


main()
