#!/usr/bin/env python3
"""The REST interface as docs/api.md tells it: happy paths and every error code."""

import json
import os
import signal
import sqlite3
import tempfile

from _server import FOOD, Server, check, equal, poll, read_all, run


def take(server, queue, **more):
    reply = server.post(f"/v1/queues/{queue}/receive", {"max": 10, "wait_seconds": 20, **more})
    return reply.json["messages"]


def start(server, order, **more):
    return server.post("/v1/instances", {"template": "food", "input": {"order": order}, **more})


def show(server, instance):
    return server.get(f"/v1/instances/{instance}").json


def task_of(shown, name):
    return next(t for s in shown["stages"] for t in s["tasks"] if t["name"] == name)


def templates():
    with Server() as s:
        reply = s.apply(FOOD)
        equal("a template is applied", (reply.status, reply.json["version"]), (200, 1))
        equal("a new version says so", reply.json["created"], True)
        again = s.apply("# another spelling\n" + FOOD).json
        equal("the same content makes no version", (again["version"], again["created"]), (1, False))
        equal("and has the same digest", again["digest"], reply.json["digest"])
        changed = s.apply(FOOD.replace("assign_queue", "other_queue")).json
        equal("a changed one makes version 2", (changed["version"], changed["created"]), (2, True))
        listed = s.get("/v1/templates").json["templates"]
        equal("the list has the newest version", [(t["template"], t["version"]) for t in listed],
              [("food", 2)])
        shown = s.get("/v1/templates/food").json
        equal("it shows all versions", [v["version"] for v in shown["versions"]], [1, 2])
        check("it says who applied it", shown["applied_by"] == "127.0.0.1", shown["applied_by"])
        old = s.get("/v1/templates/food/versions/1").json
        check("an old version keeps its source", "assign_queue" in old["source"], old)
        diff = s.get("/v1/templates/food/diff?from=1&to=2").json
        check("the difference names the task", "assign" in json.dumps(diff["changes"]), diff)
        equal("a version that is not there is unknown", s.get("/v1/templates/food/versions/9").code,
              "unknown_template")
        equal("a difference needs a version", s.get("/v1/templates/food/diff").code, "invalid")
        notes(s)
        graphs(s)
        bad_templates(s)


def forecast(s, text):
    reply = s.post("/v1/templates/validate", text, {"Content-Type": "application/yaml"})
    return {k: reply.json.get(k) for k in ("version", "created", "newest", "changes")}


def notes(s):
    changed = FOOD.replace("assign_queue", "third_queue")
    foreseen = forecast(s, changed)
    equal("validate says which version it would make",
          (foreseen["version"], foreseen["created"], foreseen["newest"]), (3, True, 2))
    check("and what would change", [c["path"] for c in foreseen["changes"]] ==
          ["stages.prepare.tasks.assign.queue"], foreseen)
    equal("a new template has nothing to compare", forecast(s, FOOD.replace("name: food", "name: soup")),
          {"version": 1, "created": True, "newest": None, "changes": None})
    yaml = {"Content-Type": "application/yaml", "X-SWM-Actor": "ann"}
    done = s.post("/v1/templates?note=closer%20to%20the%20door", changed, yaml).json
    equal("it is the version that was foreseen", (done["version"], done["created"]), (3, True))
    equal("then it makes none, and nothing changes", forecast(s, changed),
          {"version": 3, "created": False, "newest": 3, "changes": []})
    shown = s.get("/v1/templates/food").json
    equal("the note is kept with the version", [v["note"] for v in shown["versions"]],
          [None, None, "closer to the door"])
    equal("the newest one's is in the list", s.get("/v1/templates").json["templates"][0]["note"],
          "closer to the door")
    record = s.get("/v1/events?event=TemplateApplied&newest_first=true").json["events"][0]
    equal("the record says who and why", (record["actor"], record["reason"]),
          ("ann", "closer to the door"))
    equal("a note has its limit",
          s.post(f"/v1/templates?note={'x' * 1025}", changed, yaml).status, 413)
    full = s.post(f"/v1/templates?note={'x' * 1024}", changed.replace("third", "fourth"), yaml)
    equal("up to which it is taken", full.status, 200)
    start(s, "N-1")
    s.apply(FOOD)
    start(s, "N-2")
    s.post("/v1/instances/N-2/cancel", {})
    stats = s.get("/v1/stats?template=food").json
    equal("instances are counted by version", [(v["version"], v["status"], v["count"])
                                               for v in stats["versions"]],
          [(4, "RUNNING", 1), (5, "CANCELLED", 1)])
    equal("and by template", [(t["status"], t["count"]) for t in stats["templates"]],
          [("RUNNING", 1), ("CANCELLED", 1)])
    equal("only those that were asked for",
          sum(s.get("/v1/stats?template=none").json["instances"].values()), 0)


def second_names():
    earlier = {"workflow_name": "A", "component_name": "FOOD", "stages": []}
    with Server() as s:
        s.post("/v1/templates", {**earlier, "stages": [{"stage_name": "S", "stage_order": 1}]})
        other = {**earlier, "workflow_name": "B", "stages": [{"stage_name": "S", "stage_order": 1}]}
        for path in ("/v1/templates", "/v1/templates/validate"):
            reply = s.post(path, other)
            equal(f"{path}: a second name is one template's alone", (reply.status, reply.code),
                  (409, "exists"))
            check("and that is said", "another template's" in reply.json["error"]["message"], reply)


def kept():
    with tempfile.TemporaryDirectory() as folder:
        with Server(data=folder) as s:
            s.post("/v1/templates?note=first", FOOD, {"Content-Type": "application/yaml"})
        with Server(data=folder) as s:
            equal("a note outlasts the server", s.get("/v1/templates/food").json["note"], "first")


def graphs(s):
    for file, kind, start_with in (("graph.svg", "image/svg+xml", b"<svg"),
                                   ("graph.json", "application/json", b"{"),
                                   ("graph.dot", "text/vnd.graphviz", b"digraph"),
                                   ("graph.mermaid", "text/plain", b"flowchart")):
        reply = s.get(f"/v1/templates/food/{file}")
        check(f"{file} is drawn",
              reply.headers["Content-Type"].startswith(kind) and start_with in reply.body[:200],
              reply)
    equal("a form may be asked for", s.get("/v1/templates/food/graph.svg?format=dot").body,
          s.get("/v1/templates/food/graph.dot").body)
    check("an old version is drawn too",
          s.get("/v1/templates/food/versions/1/graph.svg").body.startswith(b"<"))
    equal("no other form is known", s.get("/v1/templates/food/graph.png").code, "not_found")


def bad_templates(s):
    wrong = FOOD.replace("queue: cook_queue", "queu: cook_queue").replace("human:", "humn:")
    reply = s.post("/v1/templates?file=food.yaml", wrong, {"Content-Type": "text/yaml"})
    equal("a wrong template is invalid", (reply.status, reply.code), (400, "invalid"))
    check("all its errors are told at once", len(reply.json["errors"]) >= 2, reply)
    check("the first one with its place", reply.json["error"]["where"].startswith("food.yaml:"),
          reply)
    valid = s.post("/v1/templates/validate", FOOD, {"Content-Type": "application/yaml"}).json
    check("validate draws what is valid", valid["valid"] and valid["graph"]["tasks"], valid)
    equal("validate tells errors", s.post("/v1/templates/validate", wrong,
                                          {"Content-Type": "application/yaml"}).code, "invalid")
    equal("validate changes nothing", len(s.get("/v1/templates").json["templates"]), 1)
    large = "name: x\n#" + "x" * (1024 * 1024)
    equal("a large template is refused",
          s.post("/v1/templates", large, {"Content-Type": "application/yaml"}).status, 413)
    schema = s.get("/v1/template.schema.json")
    check("the schema of templates is served", schema.json["$schema"], schema)


def life():
    with Server() as s:
        s.apply(FOOD)
        reply = start(s, "A-1", event_id="e1")
        equal("a start is applied", (reply.status, reply.json["verdict"], reply.json["key"]),
              (200, "applied", "A-1"))
        instance = reply.json["instance"]
        equal("the same event again changes nothing", start(s, "A-1", event_id="e1").json["instance"],
              instance)
        twice = start(s, "A-1").json
        equal("a second start returns the open one", (twice["verdict"], twice["instance"]),
              ("duplicate", instance))
        message = take(s, "confirm_queue")[0]
        check("the message names the task", message["task"] == "confirm" and message["attempt"] == 1,
              message)
        answer = {"token": message["token"], "output": {"ok": True}}
        done = s.post("/v1/tasks/complete", {**answer, "event_id": "done"})
        equal("a completion is applied", (done.status, done.json["verdict"], done.json["task"]),
              (200, "applied", "confirm"))
        equal("the same again is a duplicate",
              s.post("/v1/tasks/complete", {**answer, "event_id": "done"}).json["verdict"], "duplicate")
        equal("another answer to it is stale",
              s.post("/v1/tasks/fail", {"token": message["token"], "error": "X"}).json["verdict"],
              "stale")
        finish(s, instance)
        look_back(s, instance)
        replay(s, instance)


def finish(s, instance):
    cook, assign = take(s, "cook_queue")[0], take(s, "assign_queue")[0]
    equal("a task says that it began", s.post("/v1/tasks/start", {"token": cook["token"]}).json["verdict"],
          "applied")
    equal("and is shown RUNNING", task_of(show(s, instance), "cook")["status"], "RUNNING")
    equal("a heartbeat is applied",
          s.post("/v1/tasks/heartbeat", {"token": cook["token"]}).json["verdict"], "applied")
    equal("a task can be put back", s.post("/v1/tasks/pending", {"token": cook["token"]}).json["verdict"],
          "applied")
    again = take(s, "cook_queue")[0]
    equal("then it comes again under a new attempt", again["attempt"], 2)
    equal("the old token is stale",
          s.post("/v1/tasks/complete", {"token": cook["token"], "output": {}}).json["verdict"], "stale")
    s.post("/v1/tasks/complete", {"token": again["token"], "output": {"dish": "soup"}})
    s.post("/v1/tasks/complete", {"token": assign["token"]})
    inbox = s.get("/v1/tasks?assignee=courier").json["tasks"]
    equal("a task for people is in the inbox", [t["task"] for t in inbox], ["hand_over"])
    equal("nobody else sees it", s.get("/v1/tasks?assignee=nobody").json["tasks"], [])
    done = s.post("/v1/tasks/complete", {"instance": instance, "task": "hand_over", "output": {}},
                  {"X-SWM-Client": "page", "X-SWM-Actor": "ann"})
    equal("a person completes it by name", (done.json["verdict"], done.json["status"]),
          ("applied", "COMPLETED"))
    equal("the output follows", show(s, instance)["output"], {"dish": "soup"})


def look_back(s, instance):
    log = s.get(f"/v1/instances/{instance}/events?limit=1000").json["events"]
    equal("records are in order", [r["seq"] for r in log], list(range(1, len(log) + 1)))
    last = log[-1]
    equal("they say who and from where", (last["actor"], last["source"]), ("ann", "page"))
    check("they say what changed", any(c["to"] == "COMPLETED" for c in last["changes"]), last)
    equal("the past is shown by number", show(s, f"{instance}?at=1")["status"], "RUNNING")
    equal("and by time", show(s, f"{instance}?at={last['at']}")["status"], "COMPLETED")
    equal("a time is checked", s.get(f"/v1/instances/{instance}?at=soon").code, "invalid")
    equal("a number too", s.get(f"/v1/instances/{instance}?at=0").code, "invalid")
    by_key = show(s, "food%2FA-1")
    equal("template/key names it", by_key["instance"], instance)
    svg = s.get(f"/v1/instances/{instance}/graph.svg")
    check("it is drawn", svg.body.startswith(b"<") and b"COMPLETED" in svg.body, svg)
    check("it explains itself", s.get(f"/v1/instances/{instance}/explain").json["lines"])
    verified = s.get("/v1/verify").json
    check("the chain holds", verified["ok"] and verified["problems"] == [], verified)


def replay(s, instance):
    path = f"/v1/instances/{instance}/replay"
    dry = s.post(path, {"task": "cook", "dry_run": True}).json
    equal("what would run again is told", (dry["verdict"], sorted(dry["tasks"])),
          ("applied", ["cook", "hand_over"]))
    equal("and nothing has changed", show(s, instance)["status"], "COMPLETED")
    again = s.post(path, {"task": "cook", "input": {"dish": "stew"}, "reason": "cold"}).json
    equal("a replay runs them", (again["verdict"], sorted(again["tasks"])),
          ("applied", ["cook", "hand_over"]))
    message = take(s, "cook_queue")[0]
    equal("with a new generation and input", (message["generation"], message["input"]),
          (2, {"dish": "stew"}))
    equal("a replay needs a name", s.post(path, {}).code, "invalid")
    missing = s.post(path, {"task": "bake"})
    equal("and one that is there", (missing.status, missing.code), (404, "unknown_task"))


def control():
    with Server() as s:
        s.apply(FOOD)
        instance = start(s, "B-1").json["instance"]
        paused = s.post(f"/v1/instances/{instance}/pause", {"reason": "no gas"})
        equal("an instance is paused", (paused.json["verdict"], paused.json["status"]),
              ("applied", "PAUSED"))
        again = s.post(f"/v1/instances/{instance}/pause", {})
        check("a second pause is refused or changes nothing",
              (again.status, again.json["verdict"]) in ((409, "refused"), (200, "duplicate")), again)
        equal("it is resumed", s.post(f"/v1/instances/{instance}/resume").json["status"], "RUNNING")
        equal("it is cancelled", s.post(f"/v1/instances/{instance}/cancel", {}).json["status"],
              "CANCELLED")
        unknown = s.post("/v1/instances/nobody/pause", {})
        equal("an unknown instance is not found", (unknown.status, unknown.code),
              (404, "unknown_instance"))
        rows = s.get("/v1/instances?status=CANCELLED").json["instances"]
        equal("the list is filtered by status", [r["instance"] for r in rows], [instance])
        equal("by key", len(s.get("/v1/instances?key=B-1").json["instances"]), 1)
        equal("nothing matches nothing", s.get("/v1/instances?stage=nowhere").json["instances"], [])
        equal("a status is checked", s.get("/v1/instances?status=RUNING").code, "invalid")
        equal("a filter that is not there too", s.get("/v1/instances?stauts=RUNNING").code, "invalid")
        equal("a limit too", s.get("/v1/instances?limit=1001").code, "invalid")


def pages():
    with Server() as s:
        s.apply(FOOD)
        ids = {start(s, f"P-{n}").json["instance"] for n in range(25)}
        seen, after = [], ""
        while after is not None:
            page = s.get(f"/v1/instances?limit=10{after}").json
            seen += [r["instance"] for r in page["instances"]]
            after = f"&after={page['next']}" if page.get("next") else None
        equal("pages have each instance once", sorted(seen), sorted(ids))
        seen, after, following = [], None, ""
        while following != after:
            after = following
            page = s.get(f"/v1/events?limit=10&event=StartWorkflow&after={after}").json
            seen += [r["instance"] for r in page["events"]]
            following = page["next"]
        equal("the feed has each start once", sorted(seen), sorted(ids))


def events():
    with Server() as s:
        s.apply(FOOD)
        one = s.post("/v1/events", {"event": "StartWorkflow", "template": "food", "event_id": "x",
                                    "input": {"order": "E-1"}})
        equal("an event starts an instance", (one.status, one.json["verdict"]), (200, "applied"))
        cloud = {"specversion": "1.0", "type": "swm.StartWorkflow", "source": "/shop", "id": "7",
                 "data": {"template": "food", "input": {"order": "E-2"}}}
        reply = s.post("/v1/events", json.dumps(cloud), {"Content-Type": "application/cloudevents+json"})
        equal("a CloudEvent too", reply.json["verdict"], "applied")
        many = s.post("/v1/events", [
            {"event": "StartWorkflow", "template": "food", "input": {"order": "E-3"}},
            {"event": "StartWorkflow", "template": "none"},
            {"event": "Dance"},
            {"event": "TaskCompleted", "instance": one.json["instance"], "task": "none"},
            "not an event",
        ], {"Idempotency-Key": "batch"})
        equal("each of an array has its verdict", [r["verdict"] for r in many.json["results"]],
              ["applied", "unknown", "invalid", "unknown", "invalid"])
        equal("with a code", [r["error"]["code"] for r in many.json["results"][1:]],
              ["unknown_template", "invalid", "unknown_task", "invalid"])
        wrong = s.post("/v1/events", "{", {"Content-Type": "application/json"})
        equal("bytes that are no event are invalid", (wrong.status, wrong.json["verdict"]),
              (400, "invalid"))
        stored = poll(lambda: [r for r in s.get("/v1/events?verdict=invalid").json["events"]])
        check("and have a stored verdict", stored and len(stored) >= 3, stored)
        key = s.post("/v1/events", {"event": "StartWorkflow", "template": "food",
                                    "input": {"order": "E-4"}}, {"Idempotency-Key": "k"}).json
        same = s.post("/v1/events", {"event": "StartWorkflow", "template": "food",
                                     "input": {"order": "E-4"}}, {"Idempotency-Key": "k"}).json
        equal("the same Idempotency-Key names the same", same["instance"], key["instance"])
        long_key = [s.post("/v1/events", {"event": "StartWorkflow", "template": "food",
                                          "input": {"order": "E-5"}}, {"Idempotency-Key": "k" * 900}).json
                    for _ in range(2)]
        equal("a long one too", [r["verdict"] for r in long_key], ["applied", "duplicate"])
        equal("an empty array is invalid", s.post("/v1/events", []).status, 400)
        equal("too many are too large", s.post("/v1/events", [{}] * 1001).status, 413)
        large = s.post("/v1/events", {"event": "StartWorkflow", "template": "food",
                                      "input": {"order": "x" * 300000}})
        equal("a large payload is too large", (large.status, large.json["verdict"]),
              (413, "too_large"))
        earlier_form(s)


def earlier_form(s):
    old = {"workflow_name": "Admit Patient", "component_name": "WARD", "stages": [
        {"stage_name": "IN", "stage_order": 1.0, "tasks": [
            {"task_name": "check", "task_queue": "check_queue", "task_type": "SERVICE", "sla": 30}]}]}
    equal("a template of the earlier form is applied", s.post("/v1/templates", old).status, 200)
    head = {"business_ref_no": "P-9", "component_name": "WARD"}
    begun = s.post("/v1/events", {**head, "event_name": "StartWorkflow"}).json
    equal("an event of the earlier form starts it", (begun["verdict"], begun["key"]), ("applied", "P-9"))
    message = take(s, "check_queue")[0]
    equal("its messages have the earlier fields",
          (message["event_name"], message["task_name"], message["sla"]), ("StartTask", "check", 30))
    done = s.post("/v1/events", {**head, "event_name": "TaskCompleted", "stage_name": "IN",
                                 "task_name": "check", "task_type": "SERVICE"}).json
    equal("and its answers count", (done["verdict"], done["status"]), ("applied", "COMPLETED"))


def waiting():
    with Server() as s:
        s.apply(FOOD)
        import threading
        replies = []
        thread = threading.Thread(target=lambda: replies.append(start(s, "W-1", wait_seconds=30)))
        thread.start()
        for queue in ("confirm_queue", "cook_queue", "assign_queue"):
            message = poll(lambda q=queue: take(s, q))[0]
            s.post("/v1/tasks/complete", {"token": message["token"], "output": {"dish": "pie"}})
        check("the answer waits for the end", not replies, replies)
        s.post("/v1/tasks/complete", {"instance": "food/W-1", "task": "hand_over"})
        thread.join(30)
        check("and then tells it", replies and replies[0].json["status"] == "COMPLETED"
              and replies[0].json["output"] == {"dish": "pie"}, replies)
        short = start(s, "W-2", wait_seconds=1).json
        equal("it waits no longer than asked", (short["verdict"], short["status"]),
              ("applied", "RUNNING"))
        equal("nor longer than allowed", start(s, "W-3", wait_seconds=61).status, 400)


def queues():
    with Server() as s:
        s.apply(FOOD)
        start(s, "Q-1")
        row = [q for q in s.get("/v1/queues").json["queues"] if q["queue"] == "confirm_queue"]
        equal("a queue of a template is listed", row and row[0]["visible"], 1)
        check("with since when its oldest message waits", row[0]["oldest_at"], row)
        serves = [{"template": "food", "stage": "order", "task": "confirm"}]
        equal("and whose tasks it has", (row[0]["serves"], row[0]["serves_count"]), (serves, 1))
        equal("one queue is shown alone", s.get("/v1/queues/confirm_queue").json, row[0])
        equal("or not found", s.get("/v1/queues/nowhere").code, "unknown_queue")
        peeked = s.get("/v1/queues/confirm_queue/peek").json["messages"]
        equal("a look takes nothing", len(peeked), 1)
        message = take(s, "confirm_queue")[0]
        equal("so it can be taken", message["task"], "confirm")
        empty = s.post("/v1/queues/confirm_queue/receive", {"max": 1, "wait_seconds": 0})
        equal("and then there is none", empty.json["messages"], [])
        now = s.get("/v1/queues/confirm_queue").json
        equal("it is in flight, and none is old", (now["visible"], now["in_flight"], now["oldest_at"]),
              (0, 1, None))
        equal("an unknown queue is not found",
              s.post("/v1/queues/nowhere/receive", {"wait_seconds": 0}).code, "unknown_queue")
        for body in ({"max": 0}, {"max": 11}, {"wait_seconds": 21}, {"max": "1"}):
            equal(f"a receive of {body} is invalid",
                  s.post("/v1/queues/confirm_queue/receive", body).status, 400)


def letters():
    """Messages of one's own, and events sent as a message."""
    with Server() as s:
        s.apply(FOOD)
        sent = s.post("/v1/queues/confirm_queue/send", {"body": {"hello": "world"}})
        equal("a message of one's own is sent", sent.status, 200)
        message = take(s, "confirm_queue")[0]
        equal("and comes as it is", (message["id"], json.loads(message["body"])),
              (sent.json["id"], {"hello": "world"}))
        gone = s.post("/v1/queues/confirm_queue/delete", {"receipt": message["receipt"]})
        equal("it is deleted with its receipt", (gone.status, gone.json),
              (200, {"deleted_from": "confirm_queue"}))
        equal("a receipt is checked",
              s.post("/v1/queues/confirm_queue/delete", {"receipt": "forged"}).code, "invalid")
        equal("and needed", s.post("/v1/queues/confirm_queue/delete", {}).code, "invalid")
        s.post("/v1/queues/confirm_queue/send", {"body": "to be purged"})
        start(s, "L-1")
        equal("a queue is purged", s.post("/v1/queues/confirm_queue/purge").status, 200)
        left = take(s, "confirm_queue")
        equal("but for its tasks", [m.get("task") for m in left], ["confirm"])
        equal("a message needs a body", s.post("/v1/queues/confirm_queue/send", {}).code, "invalid")
        large = s.post("/v1/queues/confirm_queue/send", {"body": "x" * (1024 * 1024 + 1)})
        equal("a large one is too large", large.status, 413)
        events = [{"event": "StartWorkflow", "template": "food", "input": {"order": f"L-{n}"}}
                  for n in (2, 3)]
        equal("events come as a message too",
              s.post("/v1/queues/swm-events/send", {"body": events}).status, 200)
        equal("their verdict is durable by then",
              [len(s.get(f"/v1/instances?key=L-{n}").json["instances"]) for n in (2, 3)], [1, 1])
        s.post("/v1/queues/swm-events/send", {"body": "no event"})
        check("what is none is on record", s.get("/v1/events?verdict=invalid").json["events"])


def metrics_and_files():
    with Server() as s:
        s.apply(FOOD)
        start(s, "M-1")
        text = s.get("/metrics").body.decode()
        check("applied events are counted", 'swm_events_total{verdict="applied"} ' in text, text)
        check("queues are counted", 'swm_queue_visible{queue="confirm_queue"} 1' in text, text)
        equal("the process is alive", s.get("/healthz").json, {"ok": True})
        equal("the counts have the instance", s.get("/v1/stats").json["instances"]["RUNNING"], 1)
        page = s.get("/")
        check("the page is served", page.headers["Content-Type"].startswith("text/html"), page)
        policy = page.headers["Content-Security-Policy"]
        check("with a policy", "default-src 'none'" in policy and "unsafe" not in policy, policy)
        same = s.get("/", **{"If-None-Match": page.headers["ETag"]})
        equal("what a browser has is not sent again", (same.status, same.body), (304, b""))
        head = s.request("HEAD", "/")
        equal("HEAD has no body", (head.status, head.body), (200, b""))
        wrong = s.request("DELETE", "/v1/instances")
        equal("a wrong method is told the right ones",
              (wrong.status, wrong.code, wrong.headers["Allow"]),
              (405, "method_not_allowed", "GET, HEAD, POST"))
        equal("an unknown address is not found", s.get("/v1/nothing").code, "not_found")
        check("answers are not kept", s.get("/v1/stats").headers["Cache-Control"] == "no-store")


def backup():
    with Server() as s:
        s.apply(FOOD)
        start(s, "K-1")
        done = s.post("/v1/backup", {"file": "one.db"})
        path = os.path.join(s.folder, "backups", "one.db")
        check("a backup is written", done.status == 200 and os.path.exists(path), done)
        copy = sqlite3.connect(path)
        equal("it holds the instance", copy.execute("select count(*) from instances").fetchone()[0], 1)
        copy.close()
        equal("it is not written over", s.post("/v1/backup", {"file": "one.db"}).code, "exists")
        for name in ("../x", "a/b", ".hidden", "", "x" * 101, 7):
            equal(f"a backup is not written to {str(name)[:12]!r}",
                  s.post("/v1/backup", {"file": name}).code, "invalid")
    with Server("--store", "memory") as s:
        equal("memory has no backup", s.post("/v1/backup", {"file": "x"}).code, "refused")
        equal("and serves all the same", s.apply(FOOD).status, 200)
        equal("also starts", start(s, "K-2").json["verdict"], "applied")


def restart():
    s = Server()
    s.is_own = False
    s.apply(FOOD)
    instance = start(s, "R-1").json["instance"]
    token = take(s, "confirm_queue")[0]["token"]
    s.kill()
    with Server(data=s.folder) as t:
        t.is_own = True
        message = take(t, "confirm_queue")[0]
        equal("after a kill the message is there again", (message["instance"], message["attempt"]),
              (instance, 1))
        equal("and the old token counts", t.post("/v1/tasks/complete", {"token": token}).json["verdict"],
              "applied")
        other = os.system(f"{os.environ.get('SWM_PROGRAM', 'build/swm')} serve --listen 127.0.0.1:0 "
                          f"--data {t.folder} >/dev/null 2>&1")
        check("a second server on the same data is refused", other != 0, other)


def drain():
    s = Server()
    s.apply(FOOD)
    with s.connect() as parked:
        parked.sendall(b"POST /v1/queues/cook_queue/receive HTTP/1.1\r\nHost: localhost\r\n"
                       b"Content-Type: application/json\r\nContent-Length: 19\r\n\r\n"
                       b'{"wait_seconds":20}')
        waits = poll(lambda: [q for q in s.get("/v1/queues").json["queues"]
                              if q["queue"] == "cook_queue" and q["waiting_receives"] == 1])
        check("a receive waits", waits)
        s.send(signal.SIGTERM)
        answer = read_all(parked)
        check("a stop answers it", b"200 OK" in answer and b'"messages":[]' in answer, answer)
    equal("and ends with 0", s.stop(None), 0)


OVEN = """
name: oven
key: ${ .input.order }
stages:
  - name: bake
    tasks:
      - {name: bake, queue: oven_queue, retry: {max_attempts: 6, delay: 1ms, backoff: 1}}
  - name: check
    tasks:
      - {name: taste, human: {group: cooks, due: 1s}}
"""


def statuses(s, **filters):
    query = "&".join(f"{k}={v}" for k, v in filters.items())
    return sorted((i["key"], i["status"]) for i in
                  s.get(f"/v1/instances?{query}").json["instances"])


def filters():
    with Server() as s:
        s.apply(FOOD)
        s.apply(OVEN)
        ids = [start(s, f"A-{n}").json["instance"] for n in range(3)]
        s.post("/v1/instances", {"template": "oven", "key": "B,1", "input": {"order": "B,1"}})
        s.post(f"/v1/instances/{ids[0]}/pause", {})
        s.post(f"/v1/instances/{ids[1]}/cancel", {})
        equal("a filter takes several values", statuses(s, status="PAUSED,CANCELLED"),
              [("A-0", "PAUSED"), ("A-1", "CANCELLED")])
        equal("each in its place", statuses(s, status="PAUSED,RUNNING", template="oven,food,food"),
              [("A-0", "PAUSED"), ("A-2", "RUNNING"), ("B,1", "RUNNING")])
        equal("the beginning of a key", [k for k, _ in statuses(s, key="A*")], ["A-0", "A-1", "A-2"])
        equal("a comma of a key is written so", statuses(s, key="B%5C%2C1"), [("B,1", "RUNNING")])
        equal("without it there are two keys", s.get("/v1/instances?key=B,1").code, "invalid")
        equal("a star alone is any key", len(statuses(s, key="*")), 4)
        starts = [show(s, i)["started_at"] for i in ids]
        began = starts[2]
        equal("times of the start", [k for k, _ in statuses(s, started_until=began, template="food")],
              [f"A-{n}" for n in range(2) if starts[n] < began])
        equal("one misspelt status is an error", s.get("/v1/instances?status=PAUSED,PAUZED").code,
              "invalid")
        many = ",".join(f"t{n}" for n in range(17))
        equal("too many values are refused", s.get(f"/v1/instances?template={many}").code, "invalid")
        equal("16 are not", s.get(f"/v1/instances?template={many[:-4]}").status, 200)
        equal("the count says the same", s.get("/v1/instances/count?template=food").json,
              {"count": 3, "more": False,
               "by_status": {"CANCELLED": 1, "PAUSED": 1, "RUNNING": 1}})
        equal("with any filter", s.get("/v1/instances/count?key=A*&status=RUNNING,PAUSED").json["count"],
              2)
        equal("a count has no pages", s.get("/v1/instances/count?limit=1").code, "invalid")


def attention():
    s = Server()
    s.is_own = False
    s.apply(OVEN)
    for order in ("O-1", "O-2", "O-3"):
        s.post("/v1/instances", {"template": "oven", "key": order, "input": {"order": order}})
    failed = {"O-1": 0, "O-2": 0, "O-3": 0}
    while min(failed.values()) < 5:
        for message in take(s, "oven_queue", wait_seconds=1, max=1):
            order = message["key"]
            failed[order] += 1
            if order == "O-2":
                failed[order] = 5
                s.post("/v1/tasks/complete", {"token": message["token"]})
            else:
                s.post("/v1/tasks/fail", {"token": message["token"], "error": "Cold",
                                          "message": "no gas"})
            poll(lambda: failed[order] == 5 or s.get("/v1/queues/oven_queue/peek").json["messages"])
    retrying = s.get("/v1/attention").json
    equal("what fails again and again is told", [(i["kind"], i["key"], i["task"], i["tries"])
          for i in retrying["items"] if i["kind"] == "retrying"],
          [("retrying", "O-1", "bake", 5), ("retrying", "O-3", "bake", 5)])
    equal("with its reason", retrying["items"][0]["reason"],
          "bake failed 5 of 6 times and is tried again: Cold: no gas")
    for order in ("O-1", "O-3"):
        message = poll(lambda: take(s, "oven_queue", wait_seconds=1, max=1))[0]
        equal("they come in turn", message["key"], order)
        s.post("/v1/tasks/fail", {"token": message["token"], "error": "Cold"})
    look = poll(lambda: (lambda a: a if a["overdue"]["count"] == 1 else None)(
        s.get("/v1/attention").json))
    equal("what failed is counted, what is overdue too",
          [look[k]["count"] for k in ("failed", "overdue", "retrying")], [2, 1, 0])
    equal("the newest failure comes first", [(i["kind"], i["key"], i["task"]) for i in look["items"]],
          [("failed", "O-3", "bake"), ("failed", "O-1", "bake"), ("overdue", "O-2", "taste")])
    equal("each says why", [i["reason"] for i in look["items"][1:]],
          ["bake failed for good in attempt 6 of 6: Cold", "taste is overdue; it waits for cooks"])
    equal("a limit is for each kind",
          [i["kind"] for i in s.get("/v1/attention?limit=1").json["items"]], ["failed", "overdue"])
    seen = s.get("/v1/activity").json
    equal("an hour has its minutes", (len(seen["buckets"]), seen["bucket_seconds"],
                                      seen["whole_from"]), (60, 60, None))
    day = s.get("/v1/activity?window=1d").json
    equal("a day its quarters of an hour", (len(day["buckets"]), day["bucket_seconds"]), (96, 900))
    for window in (seen, day):
        sums = [sum(b[k] for b in window["buckets"])
                for k in ("started", "failed", "completed", "cancelled")]
        equal("they count what began and ended", sums, [3, 2, 0, 0])
    equal("no other window is known", s.get("/v1/activity?window=1w").code, "invalid")
    s.kill()
    with Server(data=s.folder) as t:
        t.is_own = True
        equal("all is the same after a kill",
              [t.get("/v1/attention").json["items"], busy(t.get("/v1/activity?window=1d").json)],
              [look["items"], busy(day)])


def busy(activity):
    """The window moves on with time, what was counted stays where it is."""
    return [b for b in activity["buckets"] if any(n for k, n in b.items() if k != "at")]


run(templates, second_names, kept, life, control, pages, filters, attention, events, waiting, queues, letters, metrics_and_files, backup, restart, drain)
