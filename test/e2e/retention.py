"""Retention while the server is killed again and again, over SQLite and over MongoDB: what is to go
goes whole, what is to stay stays whole."""

import sys

from _server import ROOT, Cases, Server, must, until

sys.path.insert(0, str(ROOT / "test" / "servers"))
from mongo import Replicas  # noqa: E402

MANY = 200
TEMPLATE = {"name": "short", "stages": [{"name": "one", "tasks": [{"name": "ask", "human": {}}]}]}


def fill(server):
    must(server.ask("POST", "/v1/templates", TEMPLATE)[0] == 200, "the template is taken")
    started = server.post("/v1/events", [
        {"event": "StartWorkflow", "template": "short", "key": f"k{n}"} for n in range(MANY + 10)])
    ids = [r["instance"] for r in started["results"]]
    server.post("/v1/events", [{"event": "CancelWorkflow", "instance": i} for i in ids[10:]])
    return ids[:10], ids[10:]


def left(server):
    return server.get("/v1/stats")["instances"]["CANCELLED"]


def killed_while_they_go(server):
    with server:
        kept, gone = fill(server)
        until("rows are written", lambda: left(server) == MANY)
        server.stop()
        server.options += ["--retention", "1s"]
        for most in (MANY - 1, MANY // 2, MANY // 4, 0):
            server.start()
            until(f"at most {most} are left", lambda m=most: left(server) <= m)
            server.kill()
        server.start()
        must(left(server) == 0, "all are gone")
        for instance in kept:
            must(server.status_is(instance, "RUNNING"), "what is open stays")
        for instance in (gone[0], gone[-1]):
            for path in ("", "/events", "/records"):
                must(server.ask("GET", f"/v1/instances/{instance}{path}")[0] == 404, "it is gone")
        found = server.get("/v1/verify")
        must(found["ok"] and found["instances"] == 10 and found["events"] >= 10, found)
        feed = server.get("/v1/events?limit=1000&event=InstanceRemoved")["events"]
        seen = {e["data"]["last_hash"] for e in feed}
        must(len(seen) == MANY, f"{len(seen)} hashes are kept of {MANY}")
        must(server.stop() == 0, "it ends in order")


def main():
    cases = Cases()
    cases.check("over SQLite", killed_while_they_go, Server())
    with Replicas(1) as replicas:
        cases.check("over MongoDB", killed_while_they_go,
                    Server(options=["--store", replicas.uri("kept")]))
    cases.finish()


if __name__ == "__main__":
    main()
