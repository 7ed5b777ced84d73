"""swm export and swm import: an instance leaves one server and goes on at another, byte by byte."""

import json
import os
import sqlite3
import subprocess
import tempfile

from _server import FOOD, PROGRAM, Server, check, equal, run

LARGE = "x" * 20000  # stored apart
FOLDER = tempfile.mkdtemp(prefix="swm-export-")


def cli(server, *args, code=0):
    done = subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "SWM_URL": f"http://127.0.0.1:{server.port}"})
    check(f"swm {' '.join(args[:2])} ends with {code}", done.returncode == code,
          f"{done.returncode}: {done.stdout[-300:]}{done.stderr[-300:]}")
    return done.stdout


def export(server, instance, name):
    path = f"{FOLDER}/{name}.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        file.write(cli(server, "export", instance))
    return path


def take_in(server, *paths, code=0):
    lines = [json.loads(line) for line in cli(server, "import", *paths, "--json",
                                              code=code).splitlines()]
    return lines[:-1], lines[-1]


def start(server, order, **more):
    return server.post("/v1/instances",
                       {"template": "food", "input": {"order": order, **more}}).json["instance"]


def take(server, queue, order):
    messages = server.post(f"/v1/queues/{queue}/receive",
                           {"max": 10, "wait_seconds": 20}).json["messages"]
    return next(m for m in messages if m["key"] == order)


def complete(server, message, output):
    return server.post("/v1/tasks/complete", {"token": message["token"], "output": output}).json


def records(server, instance):
    with sqlite3.connect(f"file:{server.folder}/swm.db?mode=ro", uri=True) as db:
        return db.execute("SELECT seq, record FROM events WHERE instance = ? ORDER BY seq",
                          (instance,)).fetchall()


def leaves_and_comes():
    with Server() as a, Server() as b:
        a.apply(FOOD)
        a.apply(FOOD.replace("CONFIRMED", "SEEN"))
        running = start(a, "running", dish=LARGE)
        complete(a, take(a, "confirm_queue", "running"), {"text": LARGE + "y"})
        done = start(a, "done")
        a.post(f"/v1/instances/{done}/cancel", {})
        long = start(a, "long")
        for n in range(80):
            a.post(f"/v1/instances/{long}/{('pause', 'resume')[n % 2]}", {})
        # by key as well as by id
        files = [export(a, "running", "running"), export(a, done, "done"),
                 export(a, "food/long", "long")]
        reports, sums = take_in(b, *files, "--dry-run")
        equal("a dry run tells what would come", (sums["imported"], sums["templates"]), (3, 2))
        equal("and takes nothing in", b.get("/v1/instances").json["instances"], [])
        reports, sums = take_in(b, *files)
        equal("three come in", (sums["imported"], sums["skipped"], sums["templates"]), (3, 0, 2))
        equal("as they are", [r["status"] for r in reports if r["result"] == "imported"],
              ["RUNNING", "CANCELLED", "RUNNING"])
        for instance in (running, done, long):
            equal("records are the same", records(b, instance), records(a, instance))
            equal("what is shown is the same", b.get(f"/v1/instances/{instance}").json,
                  a.get(f"/v1/instances/{instance}").json)
        check("it is in order", b.get("/v1/verify").json["ok"], b.get("/v1/verify").json)
        imported = [e for e in b.get("/v1/events?limit=1000").json["events"]
                    if e["event"] == "InstanceImported"]
        equal("it is recorded who came", len(imported), 3)
        goes_on(b, files, running)


def goes_on(b, files, running):
    answer = complete(b, take(b, "cook_queue", "running"), {"dish": "pizza"})
    equal("its messages are at the new server", answer["verdict"], "applied")
    again = b.post("/v1/instances", {"template": "food", "input": {"order": "running"}}).json
    equal("it holds its key", (again["verdict"], again["instance"]), ("duplicate", running))
    before = records(b, running)
    reports, sums = take_in(b, *files)
    equal("again changes nothing", (sums["imported"], sums["present"], sums["templates"]), (0, 3, 0))
    equal("though one has gone on", records(b, running), before)
    files = [export(b, running, "further")]
    with Server() as c:
        take_in(c, *files)
        equal("and goes on again elsewhere", records(c, running), before)


def refuses_what_is_not_whole():
    with Server() as a, Server() as b:
        a.apply(FOOD)
        instance = start(a, "one")
        a.post(f"/v1/instances/{instance}/pause", {})
        lines = open(export(a, instance, "one"), encoding="utf-8").read().splitlines()
        second = next(k for k, line in enumerate(lines) if "PauseWorkflow" in line)

        def told(name, changed):
            path = f"{FOLDER}/{name}.jsonl"
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(changed) + "\n")
            reports, sums = take_in(b, path, code=1)
            check(f"{name} is skipped", sums["skipped"] == 1 and sums["imported"] == 0, reports)
            return reports[-1]["reason"]

        altered = lines[:second - 1] + [lines[second - 1].replace("one", "two", 1)] + lines[second:]
        check("an altered record is named", "record 2 is not" in told("altered", altered))
        head = json.loads(lines[0])
        check("one cut off", "cut off" in told("cut", lines[:-2]))
        missing = [json.dumps({**head, "revision": 1})] + lines[1:second - 1] + lines[second:]
        check("one without its beginning", "record 1 is not" in told("beheaded", missing))
        newer = [json.dumps({**head, "format": 2})] + lines[1:]
        check("a later form", "does not know" in told("newer", newer))
        other = [json.dumps({**head, "instance": "_sys:evil"})] + lines[1:]
        told("a chain of the system's", other)
        b.apply(FOOD)
        holder = start(b, "one")
        check("a key that is held", "has its key" in told("held", lines))
        b.post(f"/v1/instances/{holder}/cancel", {})
        take_in(b, f"{FOLDER}/one.jsonl")
        equal("and then it comes in", b.get(f"/v1/instances/{instance}").json["status"], "PAUSED")
        check("a file that is none", "neither" in told("odd", ['{"a": 1}']))
    with Server() as c:
        c.apply(FOOD.replace("CONFIRMED", "ELSE"))
        reports, sums = take_in(c, f"{FOLDER}/one.jsonl", code=1)
        check("another template", "is another one here" in reports[-1]["reason"], reports)


def refuses_at_the_door():
    with Server() as server:
        server.apply(FOOD)
        for body in ({}, {"template": "food"}, {"template": "food", "version": 1, "digest": "zz"},
                     {"template": "food", "version": 1, "digest": "0" * 64, "records": [1]},
                     {"template": "food", "version": 1, "digest": "0" * 64, "records": "no"}):
            reply = server.post("/v1/instances/abc/import", body)
            equal(f"{str(body)[:60]} is invalid", reply.status, 400)
        reply = server.post("/v1/instances/abc/import",
                            {"template": "food", "version": 1, "digest": "0" * 64, "records": ["{}"]})
        equal("another digest is unknown", reply.status, 404)
        instance = start(server, "o")
        page = server.get(f"/v1/instances/{instance}/records?limit=1").json
        equal("records come by page", (len(page["records"]), page["next"]), (1, 1))
        page = server.get(f"/v1/instances/{instance}/records?after=1").json
        equal("to the end", (page["records"], page["next"]), ([], None))
        equal("a cursor that is none",
              server.get(f"/v1/instances/{instance}/records?after=x").status, 400)


run(leaves_and_comes, refuses_what_is_not_whole, refuses_at_the_door)
