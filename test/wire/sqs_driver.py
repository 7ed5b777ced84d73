#!/usr/bin/env python3
"""Task messages and events on Amazon SQS: a server with --queue sqs://… and a stand-in for Amazon
that loses, delays and refuses. What was accepted is never lost and never done twice."""

import contextlib
import json
import os
import tempfile

from _server import Server, check, equal, poll, run
from _sqs_stub import KEY, SECRET, Fail, Lost, Stub, no_queue

ONE = """
name: one
key: ${ .input.order }
stages:
  - name: only
    tasks:
      - {name: work, queue: work_queue}
"""
KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": "",
        "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true"}
NONE = {**KEYS, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}


@contextlib.contextmanager
def served(more="", environment=None, template=ONE, stub=None, data=None, health=200):
    stub = stub or Stub()
    queue = f"sqs://eu-central-1?endpoint={stub.url}{more}"
    server = Server("--queue", queue, environment={**KEYS, **(environment or {})}, data=data,
                    health=health)
    if template:
        equal("the template is taken", server.apply(template).status, 200)
    with server:
        yield server, stub
    stub.close()


def start(server, *keys, template="one"):
    for key in keys:
        server.post("/v1/instances", {"template": template, "input": {"order": key}})


def status(server, key, template="one"):
    return server.get(f"/v1/instances/{template}%2F{key}").json.get("status")


def wait_sent(stub, count, queue="work_queue"):
    """Waits until messages of so many different tasks were sent, and returns all."""
    def keys():
        return {m["idempotency_key"] for m in stub.sent(queue)}
    poll(lambda: len(keys()) >= count)
    equal(f"{count} different messages were sent", len(keys()), count)
    return stub.sent(queue)


def completed(message, **more):
    return {"event": "TaskCompleted", "token": message["token"], "output": {"ok": True}, **more}


def wait_status(name, server, key, want, template="one"):
    poll(lambda: status(server, key, template) == want)
    equal(name, status(server, key, template), want)


def once(fault):
    """A hook that raises or returns the fault for the first request of an action."""
    left = dict(fault)

    def hook(action, _):
        what = left.pop(action, None)
        if isinstance(what, Exception):
            raise what
        return what
    return hook


# --- the usual way --------------------------------------------------------------------------------


def whole_way():
    with served() as (server, stub):
        start(server, "A")
        message, = wait_sent(stub, 1)
        equal("the message is the task's", (message["task"], message["key"]), ("work", "A"))
        equal("its queue was made with Amazon's visibility",
              stub.queue("work_queue").attributes, {"VisibilityTimeout": "30"})
        equal("the events queue hides for ten seconds",
              poll(lambda: stub.queue("swm-events")).attributes, {"VisibilityTimeout": "10"})
        stub.put("swm-events", completed(message))
        wait_status("the answer ends the task", server, "A", "COMPLETED")
        check("the event is deleted", poll(lambda: stub.left("swm-events") == 0))
        check("the FIFO events queue is looked for and not made",
              stub.queue("swm-events.fifo") is None)
        check("nothing is unsent", poll(
            lambda: server.get("/v1/status").json["queue"]["unsent"] == 0))
        lines = server.get("/metrics").body.decode()
        check("requests are counted", 'requests_total{action="SendMessageBatch"} 1\n' in lines,
              lines)
    equal("a receive asks for ten, twenty seconds, hidden for ten",
          next(r for a, r in stub.calls if a == "ReceiveMessage"),
          {"QueueUrl": stub.address("swm-events")["QueueUrl"], "MaxNumberOfMessages": 10,
           "WaitTimeSeconds": 20, "VisibilityTimeout": 10, "AttributeNames": ["All"]})


def many():
    keys = [f"K{i}" for i in range(45)]
    with served() as (server, stub):
        server.post("/v1/events", [
            {"event": "StartWorkflow", "template": "one", "input": {"order": k}} for k in keys])
        messages = wait_sent(stub, len(keys))
        equal("each was sent once", len(messages), len(keys))
        check("in batches", stub.count("SendMessageBatch") < 20, stub.count("SendMessageBatch"))
        with stub.lock:  # whoever receives finds all of them
            for m in messages:
                stub.put("swm-events", completed(m))
        for k in keys:
            wait_status(f"{k} ends", server, k, "COMPLETED")
        check("all are deleted", poll(lambda: stub.left("swm-events") == 0))
        check("in batches too", stub.count("DeleteMessageBatch") < 30,
              stub.count("DeleteMessageBatch"))


def strange_events():
    with served() as (server, stub):
        stub.put("swm-events", "this is no event")
        stub.put("swm-events", [
            {"event": "StartWorkflow", "template": "one", "input": {"order": k}} for k in "XY"])
        wait_sent(stub, 2)
        check("what is no event is deleted", poll(lambda: stub.left("swm-events") == 0))
        found = poll(lambda: server.get("/v1/events?verdict=invalid").json["events"])
        equal("and recorded", [e["verdict"] for e in found or []], ["invalid"])


# --- what goes wrong ------------------------------------------------------------------------------


def partial_failure():
    with served() as (server, stub):
        seen = set()

        def fault(_, entry):
            key = json.loads(entry["MessageBody"])["idempotency_key"]
            is_new = key not in seen
            seen.add(key)
            return "InternalError" if is_new and len(seen) % 2 else None
        stub.entry_fault = fault
        start(server, *"ABCDEF")
        messages = wait_sent(stub, 6)
        equal("only what failed was sent again", len(messages), 6)


def lost_reply():
    with served() as (server, stub):
        stub.hook = once({"SendMessageBatch": Lost})
        start(server, "A")
        poll(lambda: len(stub.sent("work_queue")) >= 2)
        messages = stub.sent("work_queue")
        equal("a message whose reply is lost is sent again", len(messages), 2)
        equal("under the same name", messages[0]["token"], messages[1]["token"])
        for m in messages:
            stub.put("swm-events", completed(m))
        wait_status("and counts once", server, "A", "COMPLETED")
        check("both answers are taken", poll(lambda: stub.left("swm-events") == 0))
        verdicts = [e["verdict"] for e in server.get("/v1/instances/one%2FA/events").json["events"]]
        equal("the second is a duplicate", verdicts.count("duplicate"), 1)


def throttled():
    left = {"SendMessageBatch": 3, "ReceiveMessage": 2, "GetQueueUrl": 2, "DeleteMessageBatch": 1}

    def hook(action, _):
        if left.get(action, 0) > 0:
            left[action] -= 1
            raise Fail("ThrottlingException", 400) if left[action] % 2 else Fail("", 503)
    with served() as (server, stub):
        stub.hook = hook
        start(server, "A")
        message, = wait_sent(stub, 1)
        stub.put("swm-events", completed(message))
        wait_status("throttling only takes longer", server, "A", "COMPLETED")
        check("the event is deleted in the end", poll(lambda: stub.left("swm-events") == 0))


def clocks_apart():
    stub = Stub()
    stub.ahead_s = 3600
    with served(stub=stub) as (server, _):
        start(server, "A")
        wait_sent(stub, 1)
    check("the log says so", "clocks" in server.errors, server.errors)


def duplicate_deliveries():
    with served() as (server, stub):
        start(server, "A")
        message, = wait_sent(stub, 1)
        for _ in range(3):
            stub.put("swm-events", completed(message, event_id="answer-1"))
        wait_status("an answer delivered thrice ends the task", server, "A", "COMPLETED")
        check("and is deleted thrice", poll(lambda: stub.left("swm-events") == 0))
        changed = [e for e in server.get("/v1/instances/one%2FA/events").json["events"]
                   if e["event"] == "TaskCompleted" and e["verdict"] == "applied"]
        equal("and applied once", len(changed), 1)


def damaged_event():
    with served() as (server, stub):
        start(server, "A")
        message, = wait_sent(stub, 1)
        honest, left = stub.show, [1]

        def lie(m):
            shown = honest(m)
            if left:
                left.pop()
                shown["Body"] = shown["Body"].replace("TaskCompleted", "TaskFailed")
                m.visible_at = 0
            return shown
        stub.show = lie
        stub.put("swm-events", completed(message))
        wait_status("a body that fails its checksum is not taken", server, "A", "COMPLETED")


def queue_goes():
    with served() as (server, stub):
        start(server, "A")
        wait_sent(stub, 1)
        with stub.lock:
            stub.queues.clear()
        start(server, "B")
        equal("a queue that was deleted is made again",
              [m["key"] for m in wait_sent(stub, 1)], ["B"])
        check("the events queue too", poll(lambda: stub.queue("swm-events")))


def queues_must_exist():
    with served("&create=no") as (server, stub):
        start(server, "A")

        def problems():
            return [q["problem"] for q in server.get("/v1/queues").json["queues"]
                    if "problem" in q]
        check("what is missing is said", poll(lambda: len(problems()) == 2), problems())
        check("in words", all("does not exist" in p for p in problems()), problems())
        queue = server.get("/v1/status").json["queue"]
        check("status says it", "does not exist" in (queue["problem"] or ""), queue)
        equal("and what waits", queue["unsent"], 1)
        equal("nothing is made", stub.count("CreateQueue"), 0)


def denied():
    with served() as (server, stub):
        def hook(action, _):
            if action == "SendMessageBatch":
                raise Fail("AccessDeniedException", 403, "you shall not send")
        stub.hook = hook
        start(server, "A")
        found = poll(lambda: server.get("/v1/status").json["queue"]["problem"])
        check("who may not send is told", "you shall not send" in (found or ""), found)
        equal("once", stub.count("SendMessageBatch"), 1)
    check("the log has it", "you shall not send" in server.errors, server.errors)


def killed_unsent():
    stub, data = Stub(), tempfile.mkdtemp(prefix="swm-wire-")
    stub.hook = lambda action, _: (_ for _ in ()).throw(Fail("", 500)) \
        if action == "SendMessageBatch" else None
    server = Server("--queue", f"sqs://eu-central-1?endpoint={stub.url}", environment=KEYS,
                    data=data)
    server.apply(ONE)
    start(server, "A")
    poll(lambda: stub.count("SendMessageBatch") > 0)
    server.kill()
    stub.hook = lambda action, _: None
    with served(stub=stub, data=data, template=None) as (server, _):
        equal("what was unsent when it died is sent by the next", wait_sent(stub, 1)[0]["key"], "A")


def drained():
    with served() as (server, stub):
        poll(lambda: stub.count("ReceiveMessage") > 0)
        gate = {"open": False}

        def hook(action, _):
            if action == "SendMessageBatch" and not gate["open"]:
                raise Fail("", 500)
        stub.hook = hook
        start(server, "A")
        poll(lambda: stub.count("SendMessageBatch") > 0)
        server.send(15)
        gate["open"] = True
        equal("it ends in order", server.stop(None), 0)
        equal("after what was unsent is sent", len(stub.sent("work_queue")), 1)
        server.stop = lambda *_: 0


# --- credentials ----------------------------------------------------------------------------------


def credentials_expire():
    stub = Stub()
    handed = [("AKIDFIRST", "first-secret", "token-1"), ("AKIDSECOND", "second-secret", "token-2")]
    for key, secret, token in handed:
        stub.secrets[key], stub.tokens[key] = secret, token

    def give(headers):
        if headers.get("Authorization") != "let me in":
            return 403, ""
        key, secret, token = handed[0]
        return 200, json.dumps({"AccessKeyId": key, "SecretAccessKey": secret, "Token": token,
                                "Expiration": "2099-01-01T00:00:00Z"})
    stub.pages["GET", "/creds"] = give
    environment = {**NONE, "AWS_CONTAINER_CREDENTIALS_FULL_URI": stub.url + "/creds",
                   "AWS_CONTAINER_AUTHORIZATION_TOKEN": "let me in"}
    with served(stub=stub, environment=environment) as (server, _):
        start(server, "A")
        wait_sent(stub, 1)
        handed.pop(0)
        del stub.secrets["AKIDFIRST"]
        start(server, "B")
        wait_sent(stub, 2)
        shown = json.dumps(server.get("/v1/status").json)
    check("no secret is logged or shown", "secret" not in server.errors + shown
          and "token-" not in server.errors + shown, server.errors)


def credentials_of_the_machine():
    stub = Stub()
    stub.secrets["AKIDROLE"], stub.tokens["AKIDROLE"] = "role-secret", "role-token"
    where = "/latest/meta-data/iam/security-credentials/"

    def with_token(text):
        return lambda h: (200, text) if h.get("X-aws-ec2-metadata-token") == "t0" else (401, "")
    stub.pages["PUT", "/latest/api/token"] = lambda h: (200, "t0")
    stub.pages["GET", where] = with_token("cook\n")
    stub.pages["GET", where + "cook"] = with_token(json.dumps({
        "AccessKeyId": "AKIDROLE", "SecretAccessKey": "role-secret", "Token": "role-token",
        "Expiration": "2099-01-01T00:00:00Z"}))
    environment = {**NONE, "AWS_EC2_METADATA_DISABLED": "",
                   "AWS_EC2_METADATA_SERVICE_ENDPOINT": stub.url}
    with served(stub=stub, environment=environment) as (server, _):
        start(server, "A")
        wait_sent(stub, 1)


def credentials_of_a_profile():
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as f:
        f.write(f"[other]\naws_access_key_id = X\naws_secret_access_key = Y\n\n"
                f"[kitchen]\naws_access_key_id = {KEY}\naws_secret_access_key={SECRET}\n")
        f.flush()
        environment = {**NONE, "AWS_SHARED_CREDENTIALS_FILE": f.name, "AWS_PROFILE": "kitchen"}
        with served(environment=environment) as (server, stub):
            start(server, "A")
            wait_sent(stub, 1)


def credentials_missing():
    with served(environment=NONE, health=503) as (server, stub):
        start(server, "A")
        problem = poll(lambda: server.get("/v1/status").json["queue"]["problem"])
        check("that there are none is said", "environment" in (problem or ""), problem)
        equal("and nothing is asked", stub.calls, [])
        ready = server.get("/readyz")
        check("no load balancer sends work there",
              ready.status == 503 and "credentials" in ready.json["error"]["message"], ready)


# --- kinds of queues ------------------------------------------------------------------------------


def fifo_tasks():
    template = ONE.replace("work_queue", "work_queue.fifo")
    with served(template=template) as (server, stub):
        stub.hook = once({"SendMessageBatch": Lost})
        start(server, "A")
        message, = wait_sent(stub, 1, "work_queue.fifo")
        poll(lambda: stub.count("SendMessageBatch") == 2)
        sent, = stub.queue("work_queue.fifo").sent
        equal("the group is the instance", sent.group, message["instance"])
        equal("a repeat has the same deduplication id, so there is one", len(sent.dedup), 20)
        equal("the queue is made as FIFO", stub.queue("work_queue.fifo").attributes["FifoQueue"],
              "true")


def fifo_events():
    stub = Stub()
    stub.make("swm-events.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    with served(stub=stub) as (server, _):
        warning = poll(lambda: server.get("/v1/status").json["queue"]["warning"])
        check("content-based deduplication is warned about",
              "ContentBasedDeduplication" in (warning or ""), warning)
        start(server, "A")
        message, = wait_sent(stub, 1)
        with stub.lock:
            for n, event in enumerate(("PauseWorkflow", "ResumeWorkflow") * 5):
                stub.queues["swm-events.fifo"].send(
                    {"MessageBody": json.dumps({"event": event, "template": "one", "key": "A"}),
                     "MessageGroupId": "A", "MessageDeduplicationId": f"d{n}"})
        stub.put("swm-events.fifo", completed(message), MessageGroupId="A",
                 MessageDeduplicationId="last")
        wait_status("events of a group", server, "A", "COMPLETED")
        verdicts = [(e["event"], e["verdict"])
                    for e in server.get("/v1/instances/one%2FA/events").json["events"][1:]]
        equal("are taken in their order", verdicts,
              [("PauseWorkflow", "applied"), ("ResumeWorkflow", "applied")] * 5
              + [("TaskCompleted", "applied")])
    check("the log warns too", "ContentBasedDeduplication" in server.errors, server.errors)


def far_names():
    stub = Stub()
    stub.make("theirs")
    stub.make("by-url")
    template = f"""
name: far
key: ${{ .input.order }}
stages:
  - name: only
    tasks:
      - {{name: a, queue: "arn:aws:sqs:us-west-2:999999999999:theirs"}}
      - {{name: b, queue: "{stub.url.replace("http:", "https:")}/{'1' * 12}/by-url"}}
"""
    with served(stub=stub, template=template) as (server, _):
        start(server, "A", template="far")
        wait_sent(stub, 1, "theirs")
        wait_sent(stub, 1, "by-url")
        asked = [r for a, r in stub.calls
                 if a == "GetQueueUrl" and r["QueueName"] in ("theirs", "by-url")]
        equal("a queue of another account is looked for there", asked,
              [{"QueueName": "theirs", "QueueOwnerAWSAccountId": "999999999999"}])


def own_events_queue():
    with served("&events=answers,more.fifo") as (server, stub):
        start(server, "A", "B")
        one, two = wait_sent(stub, 2)
        stub.put("answers", completed(one))
        stub.put("more.fifo", completed(two), MessageGroupId="g", MessageDeduplicationId="d")
        wait_status("events are read from the queues that are named", server, "A", "COMPLETED")
        wait_status("from each of them", server, "B", "COMPLETED")
        check("and from no others", stub.queue("swm-events") is None)


# --- through the doors ----------------------------------------------------------------------------


def doors():
    with served() as (server, stub):
        start(server, "A", "B")
        wait_sent(stub, 2)
        got = server.post("/v1/queues/work_queue/receive", {"max": 10, "wait_seconds": 5}).json
        messages = got["messages"]
        equal("a worker may receive through swm", {m["key"] for m in messages}, {"A", "B"})
        first = next(m for m in messages if m["key"] == "A")
        server.post("/v1/tasks/complete", {"token": first["token"], "output": {}})
        check("its message is deleted when it has answered",
              poll(lambda: stub.left("work_queue") == 1))
        server.post("/v1/instances/one%2FB/cancel", {})
        check("and when the instance is cancelled", poll(lambda: stub.left("work_queue") == 0))
        stub.put("work_queue", first)
        again = server.post("/v1/queues/work_queue/receive", {"max": 10, "wait_seconds": 1}).json
        equal("what has ended is not handed over", again["messages"], [])
        check("but deleted", poll(lambda: stub.left("work_queue") == 0))
        equal("a queue that is not known", server.post("/v1/queues/nix/receive", {}).status, 404)
        peek = server.get("/v1/queues/work_queue/peek")
        check("nobody can look without receiving", peek.status == 409 and
              "Amazon SQS" in peek.json["error"]["message"], peek)
        sent = server.post("/v1/queues/work_queue/send", {"body": "hello"})
        equal("a message is sent through", sent.status, 200)
        check("as it is", poll(lambda: stub.queue("work_queue").bodies() == ["hello"]))


def wrong_options():
    for more, word in (("&colour=red", "colour"), ("&create=maybe", "maybe"),
                       ("&events=a b", "a b")):
        try:
            with served(more, stub=Stub()):
                check(f"{more} is refused", False)
        except RuntimeError as e:
            check(f"{more} is refused in words", word in str(e) and "--queue" in str(e), e)


if __name__ == "__main__":
    os.environ["NO_PROXY"] = "*"
    run(whole_way, many, strange_events, partial_failure, lost_reply, throttled, clocks_apart,
        duplicate_deliveries, damaged_event, queue_goes, queues_must_exist, denied, killed_unsent,
        drained, credentials_expire, credentials_of_the_machine, credentials_of_a_profile,
        credentials_missing, fifo_tasks, fifo_events, far_names, own_events_queue, doors,
        wrong_options)
