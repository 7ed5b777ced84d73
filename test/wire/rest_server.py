#!/usr/bin/env python3
"""What the page asks about the server itself: a queue and whose tasks it has, limits, who asks."""

import pathlib
import re

from _server import Server, check, equal, run


def much_used_queue():
    """A list names twenty of a queue's tasks, the queue alone all."""
    with Server() as s:
        tasks = "".join(f"      - {{name: t{n:02}, queue: shared_queue}}\n" for n in range(25))
        s.apply(f"name: many\nstages:\n  - name: all\n    tasks:\n{tasks}")
        s.apply("name: also\nstages:\n  - {name: one, tasks: [{name: a, queue: shared_queue}]}\n")
        listed = s.get("/v1/queues?prefix=shared").json["queues"][0]
        alone = s.get("/v1/queues/shared_queue").json
        equal("twenty are listed of all", (len(listed["serves"]), listed["serves_count"]), (20, 26))
        equal("all are shown, by template and in its order",
              [f"{t['template']}.{t['task']}" for t in alone["serves"]],
              ["also.a"] + [f"many.t{n:02}" for n in range(25)])
        s.apply(f"name: many\nstages:\n  - name: all\n    tasks:\n{tasks.replace('t24', 'last')}")
        names = [t["task"] for t in s.get("/v1/queues/shared_queue").json["serves"]]
        check("of the newest version", "last" in names and "t24" not in names, names)


def status():
    with Server() as s:
        shown = s.get("/v1/status").json
        equal("the mode is told", shown["mode"], "one process")
        limits = {l["name"]: l for l in shown["limits"]}
        check("each limit has a name of its own, a number and words",
              len(limits) == len(shown["limits"]) > 20
              and all(l["value"] > 0 and l["what"] for l in shown["limits"]), shown["limits"])
        source = pathlib.Path("src/core/limits.h").read_text(encoding="utf-8")
        length = int(re.search(r"define NAME_BYTES_MAX (\d+)", source)[1])
        equal("its number is the one in force", limits["name_bytes"]["value"], length)
        name = lambda n: f"name: {'n' * n}\nstages: [{{name: s, tasks: [{{name: t, queue: q}}]}}]\n"
        equal("which is taken, and no more", (s.apply(name(length)).status, s.apply(name(length + 1)).status),
              (200, 400))


def who():
    about = lambda shown: (shown.json["role"], shown.json["actor"], shown.json["keys"])
    with Server() as s:
        equal("without keys everybody is an admin, known by his address", about(s.get("/v1")),
              ("admin", "127.0.0.1", False))
        admin = s.post("/v1/keys", {"role": "admin", "name": "ada"}).json
        ask = lambda key: about(s.get("/v1", Authorization=f"Bearer {key}"))
        equal("a key has a role and a name", ask(admin["key"]), ("admin", "key:ada", True))
        bearer = {"Authorization": f"Bearer {admin['key']}"}
        for role in ("viewer", "worker", "operator", "author"):
            made = s.request("POST", "/v1/keys", {"role": role}, bearer).json
            equal(f"a key of role {role} without a name goes by its id", ask(made["key"]),
                  (role, f"key:{made['id']}", True))
        equal("without one nothing is told", s.get("/v1").code, "unauthorized")
    with Server(environment={"SWM_ADMIN_KEY": "of-the-deployment"}) as s:
        equal("the deployment's key goes by its variable",
              about(s.get("/v1", Authorization="Bearer of-the-deployment")),
              ("admin", "key:SWM_ADMIN_KEY", True))


run(much_used_queue, status, who)
