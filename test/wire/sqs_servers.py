#!/usr/bin/env python3
"""A whole workflow with stock boto3 workers over other people's idea of Amazon SQS: moto, and swm's
own front. Events come through a standard queue, and through a FIFO one where the server has it."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import threading

import boto3
from botocore.config import Config

from _server import FOOD, PATIENCE_S, Server, check, equal, poll, run

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
from ports import free_port  # noqa: E402

KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_SESSION_TOKEN": ""}
ORDERS = [f"ORDER-{n}" for n in range(6)]


def client(base):
    return boto3.client("sqs", endpoint_url=base, region_name="us-east-1",
                        config=Config(retries={"max_attempts": 0}, read_timeout=PATIENCE_S),
                        aws_access_key_id="x", aws_secret_access_key="y")


class Worker(threading.Thread):
    """Takes every message of a queue and answers it."""

    def __init__(self, base, queue, events):
        super().__init__(daemon=True)
        self.sqs, self.queue, self.events = client(base), queue, events
        self.is_over, self.why = False, None

    def address(self, name):
        def find():
            try:
                return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
            except self.sqs.exceptions.QueueDoesNotExist:
                return None
        return poll(find)

    def answer(self, address, m):
        task = json.loads(m["Body"])
        event = {"event": "TaskCompleted", "token": task["token"],
                 "output": {"dish": (task["input"] or {}).get("dish")}}
        more = {"MessageGroupId": task["instance"], "MessageDeduplicationId": task["token"][-40:]} \
            if self.events.endswith(".fifo") else {}
        self.sqs.send_message(QueueUrl=self.address(self.events), MessageBody=json.dumps(event),
                              **more)
        self.sqs.delete_message(QueueUrl=address, ReceiptHandle=m["ReceiptHandle"])

    def run(self):
        try:
            address = self.address(self.queue)
            while not self.is_over:
                got = self.sqs.receive_message(QueueUrl=address, MaxNumberOfMessages=10,
                                               WaitTimeSeconds=1)
                for m in got.get("Messages", []):
                    self.answer(address, m)
        except Exception as e:  # pylint: disable=broad-except
            self.why = e


def whole(kind, base, events, option):
    url = f"sqs://us-east-1?endpoint={base}{option}"
    with Server("--queue", url, environment=KEYS) as server:
        server.apply(FOOD)
        for order in ORDERS:
            server.post("/v1/instances", {"template": "food",
                                          "input": {"order": order, "dish": "soup"}})
        workers = [Worker(base, q, events) for q in ("confirm_queue", "cook_queue", "assign_queue")]
        for w in workers:
            w.start()
        tasks = poll(lambda: (t := server.get("/v1/tasks").json["tasks"])
                     and len(t) == len(ORDERS) and t)
        equal(f"{kind}: all orders reach the courier", len(tasks or []), len(ORDERS))
        for t in tasks or []:
            server.post("/v1/tasks/complete", {"instance": t["instance"], "task": t["task"]})

        def shown():
            return [server.get(f"/v1/instances/food%2F{o}").json for o in ORDERS]
        poll(lambda: all(i["status"] == "COMPLETED" for i in shown()))
        equal(f"{kind}: and are completed", {i["status"] for i in shown()}, {"COMPLETED"})
        equal(f"{kind}: with what the cook said", [i["output"] for i in shown()],
              [{"dish": "soup"}] * len(ORDERS))
        for w in workers:
            w.is_over = True
        for w in workers:
            w.join()
        equal(f"{kind}: no worker met an error", [w.why for w in workers if w.why], [])
        check(f"{kind}: the records are whole", server.get("/v1/verify").json["ok"])


class Moto:
    def __enter__(self):
        self.port = free_port()
        program = os.path.join(os.path.dirname(sys.executable), "moto_server")
        self.process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(self.port)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        poll(self.is_up)
        return self

    def is_up(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def over_moto():
    with Moto() as moto:
        whole("moto", moto.url, "swm-events", "")


def over_moto_fifo():
    with Moto() as moto:
        client(moto.url).create_queue(QueueName="swm-events.fifo",
                                      Attributes={"FifoQueue": "true"})
        whole("moto, FIFO events", moto.url, "swm-events.fifo", "")


def over_swm():
    with Server("--store", "memory") as hub:
        whole("swm", f"http://127.0.0.1:{hub.port}", "answers", "&events=answers")


if __name__ == "__main__":
    run(over_moto, over_moto_fifo, over_swm)
