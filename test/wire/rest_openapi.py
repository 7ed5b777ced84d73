#!/usr/bin/env python3
"""docs/openapi.json against the server: the same addresses, examples that fit their schemas, and
answers that fit them too."""

import json
import re

from _server import FOOD, Server, check, equal, run

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
         "boolean": bool, "null": type(None)}


def resolve(document, schema):
    while "$ref" in schema:
        place = document
        for piece in schema["$ref"].removeprefix("#/").split("/"):
            place = place[piece]
        schema = place
    return schema


def is_type(value, name):
    if isinstance(value, bool) and name in ("integer", "number"):
        return False
    return isinstance(value, TYPES[name])


def faults(document, schema, value, where="$"):
    """What of the value does not fit the schema: the keywords that the document uses."""
    schema = resolve(document, schema)
    known = {"type", "enum", "const", "required", "properties", "items", "anyOf", "minimum", "maximum",
             "description", "format"}
    found = [f"{where}: unknown keyword {k}" for k in schema if k not in known]
    kinds = schema.get("type")
    if kinds and not any(is_type(value, k) for k in ([kinds] if isinstance(kinds, str) else kinds)):
        return found + [f"{where}: {value!r} is no {kinds}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{where}: {value!r} is not {schema['const']!r}")
    if "anyOf" in schema and all(faults(document, s, value) for s in schema["anyOf"]):
        found.append(f"{where}: fits none of anyOf")
    if isinstance(value, dict):
        found += [f"{where}: {n} is missing" for n in schema.get("required", []) if n not in value]
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                found += faults(document, inner, value[name], f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for n, item in enumerate(value):
            found += faults(document, schema["items"], item, f"{where}[{n}]")
    if isinstance(value, int) and not isinstance(value, bool):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            found.append(f"{where}: {value} is out of range")
    return found


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def contents(document, operation):
    if "requestBody" in operation:
        yield "request", operation["requestBody"]["content"]
    for status, response in operation["responses"].items():
        yield status, resolve(document, response)["content"]


def addresses():
    with Server() as s:
        document = s.get("/v1/openapi.json").json
        routes = {(r["method"], r["path"]): r for r in s.get("/v1").json["routes"]}
        documented = {(m, p): o for m, p, o in operations(document)}
        equal("each address is documented", sorted(set(routes) - set(documented)), [])
        equal("each documented address is there", sorted(set(documented) - set(routes)), [])
        for key, operation in documented.items():
            route = routes[key]
            equal(f"{key[0]} {key[1]} has one summary and role",
                  (operation["summary"], operation["x-role"]), (route["summary"], route["role"]))
            want = {"401", "403"} if route["role"] != "anybody" else set()
            equal(f"{key[0]} {key[1]} says who may ask",
                  (set(operation["responses"]) & {"401", "403"}, operation.get("security")),
                  (want, None if want else []))
            names = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]
            equal(f"{key[0]} {key[1]} documents its pieces", sorted(names),
                  sorted(re.findall(r"\{(\w+)\}", key[1])))
        ids = [o["operationId"] for o in documented.values()]
        equal("operation ids are unique", len(set(ids)), len(ids))
        with open("docs/openapi.json", encoding="utf-8") as file:
            equal("the document served is the one in docs", json.load(file), document)


def examples():
    with open("docs/openapi.json", encoding="utf-8") as file:
        document = json.load(file)
    for method, path, operation in operations(document):
        for what, content in contents(document, operation):
            for kind, media in content.items():
                if "example" in media:
                    equal(f"example {what} of {method} {path} ({kind}) fits",
                          faults(document, media["schema"], media["example"]), [])


def fits(document, method, path, reply):
    operation = document["paths"][path][method.lower()]
    response = operation["responses"].get(str(reply.status))
    if not check(f"{method} {path} may answer {reply.status}", response, reply):
        return
    content = resolve(document, response)["content"]
    kind = reply.headers["Content-Type"].split(";")[0]
    if not check(f"{method} {path} may answer {kind}", kind in content, list(content)):
        return
    if kind == "application/json":
        equal(f"{method} {path} answers {reply.status} as documented",
              faults(document, content[kind]["schema"], reply.json), [])


def answers():
    with Server() as s:
        document = s.get("/v1/openapi.json").json

        def see(method, path, body=None, headers=None, **pieces):
            target = path
            for name, value in pieces.items():
                target = target.replace("{" + name + "}", value)
            reply = s.request(method, target, body, headers)
            fits(document, method, path, reply)
            return reply

        yaml = {"Content-Type": "application/yaml"}
        see("POST", "/v1/templates", FOOD, yaml)
        see("POST", "/v1/templates", "name: [", yaml)
        see("POST", "/v1/templates/validate", FOOD, yaml)
        see("POST", "/v1/templates/validate", FOOD.replace("cook_queue", "other_queue"), yaml)
        see("GET", "/v1/templates")
        for graph in ("graph.svg", "graph.json", "graph.dot", "graph.mermaid"):
            see("GET", "/v1/templates/{name}/{graph}", name="food", graph=graph)
        see("GET", "/v1/templates/{name}", name="food")
        see("GET", "/v1/templates/{name}", name="none")
        see("GET", "/v1/templates/{name}/versions/{version}", name="food", version="1")
        order = {"template": "food", "input": {"order": "O-1"}}
        instance = see("POST", "/v1/instances", order).json["instance"]
        see("POST", "/v1/instances", {"template": "none"})
        see("POST", "/v1/instances", {})
        see("GET", "/v1/instances")
        see("GET", "/v1/instances/{id}", id="none")
        see("GET", "/v1/instances/{id}/explain", id=instance)
        see("GET", "/v1/instances/{id}/graph.svg", id=instance)
        see("GET", "/v1/queues")
        see("GET", "/v1/queues/{queue}", queue="confirm_queue")
        see("GET", "/v1/queues/{queue}", queue="none")
        see("GET", "/v1/queues/{queue}/peek", queue="confirm_queue")
        message = see("POST", "/v1/queues/{queue}/receive", {"wait_seconds": 5},
                      queue="confirm_queue").json["messages"][0]
        for answer in ("start", "heartbeat", "complete", "fail", "pending"):
            see("POST", f"/v1/tasks/{answer}", {"token": message["token"]})
        see("POST", "/v1/tasks/complete", {"token": "forged"})
        see("POST", "/v1/instances/{id}/replay", {"task": "confirm"}, id=instance)
        for control in ("pause", "resume", "cancel"):
            see("POST", f"/v1/instances/{{id}}/{control}", {}, id=instance)
        see("POST", "/v1/instances/{id}/pause", {}, id=instance)
        see("GET", "/v1/instances/{id}", id=instance)
        see("GET", "/v1/instances/{id}/events", id=instance)
        see("POST", "/v1/events", [order, {"event": "Dance"}])
        for path in ("/v1/events", "/v1/tasks", "/v1/stats", "/v1/status", "/v1/verify", "/v1", "/metrics",
                     "/healthz", "/readyz", "/v1/template.schema.json", "/v1/openapi.json"):
            see("GET", path)
        key = see("POST", "/v1/keys", {"role": "admin", "expires": "1h"}).json
        see("GET", "/v1/keys")
        admin = {"Authorization": f"Bearer {key['key']}"}
        worker = see("POST", "/v1/keys", {"role": "worker", "name": "w"}, admin).json
        see("POST", "/v1/keys", {"role": "worker", "name": "w"}, admin)
        see("POST", "/v1/keys", {"role": "king"}, admin)
        see("GET", "/v1/keys", None, {"Authorization": f"Bearer {worker['key']}"})
        see("DELETE", "/v1/keys/{id}", None, admin, id=worker["id"])
        see("DELETE", "/v1/keys/{id}", None, admin, id="none")
        see("GET", "/v1/keys", None, admin)
        see("POST", "/v1/backup", {"file": "a.db"}, admin)
        see("POST", "/v1/backup", {"file": "/a.db"}, admin)


run(addresses, examples, answers)
