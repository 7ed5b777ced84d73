"""swm migrate-store: a server's data in another store, where the server goes on.

From a data folder to another one, to a MongoDB and back. Records must come out byte by byte as they
were, tokens from before must be taken, and a move that is killed must go on where it was.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile

from _server import PROGRAM, ROOT, Cases, Server, must, until

sys.path.insert(0, str(ROOT / "test" / "servers"))
from mongo import Replicas  # noqa: E402

MANY = 3000  # instances, so that a move takes long enough to be killed
LONG = 4200  # records of one instance: more than are folded from the beginning
LARGE = "x" * 20000  # stored apart
MOVE_S = 300  # a move may take that long on a busy machine

TEMPLATE = """
name: moving
description: %s
stages:
  - name: one
    tasks:
      - {name: work, queue: work_queue, timeout: {running: 1h}}
  - name: two
    tasks:
      - {name: once, queue: once_queue, retry: {max_attempts: 1}}
  - name: three
    tasks:
      - {name: ask, human: {assignee: somebody}}
output: {said: "${ .tasks.ask.output.said }", got: "${ .tasks.work.output }"}
"""


class Keyed(Server):
    """A server where requests show a key, once there is one."""

    key = None

    def ask(self, method, path, body=None, headers=None, timeout_s=120):
        shown = {"Authorization": f"Bearer {self.key['key']}"} if self.key else {}
        return super().ask(method, path, body, {**shown, **(headers or {})}, timeout_s)

    def send(self, *events):
        return self.post("/v1/events", list(events))["results"]

    def receive(self, queue, most=10):
        return self.post(f"/v1/queues/{queue}/receive", {"max": most, "wait_seconds": 0})["messages"]

    def sqs(self):
        import boto3

        key = self.key or {"access_key_id": "any", "secret_access_key": "any"}
        return boto3.client("sqs", endpoint_url=self.url, region_name="us-east-1",
                            aws_access_key_id=key["access_key_id"],
                            aws_secret_access_key=key["secret_access_key"])


def serve(store, key=None):
    is_folder = not store.startswith("mongodb://")
    server = Keyed(data=store if is_folder else None, options=[] if is_folder else ["--store", store])
    server.key = key
    return server


def move(source, target, code=0):
    done = subprocess.run([PROGRAM, "migrate-store", "--from", source, "--to", target, "--json"],
                          capture_output=True, text=True, timeout=MOVE_S)
    must(done.returncode == code, f"ended with {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def refused(source, target, *words):
    message = move(source, target, code=1)["error"]["message"]
    for word in words:
        must(word in message, f"{word!r} is not in {message!r}")


def query(folder, sql):
    with sqlite3.connect(f"file:{folder}/swm.db?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def records(folder):
    return query(folder, "SELECT instance, seq, record FROM events ORDER BY instance, seq")


# --- a server that has seen much -----------------------------------------------------------------

class World:
    def __init__(self, folder):
        self.folder, self.ids, self.tokens = folder, {}, {}
        with serve(folder) as server:
            self.fill(server)
            self.tokens_before = dict(self.tokens)
            self.shown = {key: server.get(f"/v1/instances/{i}") for key, i in self.ids.items()}
            self.versions = server.get("/v1/templates/moving")
            self.stats = server.get("/v1/stats")["instances"]
            must(server.stop() == 0, "it ends in order")
        self.records = records(folder)

    def start(self, server, key, **input_):
        self.ids[key] = server.send({"event": "StartWorkflow", "template": "moving", "key": key,
                                     "event_id": key, "input": input_})[0]["instance"]

    def take(self, server, queue, key):
        """Receives until this instance's message is there; the others stay in flight."""
        if (queue, key) not in self.tokens:
            for message in server.receive(queue):
                self.tokens[(queue, message["key"])] = message["token"]
        must((queue, key) in self.tokens, f"{queue} has no message of {key}")
        return self.tokens[(queue, key)]

    def complete(self, server, queue, key, output):
        token = self.take(server, queue, key)
        answer = server.post("/v1/tasks/complete", {"token": token, "output": output})
        must(answer["verdict"] == "applied", answer)

    def fill(self, server):
        server.ask("POST", "/v1/templates", TEMPLATE % "first", {"Content-Type": "application/yaml"})
        for key in ("running", "human", "failed", "completed", "paused"):
            self.start(server, key, number=1)
        server.ask("POST", "/v1/templates", TEMPLATE % "second", {"Content-Type": "application/yaml"})
        self.start(server, "large", text=LARGE)
        for key in ("human", "failed", "completed", "large"):
            self.complete(server, "work_queue", key, {"text": LARGE, "n": 12345678901234567890})
        for key in ("human", "completed"):
            self.complete(server, "once_queue", key, {})
        server.post("/v1/tasks/fail", {"token": self.take(server, "once_queue", "failed"),
                                       "error": "Broken"})
        server.send({"event": "TaskCompleted", "instance": self.ids["completed"], "task": "ask",
                     "output": {"said": "yes"}})
        server.send({"event": "PauseWorkflow", "instance": self.ids["paused"]},
                    {"event": "StartWorkflow", "template": "nowhere", "event_id": "lost"},
                    {"event": "TaskCompleted", "instance": self.ids["running"], "task": "ask",
                     "output": {"refused": LARGE}})
        sqs = server.sqs()
        url = sqs.create_queue(QueueName="letters", Attributes={"VisibilityTimeout": "77"})
        for n in range(12):
            sqs.send_message(QueueUrl=url["QueueUrl"], MessageBody=f"letter {n}", MessageAttributes={
                "n": {"DataType": "Number", "StringValue": str(n)}})
        url = sqs.get_queue_url(QueueName="once_queue")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="by hand")
        server.key = self.key = server.post("/v1/keys", {"role": "admin", "name": "mover"})

    def goes_on(self, server):
        """What was under way is done, with tokens from before the move."""
        must(server.get("/v1/templates/moving") == self.versions, "the versions are the same")
        for key, instance in self.ids.items():
            shown = server.get(f"/v1/instances/{instance}")
            must(shown == self.shown[key], lambda k=key, s=shown: f"{k} is {s}")
        found = server.get("/v1/verify")
        must(found["ok"], found)
        self.complete(server, "work_queue", "running", {"late": True})
        again = server.send({"event": "StartWorkflow", "template": "moving", "key": "running",
                             "event_id": "running", "input": {"number": 1}})[0]
        must(again["verdict"] == "duplicate" and again["instance"] == self.ids["running"], again)
        inbox = server.get("/v1/tasks")["tasks"]
        must(self.ids["human"] in [t["instance"] for t in inbox], inbox)
        server.send({"event": "TaskCompleted", "instance": self.ids["human"], "task": "ask",
                     "output": {"said": "moved"}})
        must(server.status_is(self.ids["human"], "COMPLETED"), "the human one is completed")
        server.send({"event": "ResumeWorkflow", "instance": self.ids["paused"]})
        must(server.status_is(self.ids["paused"], "RUNNING"), "the paused one runs")
        server.send({"event": "ReplayTask", "instance": self.ids["failed"], "task": "once"})
        must(server.status_is(self.ids["failed"], "RUNNING"), "the failed one runs")
        keys = set()
        until("the replayed task is sent", lambda: keys.update(
            m.get("key") for m in server.receive("once_queue")) or "failed" in keys)
        self.reads_letters(server)

    def reads_letters(self, server):
        sqs = server.sqs()
        url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
        got = {}
        while len(got) < 12:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20,
                                         MessageAttributeNames=["All"])
            must(answer.get("Messages"), f"{len(got)} letters came")
            for m in answer["Messages"]:
                got[m["Body"]] = m["MessageAttributes"]["n"]["StringValue"]
        must(got == {f"letter {n}": str(n) for n in range(12)}, got)
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        must(attributes["Attributes"]["VisibilityTimeout"] == "77", attributes)


# --- the cases -----------------------------------------------------------------------------------

def go_there_and_back(world, replicas, folder):
    """Each store is served after the move into it; in between nothing is changed."""
    moves = [world.folder, f"{folder}/second"]
    if replicas:
        moves += [replicas.uri("moved"), f"{folder}/third"]
    for source, target in zip(moves, moves[1:]):
        done = move(source, target)
        must(done["events"] == len(world.records) and not done["resumed"], done)
        must(done["instances"] == len(world.ids) and done["messages"] == 13, done)
        must(done["keys"] == 1 and done["templates"] == 2, done)
    must(records(moves[-1]) == world.records, "the records are the same, byte by byte")
    must(records(world.folder) == world.records, "the source is as it was")
    rows = "SELECT id, status, key, rev, state FROM instances ORDER BY id"
    must(query(moves[-1], rows) == query(world.folder, rows), "the rows are the same")
    ready = "SELECT queue, instance, task, generation, attempt FROM ready ORDER BY 1, 2, 3"
    must(query(moves[-1], ready) == query(world.folder, ready), "the messages are the same")
    return moves


def go_on(world, stores):
    for store in stores[1:]:
        world.tokens = dict(world.tokens_before)
        with serve(store, world.key) as server:
            world.goes_on(server)
            must(server.get("/v1/verify")["ok"], "it is in order")
            must(server.stop() == 0, "it ends in order")


def order_of_the_feed(world, stores):
    """Within an instance; and what was together stays together, a page of records apart at most."""
    order = "SELECT instance, seq FROM events ORDER BY pos"
    seen = {}
    for instance, seq in query(stores[1], order):
        must(seq == seen.get(instance, 0) + 1, f"record {seq} of {instance} comes after {seen}")
        seen[instance] = seq


def is_refused(world, stores, folder):
    busy = f"{folder}/busy"
    refused(f"{folder}/nowhere", busy, "is no data folder")
    refused(world.folder, world.folder, "the same place")
    refused(world.folder, stores[1], "not empty")
    with serve(busy) as server:
        refused(world.folder, busy, "in use", str(server.process.pid))
        refused(busy, f"{folder}/other", "in use", str(server.process.pid))
        server.stop()
    refused(world.folder, busy, "not empty")
    done = subprocess.run([PROGRAM, "migrate-store", "--from", busy], capture_output=True)
    must(done.returncode == 2, f"without --to it ends with {done.returncode}")


def is_refused_while_nodes_live(world, replicas):
    with serve(replicas.uri("lively")) as server:
        refused(world.folder, replicas.uri("lively"), "in use", "was seen")
        refused(replicas.uri("lively"), f"{world.folder}-not", "in use", "was seen")
        server.stop()
    refused(world.folder, replicas.uri("lively", w="majority"), "not empty")


def fill_many(folder):
    with serve(folder) as server:
        server.ask("POST", "/v1/templates", TEMPLATE % "many", {"Content-Type": "application/yaml"})
        long = server.send({"event": "StartWorkflow", "template": "moving", "key": "long"})[0]
        for first in range(0, MANY, 500):
            server.send(*({"event": "StartWorkflow", "template": "moving", "key": f"many-{n}",
                           "input": {"text": LARGE + str(n) if n % 100 == 0 else ""}}
                          for n in range(first, first + 500)))
        kinds = ("PauseWorkflow", "ResumeWorkflow")
        for first in range(1, LONG, 700):
            server.send(*({"event": kinds[n % 2], "instance": long["instance"]}
                          for n in range(first, first + 700)))
        must(server.stop() == 0, "it ends in order")


def killed_and_begun_again(folder, target, count):
    """The more records the target has, the later the kill. It may come too late for the last."""
    source = f"{folder}/many"
    whole = len(records(source))
    kills = 0
    for at_least in (0, 1, whole // 4, whole // 2, whole - 1):
        process = subprocess.Popen([PROGRAM, "migrate-store", "--from", source, "--to", target],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            until("it has come so far", lambda: process.poll() is not None or count() > at_least,
                  MOVE_S)
        finally:
            process.kill()
        said = process.communicate()[1].decode()
        must(process.returncode in (-9, 0), f"it ended with {process.returncode}: {said}")
        kills += process.returncode == -9
        if process.returncode == 0:
            break
        # One that dies while it looks around is a node of the target for ten seconds.
        until("it is refused as not finished", lambda: "not finished" in move(
            target, f"{folder}/never", code=1)["error"]["message"])
        is_not_served(target)
    must(kills > 2, f"{kills} kills came in time")
    if process.returncode != 0:
        done = move(source, target)
        must(done["resumed"] and done["written"] < done["events"], done)
    with serve(target) as server:
        found = server.get("/v1/verify")
        must(found["ok"] and found["instances"] == MANY + 1, found)
        must(server.get("/v1/instances/moving%2Flong")["revision"] > LONG, "it is all there")
        must(server.stop() == 0, "it ends in order")


def is_not_served(store):
    options = ["--store", store] if store.startswith("mongodb://") else ["--data", store]
    done = subprocess.run([PROGRAM, "serve", "--listen", "127.0.0.1:0", *options],
                          capture_output=True, text=True, timeout=60)
    must(done.returncode == 1 and "move into this store is not finished" in done.stderr,
         f"{done.returncode}: {done.stderr}")


def killed_between_folders(folder):
    target = f"{folder}/killed"

    def count():
        try:
            return query(target, "SELECT max(pos) FROM events")[0][0] or 0
        except sqlite3.OperationalError:
            return -1

    killed_and_begun_again(folder, target, count)
    must(records(target)[:MANY] == records(f"{folder}/many")[:MANY], "the records are the same")


def killed_into_mongo(folder, replicas):
    killed_and_begun_again(folder, replicas.uri("killed"), lambda: replicas.count_records("killed"))


def target_goes_away(folder, replicas):
    """While rows are made of the records: it says so and ends, and goes on when it is begun again."""
    source, target = f"{folder}/many", replicas.uri("away")
    process = subprocess.Popen([PROGRAM, "migrate-store", "--from", source, "--to", target],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        until("a row is there", lambda: process.poll() is not None or replicas.primary().command(
            "find", "instances", "away", limit=1)["cursor"]["firstBatch"], MOVE_S)
        replicas.members[0].kill()
        said = process.communicate(timeout=MOVE_S)[1].decode()
    finally:
        process.kill()
        if not replicas.members[0].is_running():
            replicas.members[0].start()
    must(process.returncode == 1 and ("cannot be reached" in said or "does not answer" in said),
         f"it ended with {process.returncode}: {said[-600:]}")
    until("the database is back", replicas.primary)
    done = move(source, target)
    must(done["resumed"] and done["instances"] == MANY + 1, done)


def another_source_is_refused(world, folder):
    """What one source has begun another one does not end."""
    target = f"{folder}/half"
    done = subprocess.run([PROGRAM, "migrate-store", "--from", world.folder, "--to", target],
                          capture_output=True, preexec_fn=out_of_room)
    must(done.returncode != 0, "it was cut off")
    refused(f"{folder}/many", target, "from another store")
    move(world.folder, target)
    must(records(target) == world.records, "the records are the same")


def out_of_room():
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


def main():
    cases = Cases()
    folder = tempfile.mkdtemp(prefix="swm-move-")
    with Replicas(1) as replicas:
        world = cases.check("a server sees much", World, f"{folder}/first")
        if world:
            stores = cases.check("there and back, byte by byte", go_there_and_back, world, replicas,
                                 folder)
            cases.check("refused where it would do harm", is_refused, world, stores, folder)
            cases.check("refused while nodes live", is_refused_while_nodes_live, world, replicas)
            cases.check("records stay in order", order_of_the_feed, world, stores)
            cases.check("the servers go on", go_on, world, stores)
            cases.check("many instances", fill_many, f"{folder}/many")
            cases.check("another source is refused", another_source_is_refused, world, folder)
        cases.check("killed and begun again, between folders", killed_between_folders, folder)
        cases.check("killed and begun again, into MongoDB", killed_into_mongo, folder, replicas)
        cases.check("a target that goes away ends the move", target_goes_away, folder, replicas)
    shutil.rmtree(folder, ignore_errors=True)
    cases.finish()


if __name__ == "__main__":
    main()
