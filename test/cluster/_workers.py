"""Workers of the food order: stock boto3, against whatever speaks Amazon SQS."""

import json
import threading

from _cluster import find_queue, sqs_client

import _food_order as food
from _server import must, until


class Workers:
    """A thread for each queue: long poll, do the task, answer, delete."""

    def __init__(self, sqs):
        self.sqs = sqs
        self.taken = food.Taken()
        self.errors = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.guard, args=(q,), daemon=True)
                        for q in food.QUEUES]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        must(not self.errors, lambda: f"a worker died: {self.errors[0]}")

    def guard(self, queue):
        try:
            self.work(sqs_client(self.sqs.url), queue)
        except Exception as error:  # told by stop: a thread has nobody to raise it to
            self.errors.append(f"{queue}: {error!r}")

    def work(self, sqs, queue):
        url = sqs.create_queue(QueueName=queue)["QueueUrl"]
        events = until("the events queue is made", lambda: find_queue(sqs, self.sqs.events))
        while not self.stopped.is_set():
            got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for m in got.get("Messages", []):
                message = json.loads(m["Body"])
                self.taken.add(message)
                sqs.send_message(QueueUrl=events, MessageBody=json.dumps(food.answer_to(message)))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
