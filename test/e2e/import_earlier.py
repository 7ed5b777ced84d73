"""swm import of what the earlier implementation kept: its two collections, from files and from a
database. Instances come in as they stand and go on; what can't be told by the rules is named."""

import copy
import json
import os
import subprocess
import sys
import tempfile

from _server import PROGRAM, ROOT, Cases, Server, must, task_of, until

sys.path.insert(0, str(ROOT / "test" / "servers"))
from mongo import Replicas  # noqa: E402

DEFINITION = {
    "_id": {"$oid": "5d15f3a0c7d8f5a1b2c3d4e5"},
    "workflow_name": "Admit Patient", "component_name": "CARDIOLOGY", "hospital": "East",
    "version": 3, "updated_at": {"$date": "2019-06-28T10:00:00Z"},
    "stages": [
        {"stage_name": "START", "stage_order": {"$numberDouble": "0.0"}},
        {"stage_name": "REGISTER", "stage_order": 1.0, "tasks": [
            {"task_name": "check_insurance", "parent_task": [], "task_queue": "insurance_queue",
             "task_type": "SERVICE", "business_status": "INSURED",
             "sla_minutes": {"$numberInt": "30"}}]},
        {"stage_name": "WARD", "stage_order": 2.0, "tasks": [
            {"task_name": "find_bed", "task_queue": "bed_queue", "task_type": "SERVICE"},
            {"task_name": "call_family", "task_queue": "family_queue", "task_type": "SERVICE"},
            {"task_name": "nurse_round", "parent_task": ["find_bed"], "task_queue": "nurse_queue",
             "task_type": "HUMAN", "assigned_to": "ward_nurse"}]},
    ],
}
ORTHO = {**copy.deepcopy(DEFINITION), "_id": {"$oid": "5d15f3a0c7d8f5a1b2c3d4e6"},
         "component_name": "ORTHOPEDICS"}  # the same workflow_name
TIME = "Fri Jun 28 10:%02d:41 2019"


def instance(key, states, definition=DEFINITION, **more):
    """A document of wf_workflow_instance: `states` by task, the rest is PENDING."""
    doc = copy.deepcopy(definition)
    doc.update({"_id": {"$oid": key.encode().hex()[:24].rjust(24, "0")}, "business_ref_no": key,
                "version": {"$numberInt": "7"}, "updated_at": {"$date": "2019-06-28T11:00:00Z"},
                **more})
    minute = 45
    for stage in doc["stages"]:
        done = True
        for task in stage.get("tasks", []):
            task["status"] = states.get(task["task_name"], "PENDING")
            if task["status"] != "PENDING":
                task["last_updated_time_pretty"] = TIME % minute
                minute += 1
            if task["status"] == "FAILED":
                task["reason"] = "no bed in the house"
            done = done and task["status"] == "COMPLETED"
        stage["status"] = "COMPLETED" if done else "ACTIVE"
    return doc


def documents():
    older = copy.deepcopy(DEFINITION)
    older["stages"][1]["tasks"][0]["sla_minutes"] = 60
    return [
        instance("registering", {"check_insurance": "SCHEDULED"}, doctor="Who", age=47),
        instance("in-ward", {"check_insurance": "COMPLETED", "find_bed": "SCHEDULED",
                             "call_family": "COMPLETED"}),
        instance("at-nurse", {"check_insurance": "COMPLETED", "find_bed": "COMPLETED",
                              "call_family": "COMPLETED", "nurse_round": "SCHEDULED"}),
        instance("left", {"check_insurance": "COMPLETED", "find_bed": "COMPLETED",
                          "call_family": "COMPLETED", "nurse_round": "COMPLETED"}),
        instance("no-bed", {"check_insurance": "COMPLETED", "find_bed": "FAILED",
                            "call_family": "SCHEDULED"}),
        instance("fell-over", {"check_insurance": "COMPLETED"}),  # nothing was scheduled after it
        instance("older", {"check_insurance": "SCHEDULED"}, older),
        instance("bones", {"check_insurance": "SCHEDULED"}, ORTHO),
        instance("odd", {"nurse_round": "COMPLETED"}),
        instance("strange", {"check_insurance": "SLEEPING"}),
        {"business_ref_no": "broken", "component_name": "X", "workflow_name": "X",
         "stages": [{"stage_name": "A", "stage_order": 1, "tasks": [{"task_name": "t"}]}]},
        {"something": "else"},
    ]


def imported(server, *args, code=1):
    done = subprocess.run([PROGRAM, "import", *args, "--json"], capture_output=True, text=True,
                          env={**os.environ, "SWM_URL": server.url}, timeout=120)
    must(done.returncode == code, f"ended with {done.returncode}: {done.stdout}{done.stderr}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {r.get("key") or r.get("template"): r for r in lines[:-1]}, lines[-1]


def write(folder, name, docs, as_array=False):
    path = f"{folder}/{name}"
    with open(path, "w", encoding="utf-8") as file:
        if as_array:
            json.dump(docs, file, indent=2)
        else:
            file.write("".join(json.dumps(doc) + "\n" for doc in docs))
    return path


def files(folder):
    return [write(folder, "wf_workflow_definition.json", [DEFINITION, ORTHO], as_array=True),
            write(folder, "wf_workflow_instance.json", documents())]


def comes_as_it_stands(server, args):
    reports, sums = imported(server, *args, "--dry-run")
    must(sums["imported"] == 8 and sums["skipped"] == 4 and sums["templates"] == 3, sums)
    must(server.get("/v1/instances")["instances"] == [], "a dry run takes nothing in")
    reports, sums = imported(server, *args)
    must(sums["imported"] == 8 and sums["skipped"] == 4 and sums["templates"] == 3, sums)
    for key, words in {"odd": "nurse_round", "strange": "SLEEPING", "broken": "not valid",
                       "?": "neither"}.items():
        must(reports[key]["result"] == "skipped" and words in reports[key]["reason"], reports[key])
    expected = {"registering": "RUNNING", "in-ward": "RUNNING", "at-nurse": "RUNNING",
                "left": "COMPLETED", "no-bed": "FAILED", "fell-over": "RUNNING",
                "older": "RUNNING", "bones": "RUNNING"}
    for key, status in expected.items():
        must(reports[key]["status"] == status, reports[key])
        must(server.status_is(reports[key]["instance"], status), f"{key} is {status}")
    must(server.get("/v1/verify")["ok"], server.get("/v1/verify"))
    return reports


def is_what_it_was(server, reports):
    shown = server.get(f"/v1/instances/{reports['registering']['instance']}")
    must(shown["key"] == "registering" and shown["input"] == {"doctor": "Who", "age": 47}, shown)
    must(shown["started_at"] == "2019-06-28T10:45:41.000Z", shown["started_at"])
    task = task_of(shown, "check_insurance")
    must((task["status"], task["generation"], task["attempt"]) == ("SCHEDULED", 1, 2), task)
    must(task["sent_at"] > "2020", "it goes out again now, and its clocks begin")
    shown = server.get(f"/v1/instances/{reports['left']['instance']}")
    must(shown["finished_at"] == "2019-06-28T10:48:41.000Z", shown)
    must(shown["business_status"] == "INSURED", shown)
    shown = server.get(f"/v1/instances/{reports['no-bed']['instance']}")
    must(task_of(shown, "find_bed")["message"] == "no bed in the house", shown)
    last = server.get(f"/v1/instances/{shown['instance']}/events")["events"][-1]
    must(last["reason"] == "it failed at 2019-06-28T10:46:41.000Z", last)
    events = server.get(f"/v1/instances/{reports['left']['instance']}/events")["events"]
    must([e["event"] for e in events] == ["StartWorkflow"] + ["TaskCompleted"] * 4, events)
    must({e["source"] for e in events} == {"import"}, events)
    names = {t["template"]: t for t in server.get("/v1/templates")["templates"]}
    must(names["admit-patient"]["alias"] == "CARDIOLOGY", names)
    must(names["admit-patient-orthopedics"]["alias"] == "ORTHOPEDICS", names)
    must(names["admit-patient"]["version"] == 2, "the definition of now is the newest")
    older = server.get(f"/v1/instances/{reports['older']['instance']}")
    must(older["version"] == 1, older)


def receive(server, queue, keys):
    """{key: message} of a queue, which has those of these instances and no others."""
    found = {}

    def are_there():
        for message in server.post(f"/v1/queues/{queue}/receive", {"max": 10})["messages"]:
            found[message["key"]] = message
        return set(found) >= keys

    until(f"{queue} has {keys}", are_there)
    must(set(found) == keys, f"{queue} has {set(found)}")
    return found


def goes_on(server, reports):
    """An answer in the earlier form counts, though its message was of before."""
    answer = server.post("/v1/events", {
        "business_ref_no": "registering", "component_name": "CARDIOLOGY",
        "event_name": "TaskCompleted", "stage_name": "REGISTER", "task_name": "check_insurance",
        "task_type": "SERVICE"})
    must(answer["verdict"] == "applied", answer)
    found = {queue: receive(server, queue, keys) for queue, keys in (
        ("bed_queue", {"registering", "in-ward", "fell-over"}),
        ("family_queue", {"registering", "no-bed", "fell-over"}), ("nurse_queue", {"at-nurse"}),
        ("insurance_queue", {"older", "bones"}))}
    must(found["insurance_queue"]["older"]["sla_minutes"] == 60, found["insurance_queue"])
    must(found["bed_queue"]["in-ward"]["event_name"] == "StartTask", found["bed_queue"])
    server.post("/v1/tasks/complete", {"token": found["bed_queue"]["in-ward"]["token"]})
    started = server.post("/v1/events", {"business_ref_no": "new", "component_name": "ORTHOPEDICS",
                                         "event_name": "StartWorkflow"})
    must(started["template"] == "admit-patient-orthopedics", started)
    replayed = server.post(f"/v1/instances/{reports['no-bed']['instance']}/replay",
                           {"task": "find_bed"})
    must(replayed["verdict"] == "applied", replayed)


def changes_nothing_again(server, args):
    before = server.get("/v1/events?limit=1000")["events"]
    reports, sums = imported(server, *args)
    must(sums["imported"] == 0 and sums["present"] == 8 and sums["templates"] == 0, sums)
    after = server.get("/v1/events?limit=1000")["events"]
    must(after == before, lambda: f"nothing was to be recorded: {after[len(before):]}")
    must(server.get("/v1/verify")["ok"], "it is in order")


def from_database(replicas, folder):
    from bson import json_util
    import pymongo

    uri = replicas.uri("hospital")
    client = pymongo.MongoClient(uri)
    for name, docs in (("wf_workflow_definition", [DEFINITION, ORTHO]),
                       ("wf_workflow_instance", documents())):
        client.hospital[name].insert_many(json_util.loads(json.dumps(docs)))
    with Server(options=["--store", replicas.uri("target")]) as server:
        reports = comes_as_it_stands(server, ["--from", uri])
        is_what_it_was(server, reports)
        changes_nothing_again(server, ["--from", uri])
        args = files(folder)
        reports, sums = imported(server, *args)
        must(sums["imported"] == 0 and sums["present"] == 8, "files hold the same documents")
        goes_on(server, reports)
        server.stop()
    with Server() as server:
        done = subprocess.run([PROGRAM, "import", "--from", "mongodb://user:secret@"],
                              capture_output=True, text=True, env={**os.environ,
                                                                   "SWM_URL": server.url})
        must(done.returncode == 1 and "secret" not in done.stdout + done.stderr, done)


def refuses_what_it_cannot_read(server, folder):
    broken = write(folder, "broken.json", [])
    with open(broken, "w", encoding="utf-8") as file:
        file.write("{\"a\": 1}\n{\"b\": \n")
    imported_raw = subprocess.run([PROGRAM, "import", broken], capture_output=True, text=True,
                                  env={**os.environ, "SWM_URL": server.url})
    must(imported_raw.returncode == 1 and "broken.json" in imported_raw.stderr, imported_raw)
    for args in ([], [broken, "--from", "mongodb://x/y"], ["/nowhere/at/all"]):
        done = subprocess.run([PROGRAM, "import", *args], capture_output=True, text=True,
                              env={**os.environ, "SWM_URL": server.url})
        must(done.returncode in (1, 2), done)
    down = subprocess.run([PROGRAM, "import", *files(folder)], capture_output=True, text=True,
                          env={**os.environ, "SWM_URL": "http://127.0.0.1:1"})
    must(down.returncode == 3, down)


def main():
    cases = Cases()
    with tempfile.TemporaryDirectory(prefix="swm-import-") as folder, Server() as server:
        args = files(folder)
        reports = cases.check("documents come as they stand", comes_as_it_stands, server, args)
        if reports:
            cases.check("they are what they were", is_what_it_was, server, reports)
            cases.check("imported again they change nothing", changes_nothing_again, server, args)
            cases.check("they go on", goes_on, server, reports)
            cases.check("imported again after that too", changes_nothing_again, server, args)
        cases.check("what can't be read is refused", refuses_what_it_cannot_read, server, folder)
        with Replicas(1) as replicas:
            cases.check("from a database", from_database, replicas, folder)
    cases.finish()


if __name__ == "__main__":
    main()
