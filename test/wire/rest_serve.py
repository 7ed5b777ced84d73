#!/usr/bin/env python3
"""How serve is started and ended: options, the environment, signals, the data folder."""

import os
import signal
import socket
import subprocess
import tempfile

from _server import FOOD, PROGRAM, Server, check, equal, poll, run


def call(*arguments, **environment):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=30,
                          env={**os.environ, **environment}, check=False)
    return done.returncode, done.stdout, done.stderr


def options():
    for arguments, words in (
        (("serve", "--listen", "7960"), "not an address and a port"),
        (("serve", "--lisen", "127.0.0.1:0"), "did you mean --listen"),
        (("serve", "--store", "mongo"), "it takes: sqlite memory"),
        (("serve", "--log-level", "loud"), "debug info warn error"),
        (("serve", "--data"), "needs a value"),
        (("serve", "extra"), "no option extra"),
        (("srve",), "did you mean serve"),
        (("help", "srve"), "did you mean serve"),
    ):
        code, _, errors = call(*arguments)
        check(f"{' '.join(arguments)} is refused: {words}", code == 2 and words in errors, (code, errors))
    equal("the environment is checked too", call("serve", SWM_STORE="mongo")[0], 2)
    code, said, _ = call("help", "serve")
    check("the help names every option and its variable",
          code == 0 and all(word in said for word in ("--data", "SWM_DATA", "--host", "SWM_HOST",
                                                      "127.0.0.1:7960", "--log-json")), said)
    equal("--help says the same", call("serve", "--help")[1], said)
    check("the version is told", call("version")[1].startswith("swm "))
    check("without a command the help is shown", "serve" in call()[1] and call()[0] == 2)


def environment():
    with tempfile.TemporaryDirectory() as folder:
        with Server(data=os.path.join(folder, "deep"), environment={"SWM_HOST": "swm.example",
                                                                    "SWM_NODE": "north"}) as s:
            equal("a host may come from the environment", s.get("/v1/stats", Host="swm.example").status,
                  200)
            equal("so may the node", s.get("/v1").json["node"], "north")
            s.apply(FOOD)
            chain = s.get("/v1/events").json["events"][0]["instance"]
            equal("its name is in the records", chain, "_sys:north")
            check("the data are nobody else's",
                  os.stat(s.folder).st_mode & 0o077 == 0, oct(os.stat(s.folder).st_mode))


def addresses():
    with Server() as s:
        code, _, errors = call("serve", "--listen", f"127.0.0.1:{s.port}", "--data",
                               tempfile.mkdtemp(prefix="swm-wire-"))
        check("a taken port is told", code == 1 and "in use" in errors, (code, errors))
        code, _, errors = call("serve", "--listen", "127.0.0.1:0", "--data", s.folder)
        check("data in use are told", code == 1 and errors != "", (code, errors))
    if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
        with subprocess.Popen([PROGRAM, "serve", "--listen", "[::1]:0", "--store", "memory"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
            line = p.stdout.readline()
            check("it listens on IPv6 too", "http://[::1]:" in line, line)
            p.terminate()


def idle():
    with Server() as s:
        s.apply(FOOD)
        before = s.cpu_s()
        with s.connect(1) as c:
            c.sendall(b"GET /he")
            try:
                c.recv(1)
            except socket.timeout:
                pass
        check("an idle server does nothing", s.cpu_s() - before < 0.2, s.cpu_s() - before)


def stops():
    for which in (signal.SIGTERM, signal.SIGINT):
        s = Server()
        s.apply(FOOD)
        s.post("/v1/instances", {"template": "food", "input": {"order": "S"}})
        equal(f"{which.name} ends it with 0", s.stop(which), 0)
    s = Server()
    stuck = s.connect()
    stuck.sendall(b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n[")
    equal("a client that stalls does not hold it", s.stop(), 0)
    stuck.close()
    s = Server()
    s.send(signal.SIGSTOP)
    s.send(signal.SIGTERM)
    s.send(signal.SIGINT)
    s.send(signal.SIGCONT)
    check("a second signal ends it at once", s.stop(None) in (128 + signal.SIGINT, 128 + signal.SIGTERM))


def closing():
    """While it stops, nothing new is taken, and what was taken is answered."""
    s = Server()
    s.apply(FOOD)
    port = s.port
    ids = [s.post("/v1/instances", {"template": "food", "input": {"order": f"Z-{n}"}}).json["instance"]
           for n in range(50)]
    s.is_own = False
    s.stop()
    check("nobody listens any more", poll(lambda: socket.socket().connect_ex(("127.0.0.1", port)) != 0))
    with Server(data=s.folder) as t:
        t.is_own = True
        listed = {r["instance"] for r in t.get("/v1/instances?limit=1000").json["instances"]}
        equal("what was acknowledged is there", set(ids) - listed, set())
        check("and verifies", t.get("/v1/verify").json["ok"])


run(options, environment, addresses, idle, stops, closing)
