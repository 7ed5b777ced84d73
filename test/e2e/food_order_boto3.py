"""The food-order workflow with workers written against stock boto3, only the endpoint set; and the
calls of the SQS protocol that such workers make."""

import hashlib
import json
import threading

from botocore.exceptions import ClientError

import _food_order as food
from _server import Cases, Server, must, task_of, until


class Boto3Workers:
    """A thread for each queue: long poll, do the task, answer, delete."""

    def __init__(self, server):
        self.server = server
        self.taken = food.Taken()
        self.errors = []
        self.stopped = threading.Event()
        self.threads = []

    def start(self):
        self.stopped.clear()
        self.threads = [threading.Thread(target=self.guard, args=(q,), daemon=True)
                        for q in food.QUEUES]
        for t in self.threads:
            t.start()

    def stop(self):
        self.stopped.set()
        for t in self.threads:
            t.join()
        must(not self.errors, lambda: f"a worker died: {self.errors[0]}")

    def guard(self, queue):
        try:
            self.work(queue)
        except Exception as error:  # told by stop: a thread has nobody to raise it to
            self.errors.append(f"{queue}: {error!r}")

    def work(self, queue):
        sqs = self.server.sqs()
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        events = sqs.get_queue_url(QueueName="swm-events")["QueueUrl"]
        while not self.stopped.is_set():
            got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2)
            for m in got.get("Messages", []):
                message = json.loads(m["Body"])
                self.taken.add(message)
                sqs.send_message(QueueUrl=events, MessageBody=json.dumps(food.answer_to(message)))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])


# --- pause, duplicates, deletes -------------------------------------------------------------------


def pause_holds(server):
    sqs = server.sqs()
    order = food.start(server, "ORDER-PAUSE")["instance"]
    message, receipt = food.take(sqs, "confirm_order_queue", order)
    paused = server.cli_one("pause", order, "--reason", "kitchen on fire")
    must(paused["verdict"] == "applied" and paused["status"] == "PAUSED", paused)
    send(sqs, {"event": "TaskCompleted", "token": message["token"], "output": {"accepted": True}})
    sqs.delete_message(QueueUrl=url_of(sqs, "confirm_order_queue"), ReceiptHandle=receipt)
    shown = server.show(order)
    must(shown["status"] == "PAUSED", f"it is {shown['status']}")
    must(task_of(shown, "confirm_order")["status"] == "COMPLETED", "the answer did not count")
    must(task_of(shown, "make_food")["status"] == "PENDING", "something started while paused")
    resumed = server.cli_one("resume", order, "--reason", "fire is out")
    must(resumed["status"] == "RUNNING", resumed)
    must(task_of(server.show(order), "make_food")["status"] == "SCHEDULED", "it does not go on")
    reasons = [e["reason"] for e in server.cli("events", order) if e["event"].endswith("eWorkflow")]
    must(reasons == ["kitchen on fire", "fire is out"], f"the reasons are {reasons}")


def duplicates_change_nothing(server):
    sqs = server.sqs()
    order = food.start(server, "ORDER-TWICE")["instance"]
    again = food.start(server, "ORDER-TWICE")
    must(again["verdict"] == "duplicate" and again["instance"] == order, again)
    body = {"template": food.TEMPLATE, "input": food.input_of("ORDER-ID"), "event_id": "start-7"}
    first = server.post("/v1/instances", body)
    second = server.post("/v1/instances", body)
    must(first["verdict"] == "applied" and second["verdict"] == "duplicate", (first, second))
    must(first["instance"] == second["instance"], "one event_id started two orders")

    message, _ = food.take(sqs, "confirm_order_queue", order)
    answer = food.answer_to(message)
    send(sqs, answer)
    send(sqs, answer)
    verdicts = [e["verdict"] for e in server.cli("events", order) if e["event"] == "TaskCompleted"]
    must(verdicts == ["applied", "duplicate"], f"the verdicts are {verdicts}")
    token = answer["token"]
    forged = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
    status, told = server.ask("POST", "/v1/events", dict(answer, token=forged))
    must(status in (400, 404), f"a forged token was answered {status}: {told}")


def delete_is_no_answer(server):
    sqs = server.sqs()
    order = food.start(server, "ORDER-DELETE")["instance"]
    _, receipt = food.take(sqs, "confirm_order_queue", order)
    sqs.delete_message(QueueUrl=url_of(sqs, "confirm_order_queue"), ReceiptHandle=receipt)
    task = task_of(server.show(order), "confirm_order")
    must(task["status"] in ("SCHEDULED", "RUNNING"), f"the task is {task['status']}")
    deleted = [e for e in server.cli("events", order) if e["event"] == "MessageDeleted"]
    must(len(deleted) == 1 and deleted[0]["verdict"] == "applied", deleted)


def visibility_ends(server):
    sqs = server.sqs()
    url = url_of(sqs, "confirm_order_queue")
    order = food.start(server, "ORDER-SLOW")["instance"]
    message, receipt = food.take(sqs, "confirm_order_queue", order)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
    again, _ = food.take(sqs, "confirm_order_queue", order)
    must(again["attempt"] == message["attempt"] == 1, "it came under another attempt")
    must(again["idempotency_key"] == message["idempotency_key"], "the idempotency key changed")


# --- queues that no template names ----------------------------------------------------------------


def url_of(sqs, name):
    return sqs.get_queue_url(QueueName=name)["QueueUrl"]


def send(sqs, event):
    sqs.send_message(QueueUrl=url_of(sqs, "swm-events"), MessageBody=json.dumps(event))


def code_of(work, **arguments):
    """The error code that a call ends with."""
    try:
        work(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def queue_is_made(server):
    sqs = server.sqs()
    made = sqs.create_queue(QueueName="parcels", Attributes={"VisibilityTimeout": "7"})["QueueUrl"]
    must(sqs.create_queue(QueueName="parcels", Attributes={"VisibilityTimeout": "7"})["QueueUrl"]
         == made, "the same queue has two addresses")
    other = code_of(sqs.create_queue, QueueName="parcels", Attributes={"VisibilityTimeout": "8"})
    must(other == "QueueAlreadyExists", f"with other attributes: {other}")
    must(url_of(sqs, "parcels") == made, "GetQueueUrl tells another address")
    must(made in sqs.list_queues(QueueNamePrefix="parc")["QueueUrls"], "it is not listed")
    must("QueueUrls" not in sqs.list_queues(QueueNamePrefix="no-such"), "a prefix does not filter")
    absent = code_of(sqs.get_queue_url, QueueName="absent")
    must(absent == "AWS.SimpleQueueService.NonExistentQueue", f"an absent queue: {absent}")


def attributes_are_kept(server):
    sqs = server.sqs()
    url = url_of(sqs, "parcels")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "33"})
    got = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    must(got["VisibilityTimeout"] == "33", got)
    must(got["QueueArn"].endswith(":parcels"), got)
    must(got["ApproximateNumberOfMessages"] == "0", got)


def message_goes_through(server):
    sqs = server.sqs()
    url = url_of(sqs, "parcels")
    body = "héllo <&> \"parcel\""
    traits = {"weight": {"DataType": "Number", "StringValue": "2.5"},
              "label": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    sent = sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=traits)
    must(sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest(), sent)
    got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"],
                              AttributeNames=["All"])["Messages"][0]
    must(got["Body"] == body and got["MessageId"] == sent["MessageId"], got)
    must(got["MessageAttributes"]["weight"]["StringValue"] == "2.5", got)
    must(got["MessageAttributes"]["label"]["BinaryValue"] == b"\x00\xff", got)
    must(got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"], "digests differ")
    must(got["Attributes"]["ApproximateReceiveCount"] == "1", got)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"],
                                  VisibilityTimeout=0)
    again = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1,
                                AttributeNames=["ApproximateReceiveCount"])["Messages"][0]
    must(again["Attributes"]["ApproximateReceiveCount"] == "2", again)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    must("Messages" not in sqs.receive_message(QueueUrl=url), "it was not deleted")


def batches_go_through(server):
    sqs = server.sqs()
    url = url_of(sqs, "parcels")
    entries = [{"Id": f"p{i}", "MessageBody": f"parcel {i}"} for i in range(10)]
    entries[9]["DelaySeconds"] = 900
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    must(len(sent["Successful"]) == 10 and not sent.get("Failed"), sent)
    taken = {}
    until("nine parcels come",
          lambda: taken.update({m["Body"]: m["ReceiptHandle"] for m in sqs.receive_message(
              QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])})
          or len(taken) == 9)
    must("parcel 9" not in taken, "a delayed message came at once")
    receipts = list(taken.values())
    later = sqs.change_message_visibility_batch(QueueUrl=url, Entries=[
        {"Id": str(i), "ReceiptHandle": r, "VisibilityTimeout": 600}
        for i, r in enumerate(receipts)])
    must(len(later["Successful"]) == 9, later)
    gone = sqs.delete_message_batch(QueueUrl=url, Entries=[
        {"Id": str(i), "ReceiptHandle": r} for i, r in enumerate(receipts)])
    must(len(gone["Successful"]) == 9 and not gone.get("Failed"), gone)
    got = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    must(got["ApproximateNumberOfMessagesDelayed"] == "1", got)
    must(got["ApproximateNumberOfMessagesNotVisible"] == "0", got)
    eleven = [{"Id": str(i), "MessageBody": "x"} for i in range(11)]
    many = code_of(sqs.send_message_batch, QueueUrl=url, Entries=eleven)
    must(many == "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", f"eleven at once: {many}")


def queue_goes_away(server):
    sqs = server.sqs()
    url = url_of(sqs, "parcels")
    sqs.send_message(QueueUrl=url, MessageBody="left over")
    sqs.purge_queue(QueueUrl=url)
    must("Messages" not in sqs.receive_message(QueueUrl=url), "a purged message came")
    sqs.delete_queue(QueueUrl=url)
    gone = code_of(sqs.receive_message, QueueUrl=url)
    must(gone == "AWS.SimpleQueueService.NonExistentQueue", f"a deleted queue: {gone}")


def batch_of_answers(server):
    """Ten answers in one SendMessageBatch, one of them no event: nine count, each has a verdict."""
    sqs = server.sqs()
    orders = [food.start(server, f"ORDER-B{i}")["instance"] for i in range(9)]
    messages = [food.take(sqs, "confirm_order_queue", o)[0] for o in orders]
    entries = [{"Id": str(i), "MessageBody": json.dumps(food.answer_to(m))}
               for i, m in enumerate(messages)]
    entries.append({"Id": "bad", "MessageBody": "this is no event, batch"})
    sent = sqs.send_message_batch(QueueUrl=url_of(sqs, "swm-events"), Entries=entries)
    must(len(sent["Successful"]) == 10, sent)
    for order in orders:
        must(task_of(server.show(order), "confirm_order")["status"] == "COMPLETED", order)
    feed = server.get("/v1/events?limit=1000&verdict=invalid")["events"]
    must(any("this is no event, batch" in json.dumps(e) for e in feed), f"its record: {feed[-3:]}")


def verifies(server):
    must(server.cli_one("verify")["ok"], "verify found problems")


def stops(server):
    status = server.stop()
    must(status == 0, f"it ended with {status}")


def main():
    cases = Cases()
    with Server() as server:
        food.Story(server, cases, Boto3Workers(server)).run()
        for name, work in (
            ("pause holds an order and resume goes on", pause_holds),
            ("duplicates change nothing and are told so", duplicates_change_nothing),
            ("deleting a task message does not complete the task", delete_is_no_answer),
            ("a message whose visibility ends comes again under the same attempt",
             visibility_ends),
            ("ten answers in one batch each get a verdict", batch_of_answers),
            ("a queue is made once, found and listed", queue_is_made),
            ("queue attributes are kept", attributes_are_kept),
            ("a foreign message goes through with its attributes", message_goes_through),
            ("foreign messages go through in batches", batches_go_through),
            ("a queue is purged and deleted", queue_goes_away),
            ("verify is still clean", verifies),
            ("SIGTERM ends it with status 0", stops),
        ):
            cases.check(name, work, server)
    cases.finish()


main()
