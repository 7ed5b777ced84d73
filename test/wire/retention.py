"""--retention: what was finished long enough ago is removed whole, and everything else goes on."""

import subprocess
import tempfile

from _server import FOOD, PROGRAM, Server, check, equal, poll, run

MANY = 40  # more than go in one round


def start(server, order):
    return server.post("/v1/instances", {"template": "food", "input": {"order": order}}).json


def finish(server, order):
    instance = start(server, order)["instance"]
    server.post(f"/v1/instances/{instance}/cancel", {})
    return instance


def is_gone(server, instance):
    return server.get(f"/v1/instances/{instance}").status == 404


def goes_when_it_is_time():
    folder = tempfile.mkdtemp(prefix="swm-retention-")
    with Server(data=folder) as server:
        server.apply(FOOD)
        kept = start(server, "kept")["instance"]
        finished = [finish(server, f"done-{n}") for n in range(MANY)]
        before = server.get("/v1/events?limit=1000").json
        check("nothing goes without the option", not is_gone(server, finished[0]))
    with Server("--retention", "1s", data=folder) as server:
        check("all that is finished goes", poll(lambda: all(is_gone(server, i) for i in finished)))
        check("what is open stays", server.get(f"/v1/instances/{kept}").json["status"] == "RUNNING")
        feed = server.get(f"/v1/events?limit=1000&after={before['next']}").json["events"]
        removals = {e["instance"]: e for e in feed if e["event"] == "InstanceRemoved"}
        equal("the feed goes on with one record for each", len(feed), MANY)
        check("they are in the node's own chain", set(removals) == {"_sys:local"}, removals)
        data = feed[0]["data"]
        check("its last hash is kept", len(data["last_hash"]) == 64 and data["last_seq"] == 2, data)
        found = server.get("/v1/verify").json
        check("verify knows it", found["ok"] and found["removed"] == MANY, found)
        again = start(server, "done-0")
        check("its key starts again", again["verdict"] == "applied", again)
        check("under another id", again["instance"] not in finished)
        equal("counts follow", server.get("/v1/stats").json["instances"]["CANCELLED"], 0)
        newest = server.get("/v1/events?limit=1000&after=" + before["next"]).json["events"][-1]
        check("positions go on", newest["position"] > feed[-1]["position"], newest)
    with Server(data=folder) as server:
        check("they are gone after a start as well", all(is_gone(server, i) for i in finished))
        check("and it is in order", server.get("/v1/verify").json["ok"])


def goes_beside_verify():
    """Verification walks while instances go; none of them is a problem."""
    with Server("--retention", "300ms") as server:
        server.apply(FOOD)
        for n in range(MANY):
            finish(server, f"o-{n}")
            found = server.get("/v1/verify").json
            if not found["ok"]:
                check("verify beside removals", False, found)
                return
        check("verify beside removals", True)


def refuses():
    for value in ("0s", "soon", "30", "-1d"):
        done = subprocess.run([PROGRAM, "serve", "--retention", value], capture_output=True, text=True)
        check(f"--retention {value} is refused",
              done.returncode == 2 and "--retention takes" in done.stderr, done.stderr)


run(goes_when_it_is_time, goes_beside_verify, refuses)
