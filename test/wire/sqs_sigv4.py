#!/usr/bin/env python3
"""Signatures on the SQS front, as boto3 makes them and as others might: header and query form, the
clock, altered requests, keys that end, and what each role may do."""

import datetime
import json
import urllib.error
import urllib.parse
import urllib.request
from unittest import mock

import boto3
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from _server import FOOD, PATIENCE_S, Server, check, equal, poll, run

ADMIN = "correct-horse-battery-staple"
JSON = "application/x-amz-json-1.0"
CORAL = "com.amazon.coral.service#"


class Signed(Server):
    def __init__(self):
        super().__init__(environment={"SWM_ADMIN_KEY": ADMIN})
        self.base = f"http://127.0.0.1:{self.port}"

    def make(self, role, **more):
        return self.post("/v1/keys", {"role": role, **more}, {"Authorization": f"Bearer {ADMIN}"}).json

    def client(self, key, secret=None, **more):
        config = Config(retries={"max_attempts": 0}, read_timeout=PATIENCE_S)
        return boto3.client("sqs", endpoint_url=self.base, config=config,
                            **{"region_name": "eu-north-1", "aws_access_key_id": key["access_key_id"],
                               "aws_secret_access_key": secret or key["secret_access_key"], **more})


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        return e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["Error"]["Code"], \
            e.response["Error"]["Message"]
    return 200, "none", ""


def moved_clock(**shift):
    """The signers' clock, moved."""
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**shift)
    return mock.patch("botocore.auth.get_current_datetime", lambda: now.replace(tzinfo=None))


def sign(server, key, action="ListQueues", body=None, signer=SigV4Auth, service="sqs", path="/", **rest):
    """A signed request by hand, not yet sent."""
    data = json.dumps(body or {}).encode()
    request = AWSRequest("POST", server.base + path, data=data,
                         headers={"Content-Type": JSON, "X-Amz-Target": f"AmazonSQS.{action}"})
    secret = Credentials(key["access_key_id"], key["secret_access_key"], rest.pop("token", None))
    signer(secret, service, "eu-north-1", **rest).add_auth(request)
    return request


def send(request, data=None, **headers):
    """(status, shape, code, message) of what comes back."""
    named = {**dict(request.headers.items()), **headers}
    named = {n: v for n, v in named.items() if v is not None}
    body = request.data if data is None else data
    sent = urllib.request.Request(request.url, body.encode() if isinstance(body, str) else body, named,
                                  method="POST")
    try:
        with urllib.request.urlopen(sent, timeout=PATIENCE_S) as r:
            return r.status, "", "", json.loads(r.read())
    except urllib.error.HTTPError as r:
        with r:
            body = json.loads(r.read())
            return (r.code, body["__type"].removeprefix(CORAL),
                    (r.headers["x-amzn-query-error"] or "").split(";")[0], body["message"])


def refused(name, have, shape, code, words=""):
    check(name, have[:3] == (403, shape, code) and words in have[3], have)


def workers():
    with Signed() as s:
        s.post("/v1/templates", FOOD, {"Content-Type": "application/yaml",
                                       "Authorization": f"Bearer {ADMIN}"})
        s.post("/v1/instances", {"template": "food", "key": "K", "input": {"order": "K"}},
               {"Authorization": f"Bearer {ADMIN}"})
        key = s.make("worker", name="kitchen")
        sqs = s.client(key)
        url = sqs.get_queue_url(QueueName="confirm_queue")["QueueUrl"]
        got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]
        answer = {"event": "TaskCompleted", "token": json.loads(got["Body"])["token"]}
        events = sqs.get_queue_url(QueueName="swm-events")["QueueUrl"]
        sqs.send_message(QueueUrl=events, MessageBody=json.dumps(answer))
        sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
        shown = s.get("/v1/instances/food%2FK/events", Authorization=f"Bearer {ADMIN}").json["events"]
        last = [e for e in shown if e["event"] == "TaskCompleted"][0]
        equal("a worker with a key works, and the record says whose it is",
              (last["verdict"], last["actor"], last["source"]), ("applied", "key:kitchen", "sqs"))
        equal("any region will do",
              code_of(s.client(key, region_name="us-gov-west-1").list_queues)[0], 200)
        start = {"event": "StartWorkflow", "template": "food", "key": "L", "input": {"order": "L"}}
        have = code_of(sqs.send_message, QueueUrl=events, MessageBody=json.dumps(start))
        equal("a worker starts nothing", have[:2], (403, "AccessDenied"))
        batch = sqs.send_message_batch(QueueUrl=events, Entries=[
            {"Id": "a", "MessageBody": json.dumps(start)}, {"Id": "b", "MessageBody": '{"event":"x"}'}])
        equal("nor in a batch, whose others count",
              ([(f["Id"], f["Code"], f["SenderFault"]) for f in batch["Failed"]],
               [m["Id"] for m in batch["Successful"]]), ([("a", "AccessDenied", True)], ["b"]))
        boss = s.client(s.make("operator"))
        equal("an operator does",
              code_of(boss.send_message, QueueUrl=events, MessageBody=json.dumps(start))[0], 200)


def roles():
    with Signed() as s:
        keys = {r: s.make(r) for r in ("viewer", "worker", "operator", "author", "admin")}
        equal("a viewer has nothing to do with queues",
              code_of(s.client(keys["viewer"]).list_queues)[:2], (403, "AccessDenied"))
        url = s.client(keys["worker"]).create_queue(QueueName="letters")["QueueUrl"]
        least = {"send_message": "worker", "receive_message": "worker", "get_queue_attributes": "worker",
                 "set_queue_attributes": "operator", "purge_queue": "operator", "delete_queue": "admin"}
        more = {"send_message": {"MessageBody": "x"},
                "set_queue_attributes": {"Attributes": {"DelaySeconds": "0"}}}
        order = list(keys)
        for action, role in least.items():
            for r in order:
                have = code_of(getattr(s.client(keys[r]), action), QueueUrl=url, **more.get(action, {}))
                want = order.index(r) >= order.index(role)
                check(f"{action} by a key of role {r}", (have[1] == "none") == want
                      and (want or have[1] == "AccessDenied"), have)


def signatures():
    with Signed() as s:
        key = s.make("worker")
        equal("a signed request is taken", send(sign(s, key))[0], 200)
        equal("also at a queue's address",
              send(sign(s, key, "GetQueueAttributes", path="/000000000000/swm-events"))[0], 200)
        equal("also at an encoded one",
              send(sign(s, key, "GetQueueAttributes", path="/000000000000/swm%2Devents"))[0], 200)
        unsigned = sign(s, key)
        del unsigned.headers["Authorization"]
        refused("an unsigned one is not", send(unsigned), "MissingAuthenticationTokenException",
                "MissingAuthenticationToken", "missing Authentication Token")
        wrong = {**key, "secret_access_key": "x" * 43}
        refused("nor one of another secret", send(sign(s, wrong)), "InvalidSignatureException",
                "SignatureDoesNotMatch", "does not match the signature you provided")
        equal("boto3 tells it so", code_of(s.client(wrong).list_queues)[:2],
              (403, "SignatureDoesNotMatch"))
        nobody = {**key, "access_key_id": "0" * 20}
        refused("nor one of an unknown key", send(sign(s, nobody)), "UnrecognizedClientException",
                "InvalidClientTokenId", "The security token included in the request is invalid")
        equal("boto3 tells it so", code_of(s.client(nobody).list_queues)[:2],
              (403, "InvalidClientTokenId"))
        refused("an altered body is noticed", send(sign(s, key), b'{"MaxResults": 1}'),
                "InvalidSignatureException", "SignatureDoesNotMatch")
        refused("another action is noticed",
                send(sign(s, key), **{"X-amz-target": "AmazonSQS.ListQueueTags"}),
                "InvalidSignatureException", "SignatureDoesNotMatch")
        moved = sign(s, key)
        moved.url += "?a=b"
        refused("another query is noticed", send(moved), "InvalidSignatureException",
                "SignatureDoesNotMatch")
        moved = sign(s, key)
        moved.url += "000000000000/letters"
        refused("another path is noticed", send(moved), "InvalidSignatureException",
                "SignatureDoesNotMatch")
        refused("another service's signature is none", send(sign(s, key, service="s3")),
                "InvalidSignatureException", "SignatureDoesNotMatch", "correct service: 'sqs'")
        equal("a session's token is passed over", send(sign(s, key, token="of-a-session"))[0], 200)


def claims():
    with Signed() as s:
        key = s.make("worker")
        good = sign(s, key).headers["Authorization"]
        for name, header in (
            ("no algorithm", good.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-MD5")),
            ("no signature", good[:good.index(", Signature")]),
            ("no credential", "AWS4-HMAC-SHA256 " + good[good.index("SignedHeaders"):]),
            ("an empty one", "AWS4-HMAC-SHA256"),
            ("a bearer's", f"Bearer {key['key']}"),
            ("a header that is not there", good.replace("host;", "host;x-gone;")),
            ("a nameless header", good.replace("host;", "host;;")),
            ("a host that is not signed", good.replace("host;", "")),
            ("an action that is not signed", good.replace(";x-amz-target", "")),
            ("a time that is not signed", good.replace("x-amz-date;", "")),
            ("hundreds of headers", good.replace("host;", "host;" * 300)),
        ):
            refused(f"{name}: incomplete", send(sign(s, key), Authorization=header),
                    "IncompleteSignatureException", "IncompleteSignature")
        refused("no time", send(sign(s, key), **{"X-amz-date": None, "X-Amz-Date": None}),
                "IncompleteSignatureException", "IncompleteSignature")
        refused("a time that is none", send(sign(s, key), **{"X-Amz-Date": "yesterday"}),
                "IncompleteSignatureException", "IncompleteSignature")
        refused("a short signature", send(sign(s, key), Authorization=good[:-1]),
                "InvalidSignatureException", "SignatureDoesNotMatch")
        refused("another terminator", send(sign(s, key), Authorization=good.replace("aws4_request", "x")),
                "InvalidSignatureException", "SignatureDoesNotMatch", "aws4_request")


def clocks():
    with Signed() as s:
        key = s.make("worker")
        for name, shift, words in (("slow", {"minutes": -16}, "Signature expired: "),
                                   ("fast", {"minutes": 16}, "Signature not yet current: ")):
            with moved_clock(**shift):
                late = sign(s, key)
            refused(f"a clock that is too {name}", send(late), "InvalidSignatureException",
                    "SignatureDoesNotMatch", words)
        for minutes in (-14, 14):
            with moved_clock(minutes=minutes):
                near = sign(s, key)
            equal(f"a clock {minutes} minutes apart is taken", send(near)[0], 200)
        good = sign(s, key)
        date = good.headers["X-Amz-Date"]
        refused("the day of another time", send(good, **{"X-Amz-Date": "19990101" + date[8:]}),
                "InvalidSignatureException", "SignatureDoesNotMatch")


def queries():
    with Signed() as s:
        key = s.make("worker")

        def presign(**rest):
            return sign(s, key, signer=SigV4QueryAuth, **{"expires": 60, **rest})

        equal("a presigned request is taken", send(presign())[0], 200)
        refused("an altered body is noticed", send(presign(), b'{"MaxResults": 1}'),
                "InvalidSignatureException", "SignatureDoesNotMatch")
        longer = presign()
        longer.url = longer.url.replace("X-Amz-Expires=60", "X-Amz-Expires=61")
        refused("a longer life is noticed", send(longer), "InvalidSignatureException",
                "SignatureDoesNotMatch")
        with moved_clock(minutes=-2):
            old = presign()
            living = presign(expires=600)
        refused("it ends", send(old), "InvalidSignatureException", "SignatureDoesNotMatch",
                "Signature expired")
        equal("when it says", send(living)[0], 200)
        refused("a week at most", send(presign(expires=604801)), "IncompleteSignatureException",
                "IncompleteSignature")
        half = presign()
        half.url = half.url.replace("X-Amz-Credential", "X-Amz-Cred")
        refused("half of one is none", send(half), "IncompleteSignatureException", "IncompleteSignature")


def ends():
    with Signed() as s:
        key, brief = s.make("worker"), s.make("worker", expires="1s")
        sqs = s.client(key)
        equal("a key signs", code_of(sqs.list_queues)[0], 200)
        s.request("DELETE", "/v1/keys/" + key["id"], headers={"Authorization": f"Bearer {ADMIN}"})
        equal("a revoked one does not", code_of(sqs.list_queues)[:2], (403, "InvalidClientTokenId"))
        check("nor an expired one", poll(lambda: code_of(s.client(brief).list_queues)[:2] ==
                                         (403, "InvalidClientTokenId")))
        seen = s.get("/metrics", Authorization=f"Bearer {ADMIN}").body.decode()
        check("refused requests are counted", "\nswm_unauthorized_requests_total " in seen
              and "\nswm_unauthorized_requests_total 0\n" not in seen, seen[:2000])
    with Server() as s:
        config = Config(retries={"max_attempts": 0})
        sqs = boto3.client("sqs", endpoint_url=f"http://127.0.0.1:{s.port}", region_name="x",
                           aws_access_key_id="x", aws_secret_access_key="x", config=config)
        equal("without keys nothing is looked at", code_of(sqs.list_queues)[0], 200)


run(workers, roles, signatures, claims, clocks, queries, ends)
