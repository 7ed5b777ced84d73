"""Each kind of invocation, one at a time: what comes in, what is answered, what is stored."""

import base64
import json
import re
import urllib.parse

import pymongo

from _lambda import (Cases, Function, FunctionError, KEY, OwnSqs, ROOT, Replicas, body_of,
                     failures_of, must, parse, records_event, url_event)

FOOD = (ROOT / "examples" / "food-order.yaml").read_text()
INPUT = {"items": ["Margherita"], "address": "12 Lake Road"}
BIG = "x" * 250_000  # a task's output just under its limit


def start_event(key, **more):
    return {"event": "StartWorkflow", "template": "food-order", "key": key,
            "input": {"order_id": key, **INPUT}, **more}


def fails(function, event, kind, word):
    try:
        answer = function.invoke(event)
    except FunctionError as error:
        must(error.type == kind and word in error.message, str(error))
        return
    raise AssertionError(f"it was answered: {answer}")


# --- over HTTP ------------------------------------------------------------------------------------


def without_keys(function):
    """The function can be reached by everybody: without a key only health is told."""
    for path in ("/healthz", "/readyz"):
        must(function.ask("GET", path, key=None)[0] == 200, path)
    for method, path in (("GET", "/"), ("GET", "/app.js"), ("GET", "/v1"), ("POST", "/v1/events"),
                         ("GET", "/metrics"), ("GET", "/nothing")):
        status, answer = function.ask(method, path, {} if method == "POST" else None, key=None)
        must(status == 403 and "SWM_ADMIN_KEY" in answer["error"]["message"], (path, answer))
    status, answer = function.ask("POST", "/", {"QueueName": "q"}, key=None, headers={
        "x-amz-target": "AmazonSQS.CreateQueue", "content-type": "application/x-amz-json-1.0"})
    must(status == 403 and "SWM_ADMIN_KEY" in answer["message"], answer)


def with_keys(function):
    must(function.ask("GET", "/v1", key=None)[0] == 401, "no key was asked for")
    must(function.ask("GET", "/v1", key="another-key-entirely")[0] == 401, "any key will do")
    must(function.get("/v1")["service"] == "swm", "the key does not open")
    made = function.post("/v1/keys", {"role": "viewer", "name": "a viewer"})
    must(function.ask("GET", "/v1/instances", key=made["key"])[0] == 200, "a made key")
    must(function.ask("POST", "/v1/events", start_event("V"), key=made["key"])[0] == 403,
         "a viewer started an order")


def page(function):
    answer = function.invoke(url_event("GET", "/", key=None))
    must(answer["statusCode"] == 200 and "<html" in body_of(answer), answer)
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    must(headers["content-type"].startswith("text/html"), headers)
    must("frame-ancestors" in headers["content-security-policy"], headers)
    known = function.invoke(url_event("GET", "/", headers={"if-none-match": headers["etag"]}))
    must(known["statusCode"] == 304 and not known["body"], known)
    head = function.invoke(url_event("HEAD", "/"))
    must(head["statusCode"] == 200 and head["body"] == "", head)


def template(function):
    """A body in base64, as API Gateway sends what it takes for binary."""
    status, answer = function.ask("POST", "/v1/templates?file=food-order.yaml", FOOD.encode(),
                                  headers={"content-type": "application/yaml"})
    must(status == 200 and answer["version"] == 1 and answer["created"], answer)


def queries(function):
    function.post("/v1/events", start_event("A & B/ü"))
    found = function.get("/v1/instances?key=A%20%26%20B%2F%C3%BC")["instances"]
    must([i["key"] for i in found] == ["A & B/ü"], found)
    by_key = function.get("/v1/instances/food-order%2FA%20%26%20B%2F%C3%BC")
    must(by_key["key"] == "A & B/ü", by_key)
    must(function.ask("GET", "/v1/instances?nothing=1")[0] == 400, "a query that is not known")
    must(function.get("/v1/status")["mode"] == "serverless", "what it is")


def rest_event(method, path, body=None, stage="prod", query=None, proxy=None, headers=None):
    many = {"Host": ["x.execute-api.test"], "Authorization": [f"Bearer {KEY}"],
            "X-Forwarded-Proto": ["https"], **(headers or {})}
    if body is not None:
        many["Content-Type"] = ["application/json"]
    return {"resource": "/{proxy+}", "path": path, "httpMethod": method,
            "headers": {k: v[-1] for k, v in many.items()}, "multiValueHeaders": many,
            "queryStringParameters": {k: v[-1] for k, v in (query or {}).items()} or None,
            "multiValueQueryStringParameters": query,
            "pathParameters": {"proxy": proxy} if proxy else None,
            "requestContext": {"stage": stage, "path": f"/{stage}{path}",
                               "domainName": "x.execute-api.test",
                               "identity": {"sourceIp": "192.0.2.8"}},
            "body": None if body is None else json.dumps(body), "isBase64Encoded": False}


def rest_api(function):
    """API Gateway's payload 1.0: several values of a header, decoded queries, a base path."""
    answer = function.invoke(rest_event("POST", "/v1/events", start_event("R & 1")))
    must(answer["statusCode"] == 200 and parse(answer["body"])["verdict"] == "applied", answer)
    must(answer["multiValueHeaders"]["Content-Type"] == ["application/json"], answer)
    found = parse(function.invoke(rest_event("GET", "/v1/instances",
                                             query={"key": ["R & 1"], "limit": ["5"]}))["body"])
    must([i["key"] for i in found["instances"]] == ["R & 1"], found)
    for path, proxy in (("/orders/v1/stats", "v1/stats"), ("/a/b/v1/stats", "v1/stats"),
                        ("/prod/v1/stats", None)):
        answer = function.invoke(rest_event("GET", path, proxy=proxy))
        must(answer["statusCode"] == 200 and "instances" in parse(answer["body"]), (path, answer))


def http_api(function):
    """Payload 2.0 with a stage before the address."""
    event = url_event("GET", "/dev/v1/stats")
    event["requestContext"]["stage"] = "dev"
    event["cookies"] = ["a=1", "b=2"]
    must(function.invoke(event)["statusCode"] == 200, "the stage was not cut off")
    event["rawPath"] = "/development/v1/stats"
    must(function.invoke(event)["statusCode"] == 404, "more than the stage was cut off")


def below_a_stage(function):
    """The page, what it loads and what it asks, below what API Gateway puts before them."""
    def by_http_api(path, headers):
        event = url_event("GET", path, headers=headers)
        event["requestContext"]["stage"] = "prod"
        return event

    def by_rest_api(path, headers):
        inner = path.partition("?")[0].removeprefix("/prod")
        event = rest_event("GET", inner or "/", proxy=inner[1:] or None,
                           headers={k: [v] for k, v in headers.items()})
        event["resource"] = "/{proxy+}" if inner[1:] else "/"
        event["requestContext"]["path"] = "/prod" + inner
        return event

    for make in (by_http_api, by_rest_api):
        def get(path, **headers):
            answer = function.invoke(make(path, headers))
            many = answer.get("multiValueHeaders") or {k: [v] for k, v in answer["headers"].items()}
            return answer, {name.lower(): values[-1] for name, values in many.items()}

        moved, headers = get("/prod")
        must(moved["statusCode"] == 302, moved)
        root = urllib.parse.urljoin("https://x.test/prod", headers["location"])
        must(root == "https://x.test/prod/", root)
        index, headers = get("/prod/")
        must(index["statusCode"] == 200 and headers["content-type"].startswith("text/html"), index)
        loaded = re.findall(r'(?:href|src)="([^"]+)"', body_of(index))
        must(len(loaded) > 3, loaded)
        for relative in loaded + ["v1/stats", "v1/openapi.json"]:
            path = urllib.parse.urlsplit(urllib.parse.urljoin(root, relative)).path
            must(path.startswith("/prod/"), path)
            answer, headers = get(path)
            must(answer["statusCode"] == 200, (path, answer["statusCode"]))
            must(not headers["content-type"].startswith("text/html"), (path, headers))
        feed, headers = get("/prod/v1/events", accept="text/event-stream")
        must(headers["content-type"] == "text/event-stream" and "id: " in feed["body"], feed)


def alb_event(method, path, many, host="lb-1.eu-central-1.elb.amazonaws.com", query=None):
    headers = {"host": host, "authorization": f"Bearer {KEY}",
               "x-forwarded-for": "203.0.113.9, 192.0.2.9", "x-forwarded-proto": "http"}
    event = {"requestContext": {"elb": {"targetGroupArn": "arn:aws:x"}}, "httpMethod": method,
             "path": path, "body": "", "isBase64Encoded": False}
    if many:
        event["multiValueHeaders"] = {k: [v] for k, v in headers.items()}
        event["multiValueQueryStringParameters"] = {k: [v] for k, v in (query or {}).items()}
    else:
        event["headers"], event["queryStringParameters"] = headers, query or {}
    return event


def load_balancer(function):
    for many in (True, False):
        answer = function.invoke(alb_event("GET", "/v1/instances", many, query={
            "key": "R%20%26%201"}))
        found = parse(answer["body"])["instances"]
        must([i["key"] for i in found] == ["R & 1"], found)
        must(("multiValueHeaders" in answer) == many and ("headers" in answer) != many, answer)


def hosts(function):
    """Whoever calls a load balancer chooses the Host header; API Gateway's own name is known."""
    must(function.invoke(alb_event("GET", "/v1", True, host="evil.test"))["statusCode"] == 421,
         "a strange host was let in by the load balancer")
    must(function.invoke(alb_event("GET", "/v1", True, host="orders.test"))["statusCode"] == 200,
         "a name of SWM_HOST was refused")
    must(function.ask("GET", "/v1", headers={"host": "evil.test"})[0] == 421,
         "a strange host was let in by the function URL")
    for origin, status in (("https://abc.lambda-url.aws.test", 200), ("https://evil.test", 403)):
        got = function.ask("POST", "/v1/events", start_event("O"), headers={"origin": origin})
        must(got[0] == status, f"{origin}: {got}")


def answers_too_large(function):
    """More than AWS allows is a clear error, and the function lives on."""
    tasks = "\n".join(f"      - {{name: t{n}, queue: big_queue}}" for n in range(30))
    source = f"name: big\nstages:\n  - name: only\n    tasks:\n{tasks}\n"
    status, _ = function.ask("POST", "/v1/templates", source,
                             headers={"content-type": "application/yaml"})
    must(status == 200, "the template")
    made = function.post("/v1/instances", {"template": "big"})["instance"]
    for first in range(0, 30, 10):
        results = function.invoke([{"event": "TaskCompleted", "instance": made, "task": f"t{n}",
                                    "output": BIG} for n in range(first, first + 10)])["results"]
        must([r["verdict"] for r in results] == 10 * ["applied"], results)
    status, answer = function.ask("GET", f"/v1/instances/{made}")
    must(status == 413 and "6 MB" in answer["error"]["message"], (status, str(answer)[:300]))
    found = function.get("/v1/instances?template=big")["instances"]
    must([i["status"] for i in found] == ["COMPLETED"], found)


def answers_not_taken(function):
    """AWS itself refuses what is too large for it."""
    sandbox = function.idle[0]
    sandbox.answer_bytes_max = 100
    fails(function, url_event("GET", "/v1"), "Swm.TooLarge", "did not take")
    sandbox.answer_bytes_max = 10_000_000
    must(function.ask("GET", "/healthz")[0] == 200, "the function did not live on")


def stream(function):
    """An event stream says what there is, then ends; its reader goes on from the last id."""
    wanted = {"accept": "text/event-stream"}
    first = read_stream(function, wanted)
    must(first["retry"] and first["id"] and not first["data"], first)
    function.post("/v1/events", start_event("S-1"))
    seen, ident = [], first["id"]
    for _ in range(20):  # the end of the feed is a moment behind
        more = read_stream(function, {**wanted, "last-event-id": ident})
        seen += [(d["instance"], d["seq"]) for d in more["data"]]
        ident = more["id"]
        if seen:
            break
    must(len(seen) == 1, f"the stream said {seen}")
    all_of_it = read_stream(function, {**wanted, "last-event-id": "0"})["data"]
    must(len(all_of_it) > 10, f"there are only {len(all_of_it)} events")


def read_stream(function, headers):
    answer = function.invoke(url_event("GET", "/v1/events", headers=headers))
    must(answer["statusCode"] == 200, answer)
    said = {"retry": None, "id": None, "data": []}
    for line in answer["body"].splitlines():
        name, _, value = line.partition(": ")
        if name == "data":
            said["data"].append(json.loads(value))
        elif name in said:
            said[name] = value
    return said


def long_polls(function):
    """They end before the invocation does."""
    status, answer = function.ask("POST", "/v1/instances", {
        "template": "food-order", "key": "W", "wait_seconds": 60, "input": {"order_id": "W", **INPUT}})
    must(status == 200 and answer["status"] == "RUNNING", answer)
    status, answer = function.ask("POST", "/v1/queues/make_food_queue/receive",
                                  {"wait_seconds": 20})
    must(status == 200 and answer["messages"] == [], answer)


# --- events ---------------------------------------------------------------------------------------


def direct(function):
    applied = function.invoke(start_event("D-1"))
    must(applied["verdict"] == "applied" and applied["instance"], applied)
    both = function.invoke([start_event("D-2"), {"event": "Nonsense"}])["results"]
    must([r["verdict"] for r in both] == ["applied", "invalid"], both)
    cloud = function.invoke({"specversion": "1.0", "id": "1", "source": "/test",
                             "type": "swm.StartWorkflow",
                             "data": {"template": "food-order", "key": "D-3",
                                      "input": {"order_id": "D-3", **INPUT}}})
    must(cloud["verdict"] == "applied", cloud)
    events = function.get(f"/v1/instances/{applied['instance']}/events")["events"]
    must(events[0]["source"] == "lambda" and events[0]["actor"] == "lambda", events[0])


def direct_again(function):
    """AWS repeats an asynchronous invocation under the same id."""
    first = function.invoke(start_event("D-9"), ident="the-same")
    again = function.invoke(start_event("D-9"), ident="the-same")
    must(first["verdict"] == "applied" and again["verdict"] == "duplicate", (first, again))


def malformed(function):
    fails(function, b"{]", "Swm.Invalid", "not JSON")
    fails(function, {"Records": [{"eventSource": "aws:s3"}]}, "Swm.Unknown", "none of the events")
    fails(function, {}, "Swm.Unknown", "none of the events")
    fails(function, b"42", "Swm.Unknown", "none of the events")
    event = url_event("POST", "/v1/events", b"x")
    event["body"] = "no base64!"
    fails(function, event, "Swm.Invalid", "base64")
    event["requestContext"]["http"] = {}
    fails(function, event, "Swm.Invalid", "method")
    event = url_event("GET", "/v1", headers={f"x-{n}": "1" for n in range(300)})
    fails(function, event, "Swm.Invalid", "too long")
    fails(function, b'"' + 9_000_000 * b"x" + b'"', "Swm.Invalid", "8 MiB")
    must(function.ask("GET", "/healthz")[0] == 200, "the function did not live on")


def records(function):
    """Poison gets its verdict and is not failed; a body may be an object; the earlier form."""
    answer = function.invoke(records_event(
        [("m-1", json.dumps(start_event("Q-1"))), ("m-2", "rubbish"), ("m-3", start_event("Q-2")),
         ("m-4", json.dumps([start_event("Q-3"), start_event("Q-4")])), ("m-5", "")], "events"))
    must(failures_of(answer) == [], answer)
    feed = function.get("/v1/events?newest_first=true&limit=100")["events"]
    bad = [e for e in feed if e["verdict"] == "invalid" and e["event_id"] in ("m-2", "m-5")]
    must(len(bad) == 2, f"of the rubbish is told: {bad}")
    for key in ("Q-1", "Q-2", "Q-3", "Q-4"):
        must(len(function.get(f"/v1/instances?key={key}")["instances"]) == 1, key)
    again = function.invoke(records_event([("m-1", json.dumps(start_event("Q-1")))], "events"))
    must(failures_of(again) == [], again)
    told = function.get("/v1/instances/food-order%2FQ-1/events")["events"]
    must([e["verdict"] for e in told] == ["applied", "duplicate"], told)


def earlier_form(function):
    earlier = {"workflow_name": "Admit", "component_name": "CARDIOLOGY", "stages": [
        {"stage_name": "REGISTER", "stage_order": 1, "tasks": [
            {"task_name": "check", "task_queue": "insurance_queue", "task_type": "SERVICE"}]}]}
    must(function.ask("POST", "/v1/templates", earlier)[0] == 200, "the template")
    start = {"business_ref_no": "P-7", "component_name": "CARDIOLOGY",
             "event_name": "StartWorkflow"}
    done = {**start, "event_name": "TaskCompleted", "stage_name": "REGISTER", "task_name": "check",
            "task_type": "SERVICE"}
    for record in ({"messageId": "e-1", "body": start},
                   {"messageId": "e-2", "body": json.dumps(done)}):
        answer = function.invoke({"Records": [record]})
        must(failures_of(answer) == [], answer)
    shown = function.get("/v1/instances?key=P-7")["instances"]
    must([i["status"] for i in shown] == ["COMPLETED"], shown)


def fifo(function):
    """A group is taken in its order, others beside it."""
    made = {k: function.invoke(start_event(k))["instance"] for k in ("F-1", "F-2")}
    messages = []
    for n, event in enumerate(("PauseWorkflow", "ResumeWorkflow", "PauseWorkflow", "CancelWorkflow")):
        messages += [(f"{key}-{n}", json.dumps({"event": event, "instance": made[key]}),
                      {"Attributes": {"MessageGroupId": key}}) for key in made]
    answer = function.invoke(records_event(messages, "events.fifo"))
    must(failures_of(answer) == [], answer)
    for instance in made.values():
        told = function.get(f"/v1/instances/{instance}/events")["events"]
        must([e["verdict"] for e in told] == 5 * ["applied"], told)


def wakes(function):
    """A reminder is an event; where nothing is due, nothing is recorded."""
    made = function.invoke(start_event("X-1"))["instance"]
    before = function.get(f"/v1/instances/{made}/events")["events"]
    told = function.invoke([{"event": "Wake", "instance": made},
                            {"event": "Wake", "instance": "00000000000000000000"}])["results"]
    must([r["verdict"] for r in told] == ["applied", "unknown"], told)
    must(function.get(f"/v1/instances/{made}/events")["events"] == before, "it was recorded")


def ends(function):
    """Without a runtime API it ends; the build with sanitizers then says what it has lost."""
    sandbox = function.idle[0]
    code = sandbox.end()
    must(code == 1 and "runtime API" in sandbox.output(), f"{code}: {sandbox.output()[-600:]}")
    must("Sanitizer" not in sandbox.output(), sandbox.output()[-3000:])


def nodes(function, database):
    """Whoever has left is no node any more."""
    function.rest()
    must(list(database.nodes.find()) == [], list(database.nodes.find()))


def main():
    cases = Cases()
    with Replicas(1) as replicas, OwnSqs() as sqs:
        uri = replicas.uri("invocations")
        with Function(replicas.uri("open"), sqs, env={"SWM_ADMIN_KEY": None}) as shut:
            cases.check("without keys only health is told", without_keys, shut)
        with Function(uri, sqs, env={"SWM_HOST": "swm.test,orders.test"}, timeout_s=4) as function:
            for name, work in (
                    ("a key opens the rest", with_keys), ("the page", page),
                    ("a template in base64", template), ("addresses and queries", queries),
                    ("API Gateway, payload 1.0", rest_api), ("API Gateway, payload 2.0", http_api),
                    ("the page below a stage", below_a_stage),
                    ("a load balancer", load_balancer), ("hosts and origins", hosts),
                    ("events of whoever may invoke", direct),
                    ("the same invocation again", direct_again), ("malformed events", malformed),
                    ("messages of a queue", records), ("the earlier form", earlier_form),
                    ("a FIFO queue", fifo), ("reminders", wakes), ("event streams", stream),
                    ("long polls", long_polls), ("answers that are too large", answers_too_large),
                    ("answers that are not taken", answers_not_taken)):
                cases.check(name, work, function)
            must(function.made == 1, f"{function.made} sandboxes were needed")
            cases.check("nobody stays among the nodes", nodes, function,
                        pymongo.MongoClient(uri).invocations)
            cases.check("verify finds everything right", lambda: must(
                function.get("/v1/verify")["ok"], "it does not"))
            cases.check("it ends when there is nothing more to come", ends, function)
    cases.finish()


main()
