#!/usr/bin/env python3
"""The SQS protocol as stock boto3 and raw requests see it. With SWM_URL set it talks to that server,
which must be empty, instead of one of its own; then what needs a restart is left out."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from _server import FOOD, PATIENCE_S, Server, check, equal, poll, run

URL = os.environ.get("SWM_URL")
JSON = "application/x-amz-json-1.0"
MIB = 1024 * 1024


@contextlib.contextmanager
def served():
    if URL:
        yield URL
    else:
        with Server() as server:
            yield f"http://127.0.0.1:{server.port}"


def client(base):
    config = Config(retries={"max_attempts": 0}, read_timeout=PATIENCE_S)
    return boto3.client("sqs", endpoint_url=base, region_name="us-east-1", config=config,
                        aws_access_key_id="x", aws_secret_access_key="x")


def post(base, action, body, headers=None, path="/"):
    """A request by hand: (status, headers, body)."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    named = {"Content-Type": JSON}
    if action:
        named["X-Amz-Target"] = f"AmazonSQS.{action}"
    named.update(headers or {})
    request = urllib.request.Request(base + path, body, named, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as r:
            return r.status, r.headers, r.read()
    except urllib.error.HTTPError as r:
        with r:
            return r.code, r.headers, r.read()


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        return e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"]
    return "none", 200


def refused(name, call, code, status=400, **arguments):
    prefix = "AWS.SimpleQueueService."
    have, at = code_of(call, **arguments)
    return check(name, (have.removeprefix(prefix), at) == (code, status), (have, at))


def get(base, path):
    with urllib.request.urlopen(base + path, timeout=PATIENCE_S) as r:
        return json.loads(r.read())


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


# --- queues ---------------------------------------------------------------------------------------


def queues():
    with served() as base:
        sqs = client(base)
        url = sqs.create_queue(QueueName="q-1", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
        equal("a queue's address has the host and an account", url, f"{base}/000000000000/q-1")
        equal("it is found by name", sqs.get_queue_url(QueueName="q-1")["QueueUrl"], url)
        equal("made again it is the same", sqs.create_queue(QueueName="q-1")["QueueUrl"], url)
        refused("made again with another attribute it is refused", sqs.create_queue,
                "QueueAlreadyExists", QueueName="q-1", Attributes={"VisibilityTimeout": "61"})
        for i in range(2, 5):
            sqs.create_queue(QueueName=f"q-{i}")
        listed = sqs.list_queues(QueueNamePrefix="q-")["QueueUrls"]
        equal("queues are listed by prefix", [u.rpartition("/")[2] for u in listed],
              ["q-1", "q-2", "q-3", "q-4"])
        pages = sqs.get_paginator("list_queues").paginate(
            QueueNamePrefix="q-", PaginationConfig={"PageSize": 3})
        equal("and page by page", [len(p["QueueUrls"]) for p in pages], [3, 1])
        equal("an empty list has no member", sqs.list_queues(QueueNamePrefix="zz").get("QueueUrls"),
              None)
        sqs.delete_queue(QueueUrl=url)
        refused("a deleted queue is gone", sqs.get_queue_url, "NonExistentQueue", QueueName="q-1")
        refused("and takes no message", sqs.send_message, "NonExistentQueue", QueueUrl=url,
                MessageBody="x")


def attributes():
    with served() as base:
        sqs = client(base)
        url = sqs.create_queue(QueueName="attr")["QueueUrl"]

        def read(*names):
            return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names).get("Attributes")

        everything = read("All")
        equal("defaults are Amazon's", [everything[n] for n in (
            "VisibilityTimeout", "DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod",
            "ReceiveMessageWaitTimeSeconds")], ["30", "0", "1048576", "345600", "0"])
        equal("the ARN", everything["QueueArn"], "arn:aws:sqs:us-east-1:000000000000:attr")
        check("times are seconds", abs(int(everything["CreatedTimestamp"]) - time.time()) < 600)
        equal("no names, no attributes", read(), None)
        sqs.set_queue_attributes(QueueUrl=url, Attributes={
            "DelaySeconds": "1", "RedrivePolicy": "", "SqsManagedSseEnabled": "false"})
        equal("what is set is read", read("DelaySeconds"), {"DelaySeconds": "1"})
        refused("an unknown name is refused", sqs.get_queue_attributes, "InvalidAttributeName",
                QueueUrl=url, AttributeNames=["Colour"])
        for name, value, code in (
                ("Colour", "red", "InvalidAttributeName"), ("QueueArn", "x", "InvalidAttributeName"),
                ("VisibilityTimeout", "43201", "InvalidAttributeValue"),
                ("DelaySeconds", "soon", "InvalidAttributeValue"),
                ("RedrivePolicy", "{}", "UnsupportedOperation"),
                ("SqsManagedSseEnabled", "true", "UnsupportedOperation"),
                ("KmsMasterKeyId", "k", "UnsupportedOperation")):
            refused(f"{name} = {value} cannot be set", sqs.set_queue_attributes, code, QueueUrl=url,
                    Attributes={name: value})
        create = sqs.create_queue
        refused("FIFO by name is refused", create, "UnsupportedOperation", QueueName="a.fifo")
        refused("FIFO by attribute is refused", create, "UnsupportedOperation", QueueName="f",
                Attributes={"FifoQueue": "true"})
        refused("tags are refused", create, "UnsupportedOperation", QueueName="f", tags={"a": "b"})
        refused("a bad name is refused", create, "InvalidParameterValue", QueueName="a b")
        refused("a long name is refused", create, "InvalidParameterValue", QueueName="n" * 81)
        equal("a name of 80 is taken", code_of(create, QueueName="n" * 80)[0], "none")


# --- messages -------------------------------------------------------------------------------------


def messages():
    with served() as base:
        sqs = client(base)
        url = sqs.create_queue(QueueName="mail")["QueueUrl"]
        sent = sqs.send_message(QueueUrl=url, MessageBody="héllo", MessageGroupId="g", MessageAttributes={
            "text": {"DataType": "String", "StringValue": "attribValue 1"},
            "number": {"DataType": "Number.float", "StringValue": "1.5"},
            "binary": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}},
            MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "t"}})
        equal("the digest of the body", sent["MD5OfMessageBody"], md5("héllo"))
        check("digests of attributes", "MD5OfMessageAttributes" in sent
              and "MD5OfMessageSystemAttributes" in sent, sent)
        (m,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"],
                                   MessageAttributeNames=["All"])["Messages"]
        equal("the body and its id", (m["Body"], m["MessageId"]), ("héllo", sent["MessageId"]))
        equal("binary attributes", m["MessageAttributes"]["binary"]["BinaryValue"], b"\x00\xff")
        equal("their digest", m["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"])
        a = m["Attributes"]
        equal("system attributes", (a["ApproximateReceiveCount"], a["MessageGroupId"],
                                    a["AWSTraceHeader"], a["SenderId"]), ("1", "g", "t", "000000000000"))
        check("times are milliseconds", abs(int(a["SentTimestamp"]) - time.time() * 1000) < 600000)
        equal("in flight", sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][
            "ApproximateNumberOfMessagesNotVisible"], "1")
        equal("an empty receive has no member",
              sqs.receive_message(QueueUrl=url).get("Messages"), None)
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"],
                                      VisibilityTimeout=0)
        again = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"],
                                    MessageAttributeNames=["te.*", "number"])["Messages"][0]
        equal("received again it is counted", again["Attributes"], {"ApproximateReceiveCount": "2"})
        equal("only attributes asked for", sorted(again["MessageAttributes"]), ["number", "text"])
        refused("the old receipt changes nothing", sqs.change_message_visibility,
                "MessageNotInflight", QueueUrl=url, ReceiptHandle=m["ReceiptHandle"],
                VisibilityTimeout=0)
        equal("and deletes nothing",
              code_of(sqs.delete_message, QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])[0], "none")
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"],
                                      VisibilityTimeout=0)
        third = sqs.receive_message(QueueUrl=url)["Messages"][0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=third["ReceiptHandle"])
        sqs.send_message(QueueUrl=url, MessageBody="purged")
        sqs.purge_queue(QueueUrl=url)
        equal("deleted and purged, nothing is left",
              sqs.receive_message(QueueUrl=url).get("Messages"), None)


def limits():
    with served() as base:
        sqs = client(base)
        url = sqs.create_queue(QueueName="limits")["QueueUrl"]

        def cannot_send(name, code, body="x", **more):
            refused(name, sqs.send_message, code, QueueUrl=url, MessageBody=body, **more)

        cannot_send("a body of a byte too many is refused", "InvalidParameterValue", "x" * (MIB + 1))
        equal("a body of 1 MiB is taken",
              code_of(sqs.send_message, QueueUrl=url, MessageBody="x" * MIB)[0], "none")
        cannot_send("attributes count too", "InvalidParameterValue", "x" * MIB,
                    MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
        cannot_send("a control character is refused", "InvalidMessageContents", "\x01")
        cannot_send("an empty body is refused", "MissingParameter", "")
        cannot_send("a delay of 901 s is refused", "InvalidParameterValue", DelaySeconds=901)
        cannot_send("a deduplication id is refused", "InvalidParameterValue",
                    MessageDeduplicationId="d")
        for number in ({"MaxNumberOfMessages": 11}, {"MaxNumberOfMessages": 0},
                       {"WaitTimeSeconds": 21}, {"VisibilityTimeout": 43201}):
            refused(f"a receive with {number} is refused", sqs.receive_message,
                    "InvalidParameterValue", QueueUrl=url, **number)
        refused("a bad receipt is refused", sqs.delete_message, "ReceiptHandleIsInvalid",
                QueueUrl=url, ReceiptHandle="rubbish")
        refused("swm-events can't be received", sqs.receive_message, "UnsupportedOperation",
                QueueUrl=f"{base}/000000000000/swm-events")
        (m,) = sqs.receive_message(QueueUrl=url)["Messages"]
        equal("1 MiB comes back whole", (len(m["Body"]), m["MD5OfBody"]), (MIB, md5("x" * MIB)))


def batches():
    with served() as base:
        sqs = client(base)
        url = sqs.create_queue(QueueName="batch")["QueueUrl"]
        sent = sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": "\x01"},
            {"Id": "c", "MessageBody": "3", "DelaySeconds": 0}])
        equal("good entries are sent", [e["Id"] for e in sent["Successful"]], ["a", "c"])
        equal("bad ones are told", [(e["Id"], e["Code"], e["SenderFault"]) for e in sent["Failed"]],
              [("b", "InvalidMessageContents", True)])
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        equal("both are there", sorted(m["Body"] for m in got), ["1", "3"])
        changed = sqs.change_message_visibility_batch(QueueUrl=url, Entries=[
            {"Id": "0", "ReceiptHandle": got[0]["ReceiptHandle"], "VisibilityTimeout": 60},
            {"Id": "1", "ReceiptHandle": "rubbish", "VisibilityTimeout": 60}])
        equal("visibility in a batch", ([e["Id"] for e in changed["Successful"]],
                                        [e["Code"] for e in changed["Failed"]]),
              (["0"], ["ReceiptHandleIsInvalid"]))
        deleted = sqs.delete_message_batch(QueueUrl=url, Entries=[
            {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(got)])
        equal("deletes in a batch", (len(deleted["Successful"]), deleted.get("Failed")), (2, None))

        def cannot(name, code, entries):
            refused(name, sqs.send_message_batch, code, QueueUrl=url, Entries=entries)

        cannot("eleven entries", "TooManyEntriesInBatchRequest",
               [{"Id": str(i), "MessageBody": "x"} for i in range(11)])
        cannot("no entries", "EmptyBatchRequest", [])
        cannot("two of one id", "BatchEntryIdsNotDistinct", [{"Id": "a", "MessageBody": "x"}] * 2)
        cannot("a bad id", "InvalidBatchEntryId", [{"Id": "a b", "MessageBody": "x"}])
        cannot("a byte too many in all", "BatchRequestTooLong",
               [{"Id": "a", "MessageBody": "x" * MIB}, {"Id": "b", "MessageBody": "x"}])


def waiting():
    with served() as base:
        sqs = client(base)
        url = sqs.create_queue(QueueName="wait")["QueueUrl"]
        got = []

        def receive():
            got.append(client(base).receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages"))

        def parked():
            listed = get(base, "/v1/queues?prefix=wait")["queues"]
            return listed[0]["waiting_receives"] == 1

        thread = threading.Thread(target=receive)
        thread.start()
        check("a receive waits", poll(parked))
        sqs.send_message(QueueUrl=url, MessageBody="now")
        thread.join(PATIENCE_S)
        check("and gets what is sent", got and got[0] and got[0][0]["Body"] == "now", got)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=got[0][0]["ReceiptHandle"])
        sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=1)
        later = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, VisibilityTimeout=0)
        equal("a delayed one too", later["Messages"][0]["Body"], "later")


# --- the protocol ---------------------------------------------------------------------------------


def protocol():
    with served() as base:
        status, headers, body = post(base, "GetQueueUrl", {"QueueName": "none"})
        equal("an error's shape", (status, json.loads(body)), (400, {
            "__type": "com.amazonaws.sqs#QueueDoesNotExist",
            "message": "The specified queue does not exist."}))
        equal("and its header", headers["x-amzn-query-error"],
              "AWS.SimpleQueueService.NonExistentQueue;Sender")
        equal("and its type", headers["Content-Type"], JSON)
        check("each answer has a request id", len(headers["x-amzn-RequestId"]) == 36)
        for name, action, payload, shape in (
                ("not JSON", "ListQueues", b"{", "SerializationException"),
                ("not an object", "ListQueues", b"[]", "SerializationException"),
                ("a number as a string", "ListQueues", b'{"MaxResults":"1"}',
                 "SerializationException"),
                ("an unknown action", "Dance", b"{}", "UnknownOperationException"),
                ("an action not in this version", "TagQueue", b"{}", "UnsupportedOperation"),
                ("a queue that is not named", "SendMessage", b"{}",
                 "MissingRequiredParameterException")):
            status, _, body = post(base, action, payload)
            equal(f"{name} is refused", (status, json.loads(body)["__type"].partition("#")[2]),
                  (400, shape))
        status, _, body = post(base, "CreateQueue", {"QueueName": "other-type"},
                               {"Content-Type": "text/plain"})
        equal("another content type is refused", status, 400)
        status, _, body = post(base, None, b"Action=CreateQueue&QueueName=form", {
            "Content-Type": "application/x-www-form-urlencoded"})
        check("the Query protocol is refused in its own form",
              status == 400 and b"<Code>" in body and b"AWS JSON protocol" in body, body)
        status, _, _ = post(base, None, {"QueueName": "untargeted"})
        equal("without a target nothing is done", status, 404)
        names = get(base, "/v1/queues")["queues"]
        check("none of these made a queue", not [q for q in names if q["queue"] in (
            "other-type", "form", "untargeted")], names)
        sqs = client(base)
        sqs.create_queue(QueueName="by-path")
        status, _, body = post(base, "SendMessage", {"MessageBody": "x"}, path="/000000000000/by-path")
        equal("the address may name the queue", status, 200)
        same = {"amz-sdk-invocation-id": "i-1"}
        ids = {json.loads(post(base, "SendMessage", {"MessageBody": "y"}, same,
                               "/000000000000/by-path")[2])["MessageId"] for _ in range(2)}
        equal("a request sent again keeps its message id", len(ids), 1)
        got = sqs.receive_message(QueueUrl=f"{base}/000000000000/by-path", MaxNumberOfMessages=10)
        equal("and is one message", sorted(m["Body"] for m in got["Messages"]), ["x", "y"])


# --- tasks ----------------------------------------------------------------------------------------


def verdicts(base, event):
    return [e["verdict"] for e in get(base, "/v1/events?limit=1000")["events"] if e["event"] == event]


def tasks():
    with served() as base:
        sqs = client(base)
        request = urllib.request.Request(base + "/v1/templates", FOOD.encode(),
                                         {"Content-Type": "application/yaml"})
        urllib.request.urlopen(request, timeout=PATIENCE_S).close()
        url = sqs.get_queue_url(QueueName="confirm_queue")["QueueUrl"]
        events = sqs.get_queue_url(QueueName="swm-events")["QueueUrl"]
        equal("a template's queue is there before its first message",
              sqs.receive_message(QueueUrl=url).get("Messages"), None)
        refused("and can't be deleted", sqs.delete_queue, "UnsupportedOperation", QueueUrl=url)

        def send(event):
            return sqs.send_message(QueueUrl=events, MessageBody=json.dumps(event))["MessageId"]

        send({"event": "StartWorkflow", "template": "food", "key": "O-1", "input": {"order": "O-1"}})
        (m,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, VisibilityTimeout=600,
                                   MessageSystemAttributeNames=["All"])["Messages"]
        task = json.loads(m["Body"])
        equal("a start sent as a message gives a task message",
              (task["event"], task["task"], task["key"]), ("StartTask", "confirm", "O-1"))
        equal("its digest", m["MD5OfBody"], md5(m["Body"]))
        sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
        equal("a delete without an answer is recorded", verdicts(base, "MessageDeleted"), ["applied"])
        shown = get(base, f"/v1/instances/{task['instance']}")
        equal("and completes nothing", shown["status"], "RUNNING")
        send({"event": "TaskCompleted", "token": task["token"], "output": {}})
        equal("the answer is recorded when the send is answered", verdicts(base, "TaskCompleted"),
              ["applied"])
        equal("the next stage's tasks are out", len(sqs.receive_message(
            QueueUrl=sqs.get_queue_url(QueueName="cook_queue")["QueueUrl"],
            WaitTimeSeconds=20)["Messages"]), 1)
        before = len(verdicts(base, "TaskCompleted"))
        sent = sqs.send_message_batch(QueueUrl=events, Entries=[
            {"Id": "a", "MessageBody": json.dumps({"event": "TaskCompleted", "token": task["token"]})},
            {"Id": "b", "MessageBody": "no event"}])
        equal("refused and invalid events are successes of the send", len(sent["Successful"]), 2)
        late = verdicts(base, "TaskCompleted")[before:]
        check("with their verdicts stored", late and "applied" not in late, late)


def restarts():
    if URL:
        return
    folder = tempfile.mkdtemp(prefix="swm-wire-")
    first = Server(data=folder)
    sqs = client(f"http://127.0.0.1:{first.port}")
    url = sqs.create_queue(QueueName="keep", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    for i in range(100):
        sqs.send_message(QueueUrl=url, MessageBody=str(i))
    held = sqs.receive_message(QueueUrl=url)["Messages"][0]
    first.kill()
    with Server(data=folder) as second:
        base = f"http://127.0.0.1:{second.port}"
        sqs = client(base)
        url = sqs.get_queue_url(QueueName="keep")["QueueUrl"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"])
        bodies = []

        def receive(wait_s):
            got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_s)
            bodies.extend(int(m["Body"]) for m in got.get("Messages", []))
            return len(bodies)

        poll(lambda: receive(20) >= 99)
        receive(1)
        equal("after a kill every message comes once, but the deleted one", sorted(bodies),
              [i for i in range(100) if i != int(held["Body"])])
    shutil.rmtree(folder, ignore_errors=True)


run(queues, attributes, messages, limits, batches, waiting, protocol, tasks, restarts)
