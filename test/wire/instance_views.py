"""What the page shows of one instance: its drawing, its timeline, its events in brief, and the links
that show all this to others."""

import base64
import json
import os
import subprocess

from _server import PROGRAM, Server, check, equal, poll, run

TEMPLATE = """
name: views
stages:
  - name: first
    tasks:
      - {name: make, queue: make_queue, retry: {max_attempts: 2, delay: 1ms}}
      - {name: check, queue: check_queue, needs: [make]}
  - name: last
    tasks:
      - {name: approve, human: {assignee: ann}}
"""
ADMIN = "the-admin-key-of-this-test"
AS_ADMIN = {"Authorization": f"Bearer {ADMIN}"}


def receive(server, queue, headers=None):
    def one():
        reply = server.post(f"/v1/queues/{queue}/receive", {"max": 1, "wait_seconds": 5}, headers)
        return next(iter(reply.json["messages"]), None)
    return poll(one)


def start(server, key, headers=None):
    body = {"template": "views", "key": key, "input": {"n": 1}}
    return server.post("/v1/instances", body, headers).json["instance"]


def answer(server, queue, verb, headers=None, **body):
    message = receive(server, queue, headers)
    server.post("/v1/tasks/start", {"token": message["token"]}, headers)
    return server.post(f"/v1/tasks/{verb}", {"token": message["token"], **body}, headers)


def play(server, key, headers=None):
    """make fails once and is made; check is done, make is replayed and done again."""
    instance = start(server, key, headers)
    answer(server, "make_queue", "fail", headers, error="Broken", message="it broke")
    answer(server, "make_queue", "complete", headers, output={"made": 1})
    answer(server, "check_queue", "complete", headers, output={"good": True})
    server.post(f"/v1/instances/{instance}/pause", {"reason": "lunch"}, headers)
    server.post(f"/v1/instances/{instance}/resume", {}, headers)
    server.post(f"/v1/instances/{instance}/replay", {"task": "make", "reason": "better"}, headers)
    answer(server, "make_queue", "complete", headers, output={"made": 2})
    return instance


def look(server, instance):
    return server.get(f"/v1/instances/{instance}").json


def check_graph(server, instance):
    graph = server.get(f"/v1/instances/{instance}/graph.json").json
    bare = server.get("/v1/templates/views/graph.json").json
    place = lambda box: (box["x"], box["y"], box["width"], box["height"])
    equal("the drawing of an instance is that of its template",
          [place(t) for t in graph["tasks"]], [place(t) for t in bare["tasks"]])
    make = graph["tasks"][0]
    equal("its statuses are painted on", (make["status"], make["generation"], make["attempt"]),
          ("COMPLETED", 2, 1))
    check("a template's has none", "status" not in bare["tasks"][0])
    equal("and those of the stages", [s["status"] for s in graph["stages"]], ["ACTIVE", "PENDING"])
    past = server.get(f"/v1/instances/{instance}/graph.json?at=1").json
    equal("it can be as of a record", past["tasks"][0]["status"], "SCHEDULED")


def check_timeline(server, instance):
    line = server.get(f"/v1/instances/{instance}/timeline").json
    ended = [(a["task"], a["generation"], a["attempt"], a["ended"]) for a in line["attempts"]]
    equal("each attempt is told once, with how it ended", ended, [
        ("make", 1, 1, "failed"), ("make", 1, 2, "completed"), ("check", 1, 1, "completed"),
        ("approve", 1, 1, "replayed"), ("make", 2, 1, "completed"), ("check", 2, 1, None)])
    first = line["attempts"][0]
    equal("an attempt that failed has its error", (first["error"], first["message"]),
          ("Broken", "it broke"))
    check("its times are in order",
          first["sent_at"] <= first["started_at"] <= first["ended_at"] <= first["retry_at"], first)
    shown = server.get(f"/v1/instances/{instance}?at={line['attempts'][1]['seq']}&task=make").json
    equal("as of its record its output is there", shown["stages"][0]["tasks"][0]["output"],
          {"made": 1})
    equal("pauses are told", [bool(p["from"] and p["to"]) for p in line["pauses"]], [True])
    equal("stages too", [(s["stage"], s["status"]) for s in line["stages"]],
          [("first", "COMPLETED"), ("last", "PENDING"), ("first", "ACTIVE")])
    equal("what people did is marked", [m["event"] for m in line["marks"]],
          ["StartWorkflow", "PauseWorkflow", "ResumeWorkflow", "ReplayTask"])
    past = server.get(f"/v1/instances/{instance}/timeline?at=2").json
    equal("it can be as of a record", [(a["task"], a["ended"]) for a in past["attempts"]],
          [("make", None)])


def check_pages(server, instance):
    whole = server.get(f"/v1/instances/{instance}/timeline").json
    for order in ("false", "true"):
        attempts, after = [], ""
        while after is not None:
            path = f"/v1/instances/{instance}/timeline?limit=3&newest_first={order}"
            page = server.get(path + (f"&after={after}" if after else "")).json
            attempts += page["attempts"]
            after = page["next"]
        name = lambda a: (a["task"], a["generation"], a["attempt"])
        equal(f"pages of the timeline hold what the whole holds (newest first: {order})",
              sorted(attempts, key=name), sorted(whole["attempts"], key=name))


def check_brief(server, instance):
    path = f"/v1/instances/{instance}/events"
    whole = server.get(path).json["events"]
    brief = server.get(f"{path}?fields=brief").json["events"]
    equal("events in brief are the same events", [(e["seq"], e["event"]) for e in brief],
          [(e["seq"], e["event"]) for e in whole])
    check("without what may be large", all("changes" not in e and "data" not in e for e in brief))
    of_make = server.get(f"{path}?fields=brief&task=make").json["events"]
    equal("those of one task", {e["task"] for e in of_make}, {"make"})
    equal("the whole ones are found by task as well", [
        e["seq"] for e in server.get(f"{path}?task=make").json["events"]],
        [e["seq"] for e in of_make])
    newest = server.get(f"{path}?fields=brief&newest_first=true&limit=2").json
    equal("the newest ones are in order too", [e["seq"] for e in newest["events"]],
          [len(whole) - 1, len(whole)])
    older = server.get(f"{path}?fields=brief&newest_first=true&limit=2&after={newest['next']}").json
    equal("and go on before them", [e["seq"] for e in older["events"]],
          [len(whole) - 3, len(whole) - 2])
    equal("fields are checked", server.get(f"{path}?fields=all").status, 400)
    shown = server.get(f"/v1/instances/{instance}?fields=brief").json
    check("an instance in brief has no data", "input" not in shown
          and "output" not in shown["stages"][0]["tasks"][0])
    one = server.get(f"/v1/instances/{instance}?task=check").json
    equal("one task alone", [t["id"] for s in one["stages"] for t in s["tasks"]], ["check"])
    equal("of those there are", server.get(f"/v1/instances/{instance}?task=no").status, 404)
    past = server.get(f"/v1/instances/{instance}/explain?at=1").json["lines"]
    check("why it stood is told of the past too", any("make_queue" in line for line in past), past)


def check_few_among_many(server):
    """A filter looks at a bounded number of records for one page."""
    instance = start(server, "many")
    events = [{"event": "PauseWorkflow" if k % 2 == 0 else "ResumeWorkflow", "instance": instance}
              for k in range(1000)]
    for _ in range(6):
        server.post("/v1/events", events)
    server.post(f"/v1/instances/{instance}/resume", {})
    path = f"/v1/instances/{instance}/events?fields=brief&verdict=duplicate"
    first = server.get(path).json
    equal("a page ends after so many records, also with nothing found",
          (first["events"], first["next"]), ([], "5000"))
    second = server.get(f"{path}&after=5000").json
    equal("the next one goes on", ([e["event"] for e in second["events"]], second["next"]),
          (["ResumeWorkflow"], None))
    middle = server.get(f"/v1/instances/{instance}/events?fields=brief&after=3000&limit=2").json
    equal("any place of a long history is one question away",
          [e["seq"] for e in middle["events"]], [3001, 3002])
    line = server.get(f"/v1/instances/{instance}/timeline?newest_first=true&limit=100").json
    equal("a page of the timeline is a page of records", line["last"] - line["first"], 99)
    equal("what is out since long before is in the newest page",
          [(a["task"], a["ended"]) for a in line["attempts"]], [("make", None)])


def share(server, instance, **body):
    return server.post(f"/v1/instances/{instance}/share", body, AS_ADMIN)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


VIEWS = ("", "/events", "/timeline", "/graph.svg", "/graph.json", "/explain")


def check_share(server, instance, other):
    made = share(server, instance, expires="1h").json
    token = made["token"]
    check("a link is a token behind the # of the page",
          made["url"].endswith(f"/#/shared/{token}"), made["url"])
    for view in VIEWS:
        path = f"/v1/instances/{instance}{view}"
        equal(f"it opens {view or 'the instance'}", server.get(f"{path}?share={token}").status, 200)
        equal("and so does its bearer", server.get(path, **bearer(token)).status, 200)
        equal("which needs it", server.get(path).status, 401)
        equal("of that instance alone", server.get(
            f"/v1/instances/{other}{view}?share={token}").status, 403)
    stream = f"/v1/events?instance={instance}&share={token}"
    head = f"Host: 127.0.0.1:{server.port}\r\nAccept: text/event-stream\r\n\r\n"
    with server.connect() as s:
        s.sendall(f"GET {stream}&after=0 HTTP/1.1\r\n{head}".encode())
        text = b""
        while b"ReplayTask" not in text and (part := s.recv(65536)):
            text += part
    check("it opens the instance's stream", b" 200 " in text and b"StartWorkflow" in text, text)
    check("which tells of no other", other.encode() not in text)
    check_widening(server, instance, other, token)


def check_widening(server, instance, other, token):
    closed = ["/v1", "/v1/instances", f"/v1/instances/{instance}/records", "/v1/templates",
              "/v1/queues", "/v1/keys", "/v1/stats", "/metrics", "/v1/events?after=0", "/v1/nothing",
              f"/v1/events?instance={other}", "/v1/verify"]
    for path in closed:
        equal(f"a link does not open {path}", server.get(path, **bearer(token)).status, 403)
    equal("nor the feed by its instance's name", server.get(
        f"/v1/events?instance={instance}", **bearer(token)).status, 400)
    for verb in ("pause", "cancel", "share", "replay"):
        equal(f"it cannot {verb}", server.post(
            f"/v1/instances/{instance}/{verb}", {"task": "make"}, bearer(token)).status, 403)
    equal("nor send events", server.post("/v1/events", {
        "event": "PauseWorkflow", "instance": instance}, bearer(token)).status, 403)
    equal("nor ask by a key, which may come to be another instance's",
          server.get("/v1/instances/shared-1", **bearer(token)).status, 403)
    equal("a good key beside it does not widen it", server.get(
        f"/v1/instances?share={token}", **AS_ADMIN).status, 403)


def check_tampering(server, instance, other):
    token = share(server, instance).json["token"]
    text = token.removeprefix("swms_")
    body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    pack = lambda raw: "swms_" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
    fields = body[:-16].split(b"\x1f")
    equal("it names format, key, instance and end", (fields[2].decode(), len(fields)),
          (instance, 4))
    later = b"\x1f".join(fields[:3] + [str(int(fields[3]) + 1000).encode()]) + body[-16:]
    moved = b"\x1f".join(fields[:2] + [other.encode(), fields[3]]) + body[-16:]
    more = b"\x1f".join(fields + [b"1"]) + body[-16:]
    bad = [pack(later), pack(more), pack(body[:-1]), pack(body + b"x"), "swms_", "swms_!!", "x",
           token[:-2] + ("AA" if not token.endswith("AA") else "BB")]
    for k, altered in enumerate(bad):
        equal(f"an altered link opens nothing ({k})", server.get(
            f"/v1/instances/{instance}?share={altered}").status, 401)
    equal("nor does one moved to another instance", server.get(
        f"/v1/instances/{other}?share={pack(moved)}").status, 401)
    message = receive(server, "check_queue", AS_ADMIN)
    equal("a task's token is no link", server.get(
        f"/v1/instances/{instance}?share=swms_{message['token']}").status, 401)
    equal("and a link is no task's token", server.post(
        "/v1/tasks/complete", {"token": text}, AS_ADMIN).status, 400)


def check_ends(server, instance):
    short = share(server, instance, expires="1s").json["token"]
    path = f"/v1/instances/{instance}?share={short}"
    reply = poll(lambda: (r := server.get(path)).status == 401 and r)
    check("a link expires", reply is not None and "expired" in reply.json["error"]["message"])
    for bad in ("0s", "91d", "x", "2020-01-01T00:00:00Z", 5):
        equal(f"it cannot end at {bad}", share(server, instance, expires=bad).status, 400)
    equal("other members are no wish", share(server, instance, role="admin").status, 400)
    equal("of an instance that is there", share(server, "nobody").status, 404)
    equal("a key names it as well", share(server, "shared-1").json["instance"], instance)
    feed = server.get("/v1/events?event=InstanceShared&limit=1000", **AS_ADMIN).json["events"]
    check("that it was made, by whom and until when, is recorded", feed
          and feed[0]["actor"] == "key:SWM_ADMIN_KEY" and feed[0]["data"]["expires_at"], feed)
    viewer = server.post("/v1/keys", {"role": "viewer"}, AS_ADMIN).json["key"]
    equal("a viewer makes none", server.post(
        f"/v1/instances/{instance}/share", {}, bearer(viewer)).status, 403)


def check_restart(server, instance):
    token = share(server, instance).json["token"]
    folder = server.folder
    server.is_own = False
    server.stop()
    again = Server(data=folder, environment={"SWM_ADMIN_KEY": ADMIN})
    equal("a link outlives a restart", again.get(
        f"/v1/instances/{instance}?share={token}").status, 200)
    environment = {**os.environ, "SWM_URL": f"http://127.0.0.1:{again.port}", "SWM_TOKEN": ADMIN}
    said = subprocess.run([PROGRAM, "share", instance, "--expires", "2h", "--json"],
                          capture_output=True, text=True, env=environment, check=False)
    equal("the command line makes one", (said.returncode, again.get(
        f"/v1/instances/{instance}?share={json.loads(said.stdout)['token']}").status), (0, 200))
    plain = subprocess.run([PROGRAM, "share", instance], capture_output=True, text=True,
                           env=environment, check=False)
    check("and prints its address", "/#/shared/swms_" in plain.stdout, plain.stdout)
    again.stop()


def check_headers(server):
    page, embed = server.get("/"), server.get("/embed")
    policy = page.headers["Content-Security-Policy"]
    check("the page can be framed by nobody", "frame-ancestors 'none'" in policy, policy)
    check("nothing in it may be inline or evaluated", "unsafe" not in policy, policy)
    framed = embed.headers["Content-Security-Policy"]
    equal("the one that draws a shared graph is framed anywhere",
          (embed.status, "frame-ancestors *" in framed, "unsafe" in framed), (200, True, False))
    equal("and has one policy", len(embed.headers.get_all("Content-Security-Policy")), 1)
    equal("neither tells other sites its address", {r.headers["Referrer-Policy"] for r in
          (page, embed)}, {"no-referrer"})
    equal("by its file's name it is framed by nobody", "frame-ancestors 'none'" in
          server.get("/embed.html").headers["Content-Security-Policy"], True)


def main():
    with_keys = Server(environment={"SWM_ADMIN_KEY": ADMIN})
    server = Server()
    for each, headers in ((server, {}), (with_keys, AS_ADMIN)):
        each.post("/v1/templates", TEMPLATE, {"Content-Type": "application/yaml", **headers})
    instance = play(server, "views-1")
    check_graph(server, instance)
    check_timeline(server, instance)
    check_pages(server, instance)
    check_brief(server, instance)
    check_few_among_many(server)
    check_headers(server)
    open_share = server.post(f"/v1/instances/{instance}/share", {}).json["token"]
    equal("where nobody needs a key a link still opens one instance only", (
        server.get(f"/v1/instances/{instance}?share={open_share}").status,
        server.get(f"/v1/instances/many?share={open_share}").status,
        server.get(f"/v1/instances/{instance}?share=no").status), (200, 403, 401))
    server.stop()
    shared, other = play(with_keys, "shared-1", AS_ADMIN), start(with_keys, "shared-2", AS_ADMIN)
    check_share(with_keys, shared, other)
    check_tampering(with_keys, shared, other)
    check_ends(with_keys, shared)
    check_restart(with_keys, shared)


run(main)
