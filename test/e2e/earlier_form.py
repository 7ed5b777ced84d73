"""The earlier form end to end: its template, its events and its messages, over SQS and HTTP."""

import json
import os
import tempfile

from _server import Cases, Failed, Server, must, task_of, until

TEMPLATE = {
    "workflow_name": "Admit Patient", "component_name": "CARDIOLOGY", "status": "ACTIVE",
    "stages": [
        {"stage_name": "WARD", "stage_order": 2.0, "tasks": [
            {"task_name": "find_bed", "task_queue": "bed_queue", "task_type": "SERVICE"},
            {"task_name": "nurse_round", "parent_task": ["find_bed"], "task_queue": "nurse_queue",
             "task_type": "HUMAN", "assigned_to": "ward_nurse"}]},
        {"stage_name": "START", "stage_order": 0.0},
        {"stage_name": "REGISTER", "stage_order": 1.0, "tasks": [
            {"task_name": "check_insurance", "parent_task": [], "task_queue": "insurance_queue",
             "task_type": "SERVICE", "business_status": "INSURED", "sla_minutes": 30,
             "forms": {"kind": ["A", "B"]}}]},
    ],
}


def task_event(name, key, stage, task, **more):
    return {"business_ref_no": key, "component_name": "CARDIOLOGY", "event_name": name,
            "stage_name": stage, "task_name": task, "task_type": "SERVICE", **more}


def start_event(key, **more):
    return {"business_ref_no": key, "component_name": "CARDIOLOGY", "event_name": "StartWorkflow",
            **more}


class EarlierForm:
    def __init__(self, server):
        self.server = server
        self.sqs = server.sqs()
        self.id = None

    def send(self, event):
        """As the earlier services did: a message on the events queue. Returns its id."""
        body = event if isinstance(event, str) else json.dumps(event)
        return self.sqs.send_message(QueueUrl=self.url("swm-events"), MessageBody=body)["MessageId"]

    def url(self, queue):
        return self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]

    def take(self, queue, key):
        for _ in range(10):
            got = self.sqs.receive_message(QueueUrl=self.url(queue), WaitTimeSeconds=5)
            for m in got.get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.url(queue),
                                        ReceiptHandle=m["ReceiptHandle"])
                body = json.loads(m["Body"])
                if body["business_ref_no"] == key:
                    return body
        raise Failed(f"nothing came on {queue} for {key}")

    def find(self, key):
        found = self.server.cli("list", "--key", key)
        must(len(found) == 1, f"{len(found)} instances have the key {key}")
        return found[0]["instance"]

    def task(self, key, name):
        return task_of(self.server.show(self.find(key)), name)

    # --- cases -----------------------------------------------------------------------------------

    def applies(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "admit.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(TEMPLATE, file)
            applied = self.server.cli_one("template", "apply", path)
        must(applied["template"] == "admit-patient" and applied["created"], applied)
        answer = self.server.post("/v1/templates", TEMPLATE)
        must(not answer["created"] and answer["warnings"], f"status is not warned of: {answer}")
        two = json.loads(json.dumps(TEMPLATE))
        two["stages"][0]["stage_order"] = 1.0
        self.server.post("/v1/templates", two, status=400)

    def starts(self):
        self.send(start_event("ORDER-7", patient={"name": "Mina", "age": 61}, ward="B2"))
        self.id = self.find("ORDER-7")
        shown = self.server.show(self.id)
        must(shown["status"] == "RUNNING" and shown["template"] == "admit-patient", shown)
        must(shown["input"] == {"patient": {"name": "Mina", "age": 61}, "ward": "B2"},
             f"the input is {shown['input']}")
        stages = [(s["name"], s["status"]) for s in shown["stages"]]
        wanted = [("START", "COMPLETED"), ("REGISTER", "ACTIVE"), ("WARD", "PENDING")]
        must(stages == wanted, stages)

    def carries_fields(self):
        message = self.take("insurance_queue", "ORDER-7")
        wanted = {"event_name": "StartTask", "business_ref_no": "ORDER-7",
                  "component_name": "CARDIOLOGY", "stage_name": "REGISTER",
                  "task_name": "check_insurance", "task_type": "SERVICE", "sla_minutes": 30,
                  "forms": {"kind": ["A", "B"]}}
        for name, value in wanted.items():
            must(message.get(name) == value, f"{name} is {message.get(name)}")
        must(message["token"] and message["instance"] == self.id, "our own fields are missing")

    def answers(self):
        self.send(task_event("TaskCompleted", "ORDER-7", "REGISTER", "check_insurance"))
        shown = self.server.show(self.id)
        must(task_of(shown, "check_insurance")["status"] == "COMPLETED", shown)
        must(shown["business_status"] == "INSURED", shown)
        self.take("bed_queue", "ORDER-7")
        self.send(task_event("TaskCompleted", "ORDER-7", "WARD", "find_bed"))
        message = self.take("nurse_queue", "ORDER-7")
        must(message["task_type"] == "HUMAN" and message["task_name"] == "nurse_round", message)
        inbox = self.server.get("/v1/tasks?assignee=ward_nurse")["tasks"]
        must([t["instance"] for t in inbox] == [self.id], f"the inbox holds {inbox}")
        self.send(task_event("TaskCompleted", "ORDER-7", "WARD", "nurse_round", task_type="HUMAN"))
        must(self.server.show(self.id)["status"] == "COMPLETED", "it is not done")

    def fails_and_pending(self):
        self.send(start_event("ORDER-8"))
        self.take("insurance_queue", "ORDER-8")
        self.send(task_event("TaskPending", "ORDER-8", "REGISTER", "check_insurance"))
        self.take("insurance_queue", "ORDER-8")
        must(self.task("ORDER-8", "check_insurance")["attempt"] == 2, "it was not put back")
        self.send(task_event("TaskFailed", "ORDER-8", "REGISTER", "check_insurance",
                             reason="the insurer does not answer"))
        instance = self.find("ORDER-8")
        failed = next(e for e in self.server.cli("events", instance) if e["event"] == "TaskFailed")
        shown = self.server.get(f"/v1/instances/{instance}?at={failed['seq']}")
        task = task_of(shown, "check_insurance")  # by now it may be tried again
        must(task["status"] == "RETRYING", f"it is {task['status']}")
        must("does not answer" in json.dumps(task), f"the reason is lost: {task}")
        until("it is tried again", lambda: self.task("ORDER-8", "check_insurance")["status"] ==
              "SCHEDULED")
        must(self.take("insurance_queue", "ORDER-8")["attempt"] == 3, "not the third attempt")

    def starts_once(self):
        before = self.server.show(self.find("ORDER-8"))
        self.send(start_event("ORDER-8", ward="other"))
        must(self.server.show(self.find("ORDER-8"))["stages"] == before["stages"], "it was reset")
        self.expect_record(before["instance"], "StartWorkflow", "duplicate")

    def expect_record(self, instance, event, verdict):
        events = self.server.cli("events", instance)
        last = events[-1]
        must((last["event"], last["verdict"]) == (event, verdict), f"the last record is {last}")
        return last

    def by_http(self):
        answer = self.server.post("/v1/events", [start_event("ORDER-9"), start_event("ORDER-10")])
        verdicts = [r["verdict"] for r in answer["results"]]
        must(verdicts == ["applied", "applied"], answer)
        alone = self.server.post("/v1/events", task_event("TaskCompleted", "ORDER-9", "REGISTER",
                                                          "check_insurance"))
        must(alone["verdict"] == "applied" and alone["task"] == "check_insurance", alone)

    def late_answers(self):
        self.send(task_event("TaskCompleted", "ORDER-9", "REGISTER", "check_insurance"))
        last = self.server.cli("events", self.find("ORDER-9"))[-1]
        must(last["verdict"] in ("stale", "duplicate"), f"a repeated answer is {last}")
        self.send(task_event("TaskCompleted", "ORDER-9", "WARD", "nurse_round"))
        self.expect_record(self.find("ORDER-9"), "TaskCompleted", "stale")

    def unknown_stage(self):
        self.send(task_event("TaskCompleted", "ORDER-9", "CELLAR", "find_bed"))
        last = self.expect_record(self.find("ORDER-9"), "TaskCompleted", "unknown")
        must("CELLAR" in json.dumps(last), f"the reason does not name it: {last}")
        self.send(task_event("TaskCompleted", "ORDER-9", "WARD", "find_sofa"))
        last = self.expect_record(self.find("ORDER-9"), "TaskCompleted", "unknown")
        must("find_sofa" in json.dumps(last), f"the reason does not name it: {last}")

    def bad_events(self):
        """Each is a record in the feed with a verdict and a reason that names the fault."""
        cases = [
            ({"business_ref_no": "ORDER-9", "component_name": "CARDIOLOGY",
              "event_name": "TaskFinished"}, "invalid", "TaskFinished"),
            ({"component_name": "CARDIOLOGY", "event_name": "StartWorkflow"}, "invalid",
             "business_ref_no"),
            ({"business_ref_no": "ORDER-9", "event_name": "StartWorkflow"}, "invalid",
             "component_name"),
            (dict(task_event("TaskCompleted", "ORDER-9", "WARD", "x"), task_name=None), "invalid",
             "task_name"),
            (start_event("ORDER-9") | {"component_name": "DENTISTRY"}, "unknown", "template"),
            (task_event("TaskCompleted", "ORDER-404", "WARD", "find_bed"), "unknown", "instance"),
            ("{\"event_name\": \"StartWorkflow\", ", "invalid", "JSON"),
        ]
        for event, verdict, word in cases:
            message_id = self.send(event)
            newest = self.server.get("/v1/events?limit=1&newest_first=true")["events"][0]
            must(newest["event_id"] == message_id, f"{event}: the newest record is {newest}")
            must(newest["verdict"] == verdict, f"{event} became {newest}")
            must(word in newest["reason"], f"{word} is missing in {newest}")

    def verify(self):
        must(self.server.cli_one("verify")["ok"], "verify found problems")


def main():
    cases = Cases()
    with Server() as server:
        t = EarlierForm(server)
        check = cases.check
        check("a template in the earlier form is applied under its own names", t.applies)
        check("StartWorkflow in the earlier form starts it, further fields are its input", t.starts)
        check("task messages carry what earlier workers read", t.carries_fields)
        check("answers in the earlier form bring it to its end", t.answers)
        check("TaskPending puts a task back and TaskFailed keeps its reason", t.fails_and_pending)
        check("a second StartWorkflow resets nothing", t.starts_once)
        check("events in the earlier form come by HTTP too, one or many", t.by_http)
        check("late and early answers are stored as such", t.late_answers)
        check("an unknown stage or task is a stored verdict", t.unknown_stage)
        check("events with unknown or missing fields are stored verdicts in the feed", t.bad_events)
        check("verify finds chain and state right", t.verify)
    cases.finish()


main()
