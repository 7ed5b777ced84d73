"""Whole invocations through AWS's own runtime interface emulator."""

import json

from _lambda import (Cases, Emulator, Function, OwnSqs, PROGRAM, Replicas, body_of, failures_of, must,
                     parse, records_event, url_event)

TEMPLATE = {"name": "simple", "stages": [
    {"name": "only", "tasks": [{"name": "work", "queue": "work_queue"}]}]}
START = {"event": "StartWorkflow", "template": "simple", "key": "E-1"}


def over_http(emulator):
    answer = emulator.invoke(url_event("POST", "/v1/templates", TEMPLATE))
    must(answer["statusCode"] == 200 and parse(body_of(answer))["version"] == 1, answer)
    page = emulator.invoke(url_event("GET", "/", key=None))
    must(page["statusCode"] == 200 and "<html" in body_of(page), page)


def messages(emulator):
    answer = emulator.invoke(records_event([("m-1", json.dumps(START)), ("m-2", "rubbish")], "q"))
    must(failures_of(answer) == [], answer)
    again = emulator.invoke(START)
    must(again["verdict"] == "duplicate" and again["status"] == "RUNNING", again)


def ticks(emulator):
    for event in ({"swm": "tick"}, {"source": "aws.events", "detail-type": "Scheduled Event"}):
        must(emulator.invoke(event)["done"] is True, event)


def errors(emulator):
    answer = emulator.invoke({"what": "is this"})
    must(answer["errorType"] == "Swm.Unknown" and "none of the events" in answer["errorMessage"],
         answer)
    must(emulator.invoke(url_event("GET", "/healthz"))["statusCode"] == 200, "it did not live on")


def main():
    cases = Cases()
    with Replicas(1) as replicas, OwnSqs() as sqs:
        env = Function(replicas.uri("emulator"), sqs).env
        with Emulator(PROGRAM, env) as emulator:
            for name, work in (("requests", over_http), ("messages and an event", messages),
                               ("ticks", ticks), ("an unknown event is an error", errors)):
                cases.check(name, work, emulator)
    cases.finish()


main()
