#!/usr/bin/env python3
"""The audit, the feed's filters and the inbox over HTTP: what is asked for, page by page, and what is
refused."""

import json

from _server import Server, check, equal, poll, run

PEOPLE = """
name: people
stages:
  - name: one
    tasks:
      - {name: sign, human: {assignee: ann, due: 10m, form: {type: object, properties: {ok: {type: boolean}}}}}
      - {name: check, human: {group: desk}}
      - {name: pack, queue: pack_queue}
"""


def start(s, key):
    return s.post("/v1/instances", {"template": "people", "key": key}).json["instance"]


def events(reply):
    return [e["event"] for e in reply.json["events"]]


def audit():
    with Server() as s:
        s.apply(PEOPLE)
        one, two = start(s, "ONE"), start(s, "TWO")
        ann = {"X-SWM-Actor": "ann", "X-SWM-Client": "page", "Content-Type": "application/json"}
        s.post(f"/v1/instances/{one}/pause", {"reason": "no gas"}, ann)
        s.post(f"/v1/instances/{one}/resume", {"reason": "gas is back"}, ann)
        s.post("/v1/tasks/complete", {"instance": one, "task": "sign", "output": {"ok": True}}, ann)
        token = s.post("/v1/queues/pack_queue/receive", {"max": 1}).json["messages"][0]["token"]
        by_worker = {**ann, "X-SWM-Client": "cli"}  # swm worker is a worker, not a person
        s.post("/v1/tasks/complete", {"token": token}, by_worker)
        s.post("/v1/tasks/complete", {"instance": two, "task": "pack"}, {**ann, "X-SWM-Actor": "bob"})
        s.post(f"/v1/instances/{two}/cancel", {"reason": "enough"}, {**ann, "X-SWM-Actor": "bob"})
        page = s.get("/v1/audit?limit=3")
        equal("the newest first", events(page), ["CancelWorkflow", "TaskCompleted", "TaskCompleted"])
        last = page.json["events"][0]
        equal("who, about what, why", (last["actor"], last["template"], last["key"], last["reason"]),
              ("bob", "people", "TWO", "enough"))
        rest = s.get(f"/v1/audit?limit=10&after={page.json['next']}")
        equal("and on", events(rest), ["ResumeWorkflow", "PauseWorkflow", "TemplateApplied"])
        equal("to the end", (rest.json["next"], rest.json["more"]), (None, False))
        for query, want in (
            ("actor=ann&event=PauseWorkflow,ResumeWorkflow", ["ResumeWorkflow", "PauseWorkflow"]),
            (f"instance={two}", ["CancelWorkflow", "TaskCompleted"]),
            ("key=ONE", ["TaskCompleted", "ResumeWorkflow", "PauseWorkflow"]),
            ("template=other", []),
            ("since=2999-01-01T00:00:00Z", []),
            ("until=2000-01-01T00:00:00Z", []),
        ):
            equal(f"audit?{query}", events(s.get(f"/v1/audit?{query}")), want)
        reply = s.get("/v1/audit?event=PauseWorkflo")
        check("a word that there is not is told", reply.status == 400 and "PauseWorkflow" in reply.json["error"]["message"], reply)
        equal("newest_first is not for it", s.get("/v1/audit?newest_first=true").status, 400)


def by_stage():
    """Two stages have a task of the same name: only stage and name say which."""
    with Server() as s:
        sign = {"task_name": "sign", "task_type": "HUMAN"}
        s.apply({"workflow_name": "Twice", "component_name": "TWICE", "stages": [
            {"stage_name": "ONE", "stage_order": 1, "tasks": [sign]},
            {"stage_name": "TWO", "stage_order": 2, "tasks": [sign]}]})
        event = {"business_ref_no": "R-1", "component_name": "TWICE"}
        one = s.post("/v1/events", [{**event, "event_name": "StartWorkflow"}]).json["results"][0]["instance"]
        answer = {**event, "event_name": "TaskCompleted", "stage_name": "ONE", "task_name": "sign"}
        s.post("/v1/events", [answer])
        equal("an answer named by stage and task is a person's act", events(s.get(f"/v1/audit?instance={one}")),
              ["TaskCompleted"])


def feed():
    with Server() as s:
        s.apply(PEOPLE)
        one = start(s, "ONE")
        s.post(f"/v1/instances/{one}/resume", {})
        s.post("/v1/events", [{"event": "TaskCompleted", "instance": one, "task": "none"}])
        all_events = s.get("/v1/events").json
        equal("each names its instance's key", [e["key"] for e in all_events["events"]][1:], ["ONE"] * 3)
        verdicts = s.get("/v1/events?verdict=duplicate,unknown").json["events"]
        equal("several verdicts", sorted(e["verdict"] for e in verdicts), ["duplicate", "unknown"])
        mid = all_events["events"][1]["at"]
        later = s.get(f"/v1/events?since={mid}").json["events"]
        check("from a time on", later and all(e["at"] >= mid for e in later), later)
        equal("before a time", s.get("/v1/events?newest_first=true&until=2001-01-01T00:00:00Z").json["events"], [])
        after = s.get("/v1/events?since=2999-01-01T00:00:00Z").json
        check("the end has a cursor", after["events"] == [] and int(after["next"]) > 0, after)
        for query in ("verdict=good", "since=now", "newest_first=yes", "actor=a&colour=red"):
            equal(f"events?{query} is refused", s.get(f"/v1/events?{query}").status, 400)


def inbox():
    with Server() as s:
        s.apply(PEOPLE)
        for n in range(5):
            start(s, f"K{n}")
        page = s.get("/v1/tasks?limit=4").json
        equal("counted", (page["count"], page["more"], len(page["tasks"])), (10, False, 4))
        tasks = page["tasks"]
        while page["next"]:
            page = s.get(f"/v1/tasks?limit=4&after={page['next'].replace(chr(10), '%0A')}").json
            tasks += page["tasks"]
        equal("all of them, once", len({(t["key"], t["task"]) for t in tasks}), 10)
        since = [t["since"] for t in tasks]
        equal("in order", since, sorted(since))
        equal("of a person", s.get("/v1/tasks?assignee=ann").json["count"], 5)
        equal("of a group", {t["task"] for t in s.get("/v1/tasks?group=desk").json["tasks"]}, {"check"})
        equal("a group is no person", s.get("/v1/tasks?assignee=desk").json["tasks"], [])
        both = s.get("/v1/tasks?assignee=ann&template=people").json
        check("two filters are not counted", "count" not in both and len(both["tasks"]) == 5, both)
        equal("nothing is overdue", s.get("/v1/tasks?overdue=true").json["tasks"], [])
        equal("true or false", s.get("/v1/tasks?overdue=maybe").status, 400)
        equal("a bad cursor", s.get("/v1/tasks?after=x").status, 400)
        task = s.get("/v1/tasks?limit=1&assignee=ann").json["tasks"][0]
        equal("with its form", json.dumps(task["form"]["properties"]), '{"ok": {"type": "boolean"}}')
        s.post("/v1/tasks/complete", {"instance": task["instance"], "task": task["task"], "output": {}})
        check("answered, it leaves", poll(lambda: s.get("/v1/tasks").json["count"] == 9))


def queues_and_status():
    with Server() as s:
        s.apply(PEOPLE)
        start(s, "K")
        queue = next(q for q in s.get("/v1/queues").json["queues"] if q["queue"] == "pack_queue")
        equal("whom it serves", queue["serves"], [{"template": "people", "stage": "one", "task": "pack"}])
        check("since when the oldest waits", queue["oldest_at"], queue)
        check("all of it is counted, as soon as it is read", poll(lambda: not any(
            q["more"] for q in s.get("/v1/queues").json["queues"])))
        status = s.get("/v1/status").json
        equal("the mode", status["mode"], "one process")
        limits = {x["name"]: x["value"] for x in status["limits"]}
        equal("a limit", limits["event_bytes"], 1024 * 1024)


run(audit, by_stage, feed, inbox, queues_and_status)
