#!/usr/bin/env python3
"""The command line against a real server: what each command prints for programs and for people, its
exit status, and what happens without a server."""

import http.server
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import tempfile
import threading

from _server import PATIENCE_S, PROGRAM, Server, check, equal, poll, run

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="swm-cli-"))
HELLO = """\
name: hello
description: Says hello
key: ${ .input.id }
input: {type: object, required: [id], properties: {id: {type: string}}}
stages:
  - name: greet
    tasks:
      - name: say_hello
        queue: hello_queue
        input: {text: "Hello, ${ .input.who }!"}
        retry: {max_attempts: 2, delay: 100ms}
        business_status: GREETED
  - name: check
    tasks:
      - {name: approve, human: {assignee: you}}
output: {said: "${ .tasks.say_hello.output }"}
"""
BAD = """\
name: bad
stages:
  - name: only
    tasks:
      - {name: first, queue: q, needs: [nobody]}
      - name: second
        quue: q
"""
EARLIER = {
    "workflow_name": "Deliver", "component_name": "ITALIAN",
    "stages": [{"stage_name": "ORDER", "stage_order": 1, "tasks": [
        {"task_name": "confirm", "task_queue": "confirm_q", "task_type": "SERVICE"}]}],
}


class Done:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return f"exit {self.code}: {self.out} | {self.err}"


def environment(server, **more):
    url = {"SWM_URL": f"http://127.0.0.1:{server.port}"} if server else {}
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SWM_") or k == "SWM_PROGRAM"}
    return {**kept, "USER": "ann", **url, **more}


def swm(server, *words, stdin=None, **more):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, input=stdin,
                          timeout=PATIENCE_S * 2, env=environment(server, **more), cwd=FOLDER)
    return Done(done.returncode, done.stdout, done.stderr)


def written(name, text):
    (FOLDER / name).write_text(text, encoding="utf-8")
    return name


def has(name, done, *members, code=0):
    """One object on standard output with these members, and that exit status."""
    try:
        have = done.json
    except ValueError:
        return check(name, False, done)
    missing = [m for m in members if m not in have]
    return check(name, done.code == code and not missing, f"without {missing}: {done}")


def starts(server, key, *more):
    return swm(server, "start", "hello", "--input", json.dumps({"id": key, "who": "world"}), "--json",
               *more)


def worker(server, command, *more):
    return swm(server, "worker", "--queue", "hello_queue", "--exec", command, "--once", *more)


def only_open(server, key):
    """Nothing but this instance has a message."""
    for row in swm(server, "list", "--status", "RUNNING", "--json").lines:
        swm(server, "cancel", row["instance"])
    starts(server, key)


def status_of(server, key):
    return swm(server, "show", key, "--json").json["status"]


# --- templates ------------------------------------------------------------------------------------


def templates(server):
    first = swm(server, "template", "apply", "hello.yaml", "--json")
    has("template apply --json", first, "template", "version", "digest", "created")
    equal("a first apply makes version 1", (first.json["version"], first.json["created"]), (1, True))
    again = swm(server, "template", "apply", "hello.yaml", "--json").json
    equal("the same content makes none", (again["version"], again["created"]), (1, False))
    equal("... and has the same digest", again["digest"], first.json["digest"])
    written("hello2.yaml", HELLO.replace("assignee: you", "assignee: me"))
    foreseen = swm(server, "template", "apply", "hello2.yaml", "--dry-run", "--json").json
    equal("apply --dry-run says which version would come",
          (foreseen["version"], foreseen["created"], foreseen["newest"]), (2, True, 1))
    told = swm(server, "template", "apply", "hello2.yaml", "--dry-run").out
    check("... and what would change", "v2 would come" in told and "approve" in told, told)
    equal("... and changes nothing",
          swm(server, "template", "show", "hello", "--json").json["version"], 1)
    swm(server, "template", "apply", "hello2.yaml", "--note", "it is mine")
    check("apply --note keeps it with the version",
          "it is mine" in swm(server, "template", "show", "hello").out)
    listed = swm(server, "template", "list", "--json").lines
    equal("template list --json: one a line", [(t["template"], t["version"]) for t in listed],
          [("hello", 2)])
    has("template show --json", swm(server, "template", "show", "hello@1", "--json"), "template",
        "version", "content", "source", "versions")
    check("template show prints the source",
          "assignee: you" in swm(server, "template", "show", "hello@1").out)
    diff = swm(server, "template", "diff", "hello@1", "hello@2", "--json")
    has("template diff --json", diff, "template", "from", "to", "changes")
    equal("... between versions", (diff.json["from"], diff.json["to"]), (1, 2))
    check("... names the task", "approve" in diff.json["changes"][0]["path"], diff)
    check("template graph NAME", swm(server, "template", "graph", "hello").out.startswith("<svg"))
    unknown = swm(server, "template", "show", "nobody", "--json")
    equal("an unknown template exits with 1 and its code",
          (unknown.code, unknown.json["error"]["code"]), (1, "unknown_template"))


def bad_templates(server):
    done = swm(server, "template", "apply", "bad.yaml")
    check("apply shows file, line, column, source and caret",
          done.code == 1 and "bad.yaml:5:41: " in done.err and "     7 |         quue: q" in done.err and
          "       |         ^" in done.err, done)
    done = swm(server, "template", "apply", "bad.yaml", "--json")
    has("apply --json has all errors", done, "error", "errors", code=1)
    equal("... with the place", done.json["error"]["where"], "bad.yaml:5:41")
    equal("a file that is missing exits with 1", swm(server, "template", "apply", "no.yaml").code, 1)


def offline():
    done = swm(None, "template", "validate", "hello.yaml", "earlier.json", "--json")
    equal("template validate needs no server", (done.code, [d["valid"] for d in done.lines]),
          (0, [True, True]))
    done = swm(None, "template", "validate", "hello.yaml", "bad.yaml", "--json")
    equal("... and exits with 1 when one is bad", (done.code, [d["valid"] for d in done.lines]),
          (1, [True, False]))
    check("... with all its errors", done.lines[1]["error_count"] >= 3, done)
    for form, begin in (("svg", "<svg"), ("dot", "digraph"), ("mermaid", "flowchart"), ("json", "{")):
        out = swm(None, "template", "graph", "hello.yaml", "--format", form).out
        check(f"template graph FILE --format {form}", out.startswith(begin), out[:80])
    done = swm(None, "template", "diff", "hello.yaml", "hello2.yaml", "--json")
    has("template diff of files", done, "template", "from", "to", "changes")
    done = swm(None, "template", "validate", "-", stdin=HELLO)
    check("a template from standard input", done.code == 0, done)


# --- instances ------------------------------------------------------------------------------------


def starting(server):
    done = starts(server, "S-1", "--event-id", "one")
    has("start --json", done, "verdict", "instance", "template", "version", "key", "status")
    equal("... is applied", (done.json["verdict"], done.json["key"], done.json["status"]),
          ("applied", "S-1", "RUNNING"))
    again = starts(server, "S-1", "--event-id", "one")
    equal("the same event id is a duplicate, exit 0", (again.code, again.json["verdict"],
          again.json["instance"]), (0, "duplicate", done.json["instance"]))
    written("input.json", '{"id": "S-2"}')
    from_file = swm(server, "start", "hello", "--input", "@input.json", "--json")
    equal("--input @FILE", from_file.json["key"], "S-2")
    check("a start for people", "started S-3" in
          swm(server, "start", "hello", "--input", '{"id": "S-3"}').out)
    refused = swm(server, "start", "hello", "--input", "{}", "--json")
    check("an input that does not fit exits with 1", refused.code == 1 and "error" in refused.json,
          refused)
    equal("an unknown template exits with 1", swm(server, "start", "nobody").code, 1)


def listing(server):
    rows = swm(server, "list", "--json").lines
    wanted = {"instance", "template", "version", "key", "status", "stage", "business_status",
              "started_at", "updated_at"}
    check("list --json: one instance a line", rows and wanted <= set(rows[0]), rows)
    by_key = swm(server, "list", "--key", "S-2", "--json").lines
    equal("list --key", [r["key"] for r in by_key], ["S-2"])
    equal("list --status", swm(server, "list", "--status", "FAILED", "--json").lines, [])
    equal("list with several values", len(swm(server, "list", "--status", "FAILED,RUNNING", "--template",
                                              "hello,other", "--json").lines), len(rows))
    equal("list --count --json", swm(server, "list", "--key", "S-*", "--count", "--json").json["by_status"]
          ["RUNNING"], len([r for r in rows if r["key"].startswith("S-")]))
    counted = swm(server, "list", "--count").out
    check("list --count", f"{len(rows)} RUNNING" in counted and counted.count("\n") == 1, counted)
    equal("attention --json: nothing", swm(server, "attention", "--json").lines, [])
    check("attention says so", "Nothing needs" in swm(server, "attention").out)
    equal("list --template", len(swm(server, "list", "--template", "hello", "--json").lines), len(rows))
    equal("list --since", len(swm(server, "list", "--since", "1h", "--json").lines), len(rows))
    equal("list --since in the future",
          swm(server, "list", "--since", "2099-01-01T00:00:00Z", "--json").lines, [])
    equal("list --stage", len(swm(server, "list", "--stage", "greet", "--json").lines), len(rows))
    equal("list --limit", len(swm(server, "list", "--limit", "1", "--json").lines), 1)
    people = swm(server, "list").out
    check("list for people is a table", people.startswith("KEY") and "● RUNNING" in people, people)
    bad = swm(server, "list", "--status", "RUNING", "--json")
    check("a status that is none is refused", bad.code == 1 and bad.json["error"], bad)


def showing(server):
    shown = swm(server, "show", "S-1", "--json")
    has("show --json", shown, "instance", "template", "version", "key", "status", "stage", "revision",
        "input", "output", "stages", "business_status", "started_at", "updated_at")
    task = shown.json["stages"][0]["tasks"][0]
    wanted = {"name", "kind", "status", "generation", "attempt", "input", "output", "error", "wake_at"}
    check("... with its tasks", wanted <= set(task), task)
    for name in (shown.json["instance"], "S-1", "hello/S-1"):
        equal(f"show by {'id' if name == shown.json['instance'] else name}",
              swm(server, "show", name, "--json").json["instance"], shown.json["instance"])
    people = swm(server, "show", "S-1").out
    check("show for people", "○ say_hello  SCHEDULED" in people and "· approve    PENDING" in people,
          people)
    unknown = swm(server, "show", "nobody", "--json")
    equal("an unknown instance exits with 1", (unknown.code, unknown.json["error"]["code"]),
          (1, "unknown_instance"))
    check("... and says so", "swm show: " in swm(server, "show", "nobody").err)
    has("explain --json", swm(server, "explain", "S-1", "--json"), "lines")
    check("explain says what it waits for", "hello_queue" in swm(server, "explain", "S-1").out)


def events(server):
    records = swm(server, "events", "S-1", "--json").lines
    wanted = {"seq", "event", "verdict", "reason", "at", "source", "actor", "task", "generation",
              "attempt", "changes", "hash"}
    check("events --json: one record a line", wanted <= set(records[0]), records[0])
    equal("... in order", [r["seq"] for r in records], list(range(1, len(records) + 1)))
    equal("... each with its verdict", [r["verdict"] for r in records], ["applied", "duplicate"])
    equal("... and who sent it", (records[0]["source"], records[0]["actor"]), ("cli", "ann"))
    check("... a change has path, from, to",
          all({"path", "from", "to"} <= set(c) for c in records[0]["changes"]), records[0])
    people = swm(server, "events", "S-1").out
    check("events for people", "StartWorkflow" in people and "by ann (cli)" in people, people)
    equal("events of nobody exits with 1", swm(server, "events", "nobody").code, 1)


def as_of_then(server):
    only_open(server, "T-1")
    worker(server, "cat")
    equal("show --at SEQ", swm(server, "show", "T-1", "--at", "1", "--json").json["revision"], 1)
    at = swm(server, "events", "T-1", "--json").lines[0]["at"]
    equal("show --at TIME", swm(server, "show", "T-1", "--at", at, "--json").json["revision"], 1)
    now = swm(server, "show", "T-1", "--json").json
    equal("... now it is further", now["stages"][0]["tasks"][0]["status"], "COMPLETED")


def replaying(server):
    only_open(server, "R-1")
    worker(server, "cat")
    swm(server, "task", "complete", "R-1", "--task", "approve")
    equal("it is completed", status_of(server, "R-1"), "COMPLETED")
    before = swm(server, "show", "R-1", "--json").out
    dry = swm(server, "replay", "R-1", "--task", "say_hello", "--dry-run", "--json")
    has("replay --dry-run --json", dry, "tasks")
    equal("... shows what would run", set(dry.json["tasks"]), {"say_hello", "approve"})
    equal("... and changes nothing", swm(server, "show", "R-1", "--json").out, before)
    only = swm(server, "replay", "R-1", "--task", "say_hello", "--only", "--input", '{"text": "Ciao"}',
               "--reason", "politer", "--json")
    has("replay --json", only, "verdict", "instance", "tasks")
    equal("--only runs it alone", only.json["tasks"], ["say_hello"])
    worker(server, "cat")
    task = swm(server, "show", "R-1", "--json").json["stages"][0]["tasks"][0]
    equal("... with the changed input, in generation 2", (task["output"], task["generation"]),
          ({"text": "Ciao"}, 2))
    last = [r for r in swm(server, "events", "R-1", "--json").lines if r["event"] == "ReplayTask"]
    check("... and the reason is kept", "politer" in json.dumps(last), last)
    stage = swm(server, "replay", "R-1", "--stage", "check", "--json")
    equal("replay --stage", stage.json["tasks"], ["approve"])
    equal("replay of no task exits with 2", swm(server, "replay", "R-1").code, 2)
    equal("replay of an unknown one exits with 1",
          swm(server, "replay", "R-1", "--task", "nix").code, 1)


def control(server):
    starts(server, "C-1")
    paused = swm(server, "pause", "C-1", "--reason", "lunch", "--until", "30m", "--timers", "run",
                 "--json")
    has("pause --json", paused, "verdict", "instance", "status")
    shown = swm(server, "show", "C-1", "--json").json
    equal("... it is PAUSED", shown["status"], "PAUSED")
    check("... until then", shown.get("resume_at") and shown.get("timers") == "run", shown)
    equal("resume", swm(server, "resume", "C-1", "--json").json["status"], "RUNNING")
    equal("cancel", swm(server, "cancel", "C-1", "--reason", "no", "--json").json["status"],
          "CANCELLED")
    refused = swm(server, "pause", "C-1", "--json")
    equal("what the state does not allow exits with 1", (refused.code, refused.json["error"]["code"]),
          (1, "refused"))


# --- tasks, workers, queues -----------------------------------------------------------------------


def tasks(server):
    only_open(server, "T-2")
    worker(server, "cat")
    inbox = swm(server, "task", "list", "--json").lines
    check("task list --json: one task a line", any(
        t["key"] == "T-2" and t["task"] == "approve" and t["assignee"] == "me" for t in inbox), inbox)
    equal("task list --assignee", swm(server, "task", "list", "--assignee", "x", "--json").lines, [])
    check("task list for people", "approve" in swm(server, "task", "list").out)
    done = swm(server, "task", "complete", "T-2", "--task", "approve", "--output", '{"ok": true}',
               "--json")
    has("task complete --json", done, "verdict", "instance", "task")
    equal("... completes the instance", status_of(server, "T-2"), "COMPLETED")
    starts(server, "K-1")
    message = server.post("/v1/queues/hello_queue/receive", {"max": 10}).json["messages"]
    token = next(m["token"] for m in message if m["key"] == "K-1")
    for verb in ("start", "heartbeat", "pending"):
        answer = swm(server, "task", verb, "--token", token, "--json")
        equal(f"task {verb} --token", (answer.code, answer.json["verdict"]), (0, "applied"))
    stale = swm(server, "task", "complete", "--token", token, "--json")
    equal("an old token is stale, exit 0", (stale.code, stale.json["verdict"]), (0, "stale"))
    failed = swm(server, "task", "fail", "K-1", "--task", "say_hello", "--error", "Mute", "--message",
                 "no voice", "--json")
    equal("task fail", (failed.code, failed.json["verdict"]), (0, "applied"))
    task = swm(server, "show", "K-1", "--json").json["stages"][0]["tasks"][0]
    equal("... with error and message", (task["error"], task["message"]), ("Mute", "no voice"))
    equal("a task that is not told exits with 2", swm(server, "task", "complete", "K-1").code, 2)
    equal("a forged token exits with 1",
          swm(server, "task", "complete", "--token", "swm1.x", "--json").code, 1)


def workers(server):
    only_open(server, "W-1")
    script = written("work.sh", "#!/bin/sh\ncat > given.json\nenv | grep ^SWM_ > given.env\n"
                                "echo '{\"done\": 1}'\n")
    done = worker(server, f"sh {script}", "--json")
    has("worker --json: a line for each message", done, "task", "key", "attempt", "result", "verdict")
    equal("... completed", (done.json["result"], done.json["verdict"]), ("completed", "applied"))
    equal("the command gets the input", json.loads((FOLDER / "given.json").read_text()),
          {"text": "Hello, world!"})
    given = dict(line.split("=", 1) for line in (FOLDER / "given.env").read_text().splitlines())
    equal("... and knows its task", (given["SWM_TASK"], given["SWM_KEY"], given["SWM_ATTEMPT"]),
          ("say_hello", "W-1", "1"))
    check("... and its key for side effects", given["SWM_IDEMPOTENCY_KEY"] and given["SWM_INSTANCE"])
    task = swm(server, "show", "W-1", "--json").json["stages"][0]["tasks"][0]
    equal("what it says is the output", (task["status"], task["output"]), ("COMPLETED", {"done": 1}))
    names = [r["event"] for r in swm(server, "events", "W-1", "--json").lines]
    check("the task is said to be started", "TaskStarted" in names or len(names) == 2, names)


def failing_workers(server):
    only_open(server, "W-2")
    done = worker(server, "echo first >&2; echo 'no luck' >&2; exit 3", "--json")
    equal("a command that fails: ExitN and the last line of standard error",
          (done.code, done.json["result"], done.json["error"], done.json["message"]),
          (1, "failed", "Exit3", "no luck"))
    task = swm(server, "show", "W-2", "--json").json["stages"][0]["tasks"][0]
    equal("... is what the task says", (task["error"], task["message"]), ("Exit3", "no luck"))
    done = worker(server, "echo this is no JSON")
    check("what is no JSON fails the attempt", done.code == 1 and "OutputNotJSON" in done.out, done)
    only_open(server, "W-3")
    equal("a command that says nothing gives null",
          (worker(server, "true").code,
           swm(server, "show", "W-3", "--json").json["stages"][0]["tasks"][0]["output"]), (0, None))


def stopped_workers(server):
    """SIGTERM: what runs is finished and answered, then the worker ends."""
    only_open(server, "W-4")
    process = subprocess.Popen(
        [PROGRAM, "worker", "--queue", "hello_queue", "--exec",
         "touch begun; while [ ! -e go ]; do sleep 0.05; done; echo 7", "--concurrency", "2"],
        env=environment(server), cwd=FOLDER, stdout=subprocess.PIPE, text=True)
    check("the command runs", poll(lambda: (FOLDER / "begun").exists()))
    process.send_signal(signal.SIGTERM)
    (FOLDER / "go").touch()
    out, _ = process.communicate(timeout=PATIENCE_S)
    task = swm(server, "show", "W-4", "--json").json["stages"][0]["tasks"][0]
    equal("SIGTERM finishes what runs", (process.returncode, task["output"]), (0, 7))
    check("... and tells it in a line", "✔ say_hello  W-4" in out, out)


def queues(server):
    rows = swm(server, "queue", "list", "--json").lines
    wanted = {"queue", "visible", "in_flight", "delayed", "waiting_receives"}
    check("queue list --json: one queue a line",
          all(wanted <= set(r) for r in rows) and "hello_queue" in [r["queue"] for r in rows], rows)
    only_open(server, "Q-1")
    peeked = swm(server, "queue", "peek", "hello_queue", "--json").lines
    equal("queue peek --json: one message a line", [m["key"] for m in peeked], ["Q-1"])
    server.post("/v1/queues/hello_queue/send", {"body": "foreign"})
    has("queue purge --json", swm(server, "queue", "purge", "hello_queue", "--json"), "purged")
    peeked = swm(server, "queue", "peek", "hello_queue", "--json").lines
    equal("... leaves tasks alone", [m.get("key") for m in peeked], ["Q-1"])
    unknown = swm(server, "queue", "peek", "nobodys", "--json")
    equal("an unknown queue exits with 1", (unknown.code, unknown.json["error"]["code"]),
          (1, "unknown_queue"))
    check("queue list for people", "VISIBLE" in swm(server, "queue", "list").out)


# --- the server as a whole, following -------------------------------------------------------------


def system(server):
    done = swm(server, "verify", "--json")
    has("verify --json", done, "ok", "instances", "events", "problems")
    equal("... all is well", (done.json["ok"], done.json["problems"]), (True, []))
    equal("verify ID", swm(server, "verify", "S-1", "--json").json["instances"], 1)
    has("backup --json", swm(server, "backup", "monday.db", "--json"), "file")
    check("... is there", (pathlib.Path(server.folder) / "backups" / "monday.db").exists())
    equal("a second of that name exits with 1", swm(server, "backup", "monday.db").code, 1)
    has("status --json", swm(server, "status", "--json"), "url", "version", "store", "instances",
        "queues", "started_at")
    check("status for people", "up for" in swm(server, "status").out, swm(server, "status"))


def waiting(server):
    only_open(server, "F-1")
    waits = subprocess.Popen([PROGRAM, "start", "hello", "--input", '{"id": "F-2"}', "--wait", "--json"],
                             env=environment(server), stdout=subprocess.PIPE, text=True)
    watches = subprocess.Popen([PROGRAM, "watch", "F-1"], env=environment(server), text=True,
                               stdout=subprocess.PIPE)
    follows = subprocess.Popen([PROGRAM, "events", "F-1", "--follow", "--json"], text=True,
                               env=environment(server), stdout=subprocess.PIPE)
    check("the follower prints what there is", json.loads(follows.stdout.readline())["seq"] == 1)
    check("both are there", poll(lambda: len(
        swm(server, "list", "--status", "RUNNING", "--json").lines) == 2))
    worker(server, "cat")
    worker(server, "cat")
    for key in ("F-1", "F-2"):
        poll(lambda k=key: swm(server, "task", "complete", k, "--task", "approve").code == 0)
    out, _ = waits.communicate(timeout=PATIENCE_S)
    answer = json.loads(out)
    equal("start --wait ends with the instance", (waits.returncode, answer["status"],
          answer["verdict"], "output" in answer), (0, "COMPLETED", "applied", True))
    out, _ = watches.communicate(timeout=PATIENCE_S)
    check("watch without a terminal: a line for each event, until it ends",
          watches.returncode == 0 and "TaskCompleted" in out and "instance COMPLETED" in out, out)
    last = ""
    while "TaskCompleted approve" not in last:
        record = json.loads(follows.stdout.readline())
        last = f"{record['event']} {record['task']}"
    check("events --follow goes on with what comes", True)
    follows.kill()
    follows.communicate()
    cancelled = starts(server, "F-3").json["instance"]
    swm(server, "cancel", cancelled)
    equal("watch of what did not complete exits with 1", swm(server, "watch", cancelled).code, 1)


def in_terminal(server, *words, **more):
    """What a terminal gets."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([PROGRAM, *words], stdin=theirs, stdout=theirs, stderr=theirs,
                               env=environment(server, TERM="xterm", **more))
    os.close(theirs)
    said = b""
    while True:
        readable, _, _ = select.select([ours], [], [], PATIENCE_S)
        try:
            piece = os.read(ours, 65536) if readable else b""
        except OSError:
            piece = b""
        if not piece:
            break
        said += piece
    os.close(ours)
    process.wait(PATIENCE_S)
    return process.returncode, said.decode("utf-8", "replace")


def terminals(server):
    code, said = in_terminal(server, "watch", "F-1")
    check("watch in a terminal draws in place", code == 0 and "\x1b[J" in said and
          "approve" in said and "COMPLETED" in said, said)
    code, said = in_terminal(server, "show", "F-1")
    check("colours are for terminals", "\x1b[32m" in said, said)
    code, said = in_terminal(server, "show", "F-1", NO_COLOR="1")
    check("... unless NO_COLOR is set", code == 0 and "\x1b[" not in said, said)
    check("... and never for files", "\x1b" not in swm(server, "show", "F-1").out)
    starts(server, "E\x1b[31mvil")
    code, said = in_terminal(server, "list", NO_COLOR="1")
    check("a key cannot move the cursor", code == 0 and "\x1b" not in said and "vil" in said, said)


# --- no server, no sense --------------------------------------------------------------------------


def unreachable():
    where = {"SWM_URL": "http://127.0.0.1:1"}
    done = swm(None, "list", **where)
    equal("no server: exit 3 and what to do", (done.code, done.err),
          (3, "swm list: cannot reach http://127.0.0.1:1: start it with `swm serve`, or name another in SWM_URL\n"))
    for words in (("show", "x"), ("start", "t"), ("events", "x"), ("watch", "x"), ("verify",),
                  ("template", "apply", "hello.yaml"), ("template", "show", "x"), ("task", "list"),
                  ("queue", "list"), ("status",), ("backup", "f"), ("cancel", "x"),
                  ("worker", "--queue", "q", "--exec", "true")):
        done = swm(None, *words, "--json", **where)
        check(f"swm {words[0]} exits with 3", done.code == 3 and
              done.json["error"]["code"] == "unreachable", done)


def usage():
    for words in (("show",), ("show", "a", "b"), ("list", "--nonsense"), ("start", "t", "--key"),
                  ("start", "t", "--input", "{"), ("template",), ("template", "eat", "x"),
                  ("task", "fail", "--token", "t"), ("list", "--since", "yesterday"),
                  ("worker", "--queue", "q"), ("queue", "peek"), ("list", "--limit", "0"),
                  ("cancel", "x", "--follow"), ("nonsense",), ("pause", "x", "--until", "soon")):
        done = swm(None, *words, SWM_URL="http://127.0.0.1:1")
        check(f"swm {' '.join(words)} exits with 2", done.code == 2 and done.err, done)
    check("a misspelt option is guessed", "did you mean --status" in
          swm(None, "list", "--statsu", "x").err)
    equal("a URL that is none exits with 2", swm(None, "list", SWM_URL="ftp://x").code, 2)
    for words in (("start", "--help"), ("template", "--help"), ("template", "apply", "--help"),
                  ("help", "worker"), ("list", "-h"), ("demo", "--help")):
        done = swm(None, *words)
        check(f"swm {' '.join(words)}", done.code == 0 and "usage: swm" in done.out and
              "example" in done.out, done)


class Mock(http.server.BaseHTTPRequestHandler):
    """Says it is busy once, then answers; remembers what it was asked."""

    asked = []

    def do_GET(self):
        Mock.asked.append(self.headers)
        body = b'{"instances":[],"next":null}'
        self.send_response(200 if len(Mock.asked) > 1 else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def version():
    has("version --json", swm(None, "version", "--json"), "version")
    equal("version takes nothing else", swm(None, "version", "x").code, 2)


def requests():
    mock = http.server.HTTPServer(("127.0.0.1", 0), Mock)
    threading.Thread(target=mock.serve_forever, daemon=True).start()
    done = swm(None, "list", "--json", SWM_URL=f"http://127.0.0.1:{mock.server_address[1]}/",
               SWM_TOKEN="secret", http_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")
    equal("a busy server is asked again, this machine without a proxy", (done.code, len(Mock.asked)),
          (0, 2))
    headers = Mock.asked[-1]
    equal("who asks is told", (headers["Authorization"], headers["X-SWM-Client"],
          headers["X-SWM-Actor"]), ("Bearer secret", "cli", "ann"))
    mock.shutdown()
    mock.server_close()


# --- the demo -------------------------------------------------------------------------------------


class Demo:
    def __init__(self, data):
        self.process = subprocess.Popen(
            [PROGRAM, "demo", "--data", data, "--listen", "127.0.0.1:0", "--fast", "--json"],
            env=environment(None), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.said = b""
        ready = self.until("ready")
        self.pid, self.port = ready["pid"], int(ready["url"].rpartition(":")[2])

    def until(self, *what):
        """The next line that says one of these."""
        while True:
            line, end, rest = self.said.partition(b"\n")
            if end:
                self.said = rest
                said = json.loads(line)
                if said["what"] in what:
                    return said
            elif not self.read():
                raise RuntimeError(f"the demo never said {what}")

    def read(self):
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        piece = os.read(self.process.stdout.fileno(), 65536) if readable else b""
        self.said += piece
        return piece

    def end(self, which):
        self.process.send_signal(which)
        while self.read():
            pass  # it is never kept waiting for a reader
        self.process.stdout.close()
        return self.process.wait(PATIENCE_S)


def demo():
    data = str(FOLDER / "demo")
    first = Demo(data)
    order = first.until("new order")["key"]
    equal("the demo begins with the first order", order, "ORDER-0001")
    check("an order comes to its door", first.until("delivered")["key"])
    os.kill(first.pid, signal.SIGKILL)
    first.until("killed")
    first.until("back")
    check("a killed server comes back and goes on", first.until("delivered")["key"])
    last = first.until("new order")["key"]
    first.end(signal.SIGKILL)
    check("its server ends with it", poll(lambda: subprocess.run(
        ["pgrep", "-f", f"serve --data {data}"], capture_output=True).returncode == 1))
    again = Demo(data)
    key = again.until("new order")["key"]
    check("after kill -9 of everything order numbers go on", key > last, f"{key} after {last}")
    check("... and so do orders", again.until("delivered")["key"])
    equal("verify is clean", swm(again, "verify", "--json").json["ok"], True)
    equal("Ctrl-C stops it in order", again.end(signal.SIGINT), 0)


# --------------------------------------------------------------------------------------------------


def with_server():
    with Server() as server:
        for case in (templates, bad_templates, offline, starting, listing, showing, events):
            case(server) if case is not offline else case()
        for case in (as_of_then, replaying, control, tasks, workers, failing_workers, stopped_workers,
                     queues, system, waiting, terminals):
            case(server)


if __name__ == "__main__":
    for file, text in (("hello.yaml", HELLO), ("bad.yaml", BAD), ("earlier.json", json.dumps(EARLIER))):
        written(file, text)
    try:
        run(with_server, unreachable, usage, version, requests, demo)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
