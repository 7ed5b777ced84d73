#!/usr/bin/env python3
"""Access keys: what each role may do at each address, what becomes of a key, who is in the records,
and that no secret is anywhere but in the answer that shows it once."""

import glob
import json
import os
import re
import subprocess
import tempfile

from _server import FOOD, PATIENCE_S, PROGRAM, Server, check, equal, poll, run

ADMIN = "correct-horse-battery-staple"
ROLES = ["viewer", "worker", "operator", "author", "admin"]
HUMAN = """
name: approval
stages:
  - name: only
    tasks:
      - {name: approve, human: {assignee: boss}}
"""


def bearer(key, **more):
    return {"Authorization": f"Bearer {key}", **more} if key else dict(more)


class Guarded(Server):
    """A server that is started with an admin key, and one key of each role."""

    def __init__(self, *options, **rest):
        super().__init__(*options, environment={"SWM_ADMIN_KEY": ADMIN}, **rest)
        self.made = {role: self.make(role, f"the {role}") for role in ROLES}
        self.keys = {role: made["key"] for role, made in self.made.items()}

    def ask(self, key, method, path, body=None, **headers):
        return self.request(method, path, body, bearer(key, **headers))

    def make(self, role, name=None, **more):
        body = {"role": role, **({"name": name} if name else {}), **more}
        return self.ask(ADMIN, "POST", "/v1/keys", body).json


def call(*arguments, **environment):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=PATIENCE_S,
                          env={**os.environ, **environment}, check=False)
    return done.returncode, done.stdout, done.stderr


def first_key():
    with Server() as s:
        equal("without keys a server on loopback is open", s.get("/v1/stats").status, 200)
        reply = s.post("/v1/keys", {"role": "viewer"})
        equal("the first key must be an admin's", (reply.status, reply.code), (409, "refused"))
        made = s.post("/v1/keys", {"role": "admin", "name": "ada"}).json
        check("a key is made", re.fullmatch(r"swm_[0-9a-z]{20}_[a-z2-7]{52}", made["key"]), made)
        reply = s.get("/v1/stats")
        equal("from then on every request needs one",
              (reply.status, reply.code, reply.headers["WWW-Authenticate"]),
              (401, "unauthorized", 'Bearer realm="swm"'))
        equal("with it all is as before", s.get("/v1/stats", **bearer(made["key"])).status, 200)
        for path in ("/healthz", "/readyz", "/", "/favicon.svg"):
            equal(f"{path} asks for none", s.get(path).status, 200)
        equal("what there is is told to nobody else", s.get("/v1/nothing").status, 401)


def routes():
    with Guarded() as s:
        for row in s.ask(ADMIN, "GET", "/v1").json["routes"]:
            method, path, role = row["method"], row["path"], row["role"]
            target = re.sub(r"\{\w+\}", "none", path)
            name = f"{method} {path}"
            if role == "anybody":
                equal(f"{name} is for anybody", s.request(method, target).status, 200)
                continue
            body = {} if method == "POST" else None
            for key in (None, "wrong", ADMIN[:-1]):
                reply = s.ask(key, method, target, body)
                equal(f"{name} with {key and 'a wrong' or 'no'} key", (reply.status, reply.code),
                      (401, "unauthorized"))
            have = {r: s.ask(s.keys[r], method, target, body) for r in ROLES}
            want = {r: ROLES.index(r) >= ROLES.index(role) for r in ROLES}
            equal(f"{name} is for {role} and those above",
                  {r: reply.status != 403 and reply.status != 401 for r, reply in have.items()}, want)
            equal(f"{name} says forbidden to the others",
                  {reply.code for r, reply in have.items() if not want[r]} - {"forbidden"}, set())


def kinds():
    with Guarded() as s:
        worker, operator = s.keys["worker"], s.keys["operator"]
        s.ask(s.keys["author"], "POST", "/v1/templates", FOOD, **{"Content-Type": "application/yaml"})
        start = {"event": "StartWorkflow", "template": "food", "key": "K", "input": {"order": "K"}}
        done = {"event": "TaskCompleted", "token": "forged"}
        reply = s.ask(worker, "POST", "/v1/events", start)
        equal("a worker starts nothing", (reply.status, reply.code), (403, "forbidden"))
        reply = s.ask(worker, "POST", "/v1/events", [done, start])
        equal("nor among others", reply.status, 403)
        reply = s.ask(worker, "POST", "/v1/queues/swm-events/send", {"body": start})
        equal("nor by a message", (reply.status, reply.code), (403, "forbidden"))
        equal("nothing of that arrived", s.ask(operator, "GET", "/v1/instances").json["instances"], [])
        reply = s.ask(worker, "POST", "/v1/events", done)
        check("but it answers tasks", reply.json["verdict"] == "invalid" and "token" in reply.json["reason"],
              reply)
        equal("and what is no event is told so",
              s.ask(worker, "POST", "/v1/events", {"event": "Dance"}).json["verdict"], "invalid")
        for kind in ("PauseWorkflow", "CancelWorkflow", "ReplayTask"):
            event = {"event": kind, "instance": "I", "task": "t"}
            equal(f"{kind} is an operator's",
                  (s.ask(worker, "POST", "/v1/events", event).status,
                   s.ask(operator, "POST", "/v1/events", event).status), (403, 404))


def people():
    with Guarded() as s:
        s.ask(s.keys["author"], "POST", "/v1/templates", HUMAN, **{"Content-Type": "application/yaml"})
        started = s.ask(s.keys["operator"], "POST", "/v1/instances", {"template": "approval", "key": "A"})
        instance = started.json["instance"]
        answer = {"instance": instance, "task": "approve", "output": {"ok": True}}
        reply = s.ask(s.keys["worker"], "POST", "/v1/tasks/complete", answer)
        equal("a worker does not answer for people", (reply.status, reply.json["verdict"]),
              (409, "refused"))
        reply = s.ask(s.keys["operator"], "POST", "/v1/tasks/complete", answer,
                      **{"X-SWM-Actor": "alice"})
        equal("an operator does", reply.json["status"], "COMPLETED")
        events = s.ask(s.keys["viewer"], "GET", f"/v1/instances/{instance}/events").json["events"]
        equal("the records say whose key it was, and for whom",
              [e["actor"] for e in events],
              ["key:the operator", "key:the worker", "key:the operator/alice"])


def tokens():
    with Guarded() as s:
        s.ask(s.keys["author"], "POST", "/v1/templates", FOOD, **{"Content-Type": "application/yaml"})
        s.ask(s.keys["operator"], "POST", "/v1/instances",
              {"template": "food", "key": "K", "input": {"order": "K"}})
        got = s.ask(s.keys["worker"], "POST", "/v1/queues/confirm_queue/receive", {"wait_seconds": 5})
        token = got.json["messages"][0]["token"]
        seen = [s.ask(s.keys["viewer"], "GET", path).body.decode() for path in (
            "/v1/instances", "/v1/instances/food%2FK", "/v1/instances/food%2FK/events", "/v1/events",
            "/v1/instances/food%2FK/explain", "/v1/tasks", "/v1/queues", "/v1/stats")]
        check("no viewer sees a token", not any(token in text for text in seen))
        done = s.ask(s.keys["worker"], "POST", "/v1/tasks/complete", {"token": token},
                     **{"X-SWM-Actor": "mallory"})
        equal("the worker's answer counts", done.json["verdict"], "applied")
        events = s.ask(s.keys["viewer"], "GET", "/v1/instances/food%2FK/events").json["events"]
        equal("and is its key's, whatever it says", events[-1]["actor"], "key:the worker")


def lives():
    with Guarded() as s:
        def status(key, **headers):
            return s.request("GET", "/v1/stats", headers=headers or bearer(key)).status

        key = s.make("viewer", "guest")
        equal("a key opens", status(key["key"]), 200)
        equal("the scheme's case does not count", status(None, Authorization="bearer " + key["key"]), 200)
        equal("other schemes are none", status(None, Authorization="Basic eDp4"), 401)
        other = key["key"][:-1] + ("a" if key["key"][-1] != "a" else "q")
        equal("another secret of the same key does not", status(other), 401)
        equal("nor a secret of another key",
              status("swm_" + s.made["admin"]["id"] + key["key"][24:]), 401)
        equal("nor its id", status(key["id"]), 401)
        reply = s.ask(ADMIN, "POST", "/v1/keys", {"role": "viewer", "name": "guest"})
        equal("a name names one key", (reply.status, reply.code), (409, "exists"))
        revoked = s.ask(ADMIN, "DELETE", "/v1/keys/" + key["id"])
        equal("it is revoked", (revoked.status, revoked.json["status"]), (200, "revoked"))
        equal("at once", status(key["key"]), 401)
        equal("and once more changes nothing", s.ask(ADMIN, "DELETE", "/v1/keys/" + key["id"]).json,
              revoked.json)
        equal("what is none can't be", s.ask(ADMIN, "DELETE", "/v1/keys/none").status, 404)
        equal("its name is free", "key" in s.make("viewer", "guest"), True)
        brief = s.make("viewer", expires="1s")
        check("a key expires", poll(lambda: status(brief["key"]) == 401), brief)
        listed = {k["id"]: k["status"] for k in s.ask(ADMIN, "GET", "/v1/keys").json["keys"]}
        equal("the list says how they are",
              (listed[key["id"]], listed[brief["id"]], listed[s.made["admin"]["id"]]),
              ("revoked", "expired", "valid"))
        for body, name in (({}, "no role"), ({"role": "king"}, "an unknown role"),
                           ({"role": "anybody"}, "nobody's role"),
                           ({"role": "viewer", "expires": "1971-01-01T00:00:00Z"}, "a past end"),
                           ({"role": "viewer", "expires": "soon"}, "no time"),
                           ({"role": "viewer", "expires": 5}, "a bare number"),
                           ({"role": "viewer", "name": "a/b"}, "a slash in the name"),
                           ({"role": "viewer", "name": ""}, "an empty name"),
                           ({"role": "viewer", "name": "SWM_ADMIN_KEY"}, "the admin key's name"),
                           ({"role": "viewer", "colour": "red"}, "an unknown member")):
            reply = s.ask(ADMIN, "POST", "/v1/keys", body)
            equal(f"{name} is refused", (reply.status, reply.code), (400, "invalid"))


def records():
    with Guarded() as s:
        made = s.make("worker", "short-lived", expires="30d")
        s.ask(s.keys["admin"], "DELETE", "/v1/keys/" + made["id"], **{"X-SWM-Actor": "ada"})
        feed = s.ask(s.keys["viewer"], "GET", "/v1/events?event=KeyCreated").json["events"]
        equal("each new key is an event", len(feed), len(ROLES) + 1)
        last = feed[-1]
        equal("that says who made what", (last["actor"], last["data"]["key_id"], last["data"]["role"],
                                          last["data"]["name"]),
              ("key:SWM_ADMIN_KEY", made["id"], "worker", "short-lived"))
        feed = s.ask(s.keys["viewer"], "GET", "/v1/events?event=KeyRevoked").json["events"]
        equal("so is its end", [(e["actor"], e["data"]["key_id"]) for e in feed],
              [("key:the admin/ada", made["id"])])
        equal("the chain holds", s.ask(s.keys["operator"], "GET", "/v1/verify").json["ok"], True)
        reply = s.ask(ADMIN, "POST", "/v1/events", {"event": "KeyCreated", "instance": "I"})
        equal("nobody sends such an event", reply.json["verdict"], "invalid")


def secrets():
    folder = tempfile.mkdtemp(prefix="swm-wire-")
    s = Guarded("--log-level", "debug", data=folder)
    wrong = "swm_" + s.made["viewer"]["id"] + "_" + "a" * 52
    s.ask(wrong, "GET", "/v1/stats")
    seen = [s.ask(ADMIN, "GET", path).body.decode() for path in ("/v1/keys", "/v1/events", "/metrics",
                                                                 "/v1")]
    s.stop()
    stored = b"".join(open(name, "rb").read() for name in glob.glob(folder + "/**", recursive=True)
                      if os.path.isfile(name))
    for role, made in s.made.items():
        for member in ("key", "secret_access_key"):
            text = made[member]
            check(f"the {role}'s {member} is not at rest", text.encode() not in stored)
            check(f"nor in the log", text not in s.errors, s.errors)
            check(f"nor in any answer", not any(text in answer for answer in seen))
    check("the admin key is not at rest, nor in the log",
          ADMIN.encode() not in stored and ADMIN not in s.errors)
    check("a wrong key is not in the log", wrong not in s.errors, s.errors)
    check("hashes are not shown", "hash" not in json.loads(seen[0])["keys"][0], seen[0])
    with Server(data=folder) as again:
        equal("a key outlives a restart",
              again.get("/v1/stats", **bearer(s.keys["viewer"])).status, 200)
        equal("and closes the door", again.get("/v1/stats").status, 401)


def streams():
    with Guarded() as s:
        accept = {"Accept": "text/event-stream"}
        equal("a stream needs a key", s.request("GET", "/v1/events", headers=accept).status, 401)
        head = ("GET /v1/events?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
                f"Authorization: Bearer {s.keys['viewer']}\r\n\r\n")
        with s.connect() as c:
            c.sendall(head.encode())
            data = b""
            while b"KeyCreated" not in data:
                piece = c.recv(65536)
                if not piece:
                    break
                data += piece
            check("with one it comes", b"200 OK" in data and b"KeyCreated" in data, data)


def listening():
    with tempfile.TemporaryDirectory() as folder:
        code, _, errors = call("serve", "--listen", "0.0.0.0:0", "--data", folder)
        check("an open server is refused beyond loopback",
              code == 1 and "swm key create" in errors and "SWM_ADMIN_KEY" in errors, (code, errors))
        for short in ("short", "with a blank in it, but long"):
            code, _, errors = call("serve", "--data", folder, SWM_ADMIN_KEY=short)
            check(f"an admin key such as {short!r} is refused", code == 2 and short not in errors,
                  (code, errors))
        with Server(data=folder) as s:
            key = s.post("/v1/keys", {"role": "admin"}).json["key"]
        for what, environment in (("a stored key", {}), ("SWM_ADMIN_KEY", {"SWM_ADMIN_KEY": ADMIN})):
            with subprocess.Popen([PROGRAM, "serve", "--listen", "0.0.0.0:0", "--data", folder],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  env={**os.environ, **environment}) as p:
                line = p.stdout.readline()
                port = re.search(r":(\d+) ", line)
                check(f"with {what} it listens everywhere", port, line)
                if port:
                    code, out, errors = call("status", SWM_URL=f"http://127.0.0.1:{port.group(1)}",
                                             SWM_TOKEN=key)
                    check("and answers whoever has a key", code == 0, (code, out, errors))
                p.terminate()


def command_line():
    with Guarded() as s:
        url = {"SWM_URL": f"http://127.0.0.1:{s.port}", "SWM_TOKEN": ""}
        code, out, errors = call("status", **url)
        check("without a key a command says what is missing",
              code == 1 and "SWM_TOKEN" in errors and not out, (code, out, errors))
        code, _, errors = call("status", **{**url, "SWM_TOKEN": "wrong"})
        check("a wrong one is told apart", code == 1 and "does not take the key" in errors, errors)
        code, _, errors = call("key", "list", **{**url, "SWM_TOKEN": s.keys["viewer"]})
        check("a role that is too little is named",
              code == 1 and "needs the role admin; the key's is viewer" in errors, errors)
        admin = {**url, "SWM_TOKEN": ADMIN}
        code, out, _ = call("key", "create", "--role", "worker", "--name", "kitchen", "--expires", "1h",
                            "--json", **admin)
        made = json.loads(out)
        check("key create prints the key", code == 0 and made["key"].startswith("swm_")
              and made["role"] == "worker" and made["expires_at"], out)
        code, out, _ = call("key", "create", "--role", "viewer", **admin)
        check("for people too", code == 0 and "SWM_TOKEN" in out and "never again" in out, out)
        code, out, _ = call("key", "list", "--json", **admin)
        lines = [json.loads(line) for line in out.splitlines()]
        check("key list prints a line each", code == 0 and len(lines) == len(ROLES) + 2, out)
        code, out, _ = call("key", "list", **admin)
        check("and a table", code == 0 and "kitchen" in out and "valid" in out, out)
        equal("key revoke revokes", call("key", "revoke", made["id"], **admin)[0], 0)
        code, _, errors = call("key", "revoke", "none", **admin)
        check("what there is not can't be revoked", code == 1 and "no such key" in errors, errors)
        equal("key create wants a role", call("key", "create", **admin)[0], 2)
        code, _, errors = call("worker", "--queue", "q", "--exec", "true", "--once",
                               **{**url, "SWM_TOKEN": made["key"]})
        check("a worker whose key was revoked ends and says so",
              code == 1 and "revoked" in errors, (code, errors))
        code, _, errors = call("watch", "X", **{**url, "SWM_TOKEN": "wrong"})
        check("so does watch", code == 1 and "does not take the key" in errors, (code, errors))
        code, _, errors = call("events", "X", "--follow", **url)
        check("and events --follow", code == 1 and "SWM_TOKEN" in errors, (code, errors))


run(first_key, routes, kinds, people, tokens, lives, records, secrets, streams, listening, command_line)
