#!/usr/bin/env python3
"""Clients that lie, stall, flood or come from elsewhere, and a system that runs out of things."""

import json
import os
import resource
import socket
import struct

from _server import FOOD, Server, check, equal, poll, read_all, run, status_of

JSON = {"Content-Type": "application/json"}


def strangers():
    with Server("--host", "swm.example") as s:
        for host, status in (("localhost", 200), (f"127.0.0.1:{s.port}", 200), ("[::1]:1", 200),
                             ("LOCALHOST:80", 200), ("swm.example", 200), ("swm.example:443", 200),
                             ("evil.example", 421), ("localhost.evil.example", 421),
                             ("127.0.0.1.evil.example", 421), ("localhost:x", 421), ("", 421),
                             ("evil@localhost", 421), ("[::1", 421), ("127.0.0.1, evil", 421)):
            raw = s.raw(f"GET /v1/stats HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            equal(f"Host {host!r} gets {status}", status_of(raw), status)
        equal("two Hosts are none", status_of(s.raw(
            b"GET /v1/stats HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n")) in (400, 421), True)
        equal("no Host is none", status_of(s.raw(b"GET /v1/stats HTTP/1.0\r\n\r\n")) in (400, 421), True)
        other_sites(s)


def other_sites(s):
    own = f"http://127.0.0.1:{s.port}"
    for headers, status in (({"Origin": own}, 404), ({}, 404), ({"Sec-Fetch-Site": "same-origin"}, 404),
                            ({"Sec-Fetch-Site": "none"}, 404), ({"Origin": "http://evil.example"}, 403),
                            ({"Origin": "null"}, 403), ({"Origin": "http://127.0.0.1:1"}, 403),
                            ({"Origin": own + ".evil.example"}, 403), ({"Origin": "file://"}, 403),
                            ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403)):
        reply = s.post("/v1/instances/none/pause", {}, headers)
        equal(f"a change from {headers} gets {status}", reply.status, status)
    for site in ("http://evil.example", "null"):
        reply = s.get("/v1/events", Accept="text/event-stream", Origin=site)
        equal(f"a stream to {site} is forbidden", (reply.status, reply.code), (403, "forbidden"))
        equal(f"so is the SQS door from {site}", s.post(
            "/", "Action=ListQueues", {"Content-Type": "application/x-www-form-urlencoded",
                                       "Origin": site}).status, 403)
    check("nobody is allowed in by CORS",
          s.get("/v1/stats", Origin="http://evil.example").headers["Access-Control-Allow-Origin"] is None)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None):
        reply = s.request("POST", "/v1/events", '{"event":"x"}', {"Content-Type": kind} if kind else {})
        equal(f"a body of type {kind} is invalid", (reply.status, reply.code), (400, "invalid"))


def framing():
    with Server() as s:
        head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        smuggled = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for name, data in (
            ("a length and chunks", b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            ("chunks and a length", b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
            ("two lengths", b"Content-Length: 2\r\nContent-Length: 4\r\n\r\n{}xx"),
            ("two equal lengths", b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
            ("a list of lengths", b"Content-Length: 2, 2\r\n\r\n{}"),
            ("a signed length", b"Content-Length: +2\r\n\r\n{}"),
            ("a negative length", b"Content-Length: -2\r\n\r\n{}"),
            ("a hexadecimal length", b"Content-Length: 0x2\r\n\r\n{}"),
            ("an empty length", b"Content-Length: \r\n\r\n{}"),
            ("a length beyond numbers", b"Content-Length: 99999999999999999999\r\n\r\n{}"),
            ("another encoding", b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            ("identity", b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}"),
            ("chunks twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            ("a blank before the colon", b"Content-Length : 2\r\n\r\n{}"),
            ("a chunk that is no number", b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n"),
            ("a negative chunk", b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n"),
        ):
            with s.connect() as c:
                c.sendall(head + data + smuggled)
                answer = read_all(c)
                rest = read_all(c)
            refused = status_of(answer) in (400, 413, None)
            check(f"{name}: refused, and nothing after it is heard",
                  refused and b'"ok":true' not in answer + rest, answer + rest)
        both = s.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
        equal("honest requests in a row are answered", status_of(both), 200)
        chunks = head + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n[1\r\n1\r\n]\r\n0\r\n\r\n"
        equal("honest chunks are read", status_of(s.raw(chunks)), 200)
        for bad in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 50,
                    b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nBad\x00Name: x\r\n\r\n"):
            check(f"{bad[:20]!r} is not answered with 200", status_of(s.raw(bad, 2)) != 200)
        equal("the server goes on", s.get("/healthz").status, 200)


def sizes():
    with Server() as s:
        body = b"[" + b" " * (4 * 1024 * 1024 - 2) + b"]"
        equal("a body of the largest size is read", s.post("/v1/events", body, JSON).code, "invalid")
        reply = s.post("/v1/events", body + b" ", JSON)
        equal("one byte more is too large", (reply.status, reply.code), (413, "too_large"))
        raw = s.raw(b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
        equal("a giant is refused before it is sent", status_of(raw), 413)
        chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        raw = s.raw(b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + chunk * 6 + b"0\r\n\r\n")
        equal("chunks without end are too", status_of(raw), 413)
        long_header = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40000 + b"\r\n\r\n"
        check("long headers are refused", status_of(s.raw(long_header)) in (413, 431))
        long_path = b"GET /" + b"x" * 40000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
        check("a long address is refused", status_of(s.raw(long_path)) in (414, 431))
        check("memory is given back", poll(lambda: s.memory_kib() < 96 * 1024), s.memory_kib())


def content():
    with Server() as s:
        s.apply(FOOD)
        for name, body in (
            ("deep nesting", b"[" * 100000),
            ("deep objects", b'{"a":' * 200 + b"1" + b"}" * 200),
            ("invalid UTF-8", b'{"event":"\xff\xfe"}'),
            ("an overlong slash", b'{"event":"\xc0\xaf"}'),
            ("a surrogate", b'{"event":"\xed\xa0\x80"}'),
            ("a lone surrogate escaped", b'{"event":"\\ud800"}'),
            ("duplicate keys", b'{"event":"StartWorkflow","event":"StartWorkflow"}'),
            ("nothing after a brace", b"{"),
            ("two values", b"{}{}"),
            ("a BOM alone", b"\xef\xbb\xbf"),
            ("NUL", b'{"event":"\x00"}'),
            ("not a number", b'{"event":NaN}'),
        ):
            reply = s.post("/v1/events", body, JSON)
            equal(f"{name} is invalid", (reply.status, reply.json["verdict"]), (400, "invalid"))
        kept = s.get("/v1/events?verdict=invalid&limit=1000").json["events"]
        check("all of them are on record, cut short",
              len(kept) >= 12 and all(len(json.dumps(r)) < 8192 for r in kept), len(kept))
        big = {"event": "StartWorkflow", "template": "food", "event_id": "n",
               "input": {"order": "N-1", "n": 12345678901234567890123}}
        instance = s.post("/v1/events", big).json["instance"]
        check("large numbers pass unchanged",
              b"12345678901234567890123" in s.get(f"/v1/instances/{instance}").body)
        for actor in ("ann\tbob", "é" * 100, "x" * 500):
            check(f"an actor {actor[:8]!r} is cut or refused", s.post(
                "/v1/events", {"event": "Dance"}, {"X-SWM-Actor": actor.encode().decode("latin1")}
            ).status == 400)


def paths():
    with Server() as s:
        with open(os.path.join(s.folder, "secret.txt"), "w", encoding="ascii") as file:
            file.write("secret")
        for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//etc/passwd",
                     "/..%5c..%5csecret.txt", "/%252e%252e/secret.txt", "/index.html%00.js", "/%zz", "/%",
                     "/\xc0\xae\xc0\xae/x", "/v1/templates/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
                     "/v1/instances/..%2f..%2fetc%2fpasswd", "/./index.html", "/examples/../index.html"):
            raw = s.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("latin1"))
            check(f"{path!r} is not found", status_of(raw) in (400, 404) and b"root:" not in raw, raw)
        equal("the page is", s.get("/index.html").status, 200)


def stalling():
    with Server() as s:
        s.apply(FOOD)
        slow = [s.connect() for _ in range(200)]
        for n, c in enumerate(slow):
            c.sendall(b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n"
                      b"Content-Type: application/json\r\n\r\n[" if n % 2 else b"GET / HTT")
        equal("two hundred that stall hold nobody up", s.get("/v1/stats").status, 200)
        check("nor do they cost what they claim", s.memory_kib() < 160 * 1024, s.memory_kib())
        for c in slow:
            c.close()
        for _ in range(100):
            with s.connect() as c:
                c.sendall(b"GET /v1/templates/food/graph.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
                reset(c)
        equal("nor do a hundred that hang up", s.get("/v1/stats").status, 200)


def reset(c):
    """Closes with a reset instead of an end."""
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()


def park(s, queue):
    c = s.connect()
    body = b'{"max":1,"wait_seconds":20}'
    c.sendall(b"POST /v1/queues/" + queue + b"/receive HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
              b"application/json\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
    return c


def waiting(s, queue):
    row = [q for q in s.get("/v1/queues").json["queues"] if q["queue"] == queue]
    return row[0]["waiting_receives"] if row else 0


def lost_receivers():
    """A message is not given to a client that has gone."""
    with Server() as s:
        s.apply(FOOD)
        for name, leave in (("resets", reset), ("hangs up", lambda c: c.close())):
            gone, other = park(s, b"confirm_queue"), None
            check(f"one that {name}: it waits", poll(lambda: waiting(s, "confirm_queue") == 1))
            leave(gone)
            check(f"one that {name}: it is noticed", poll(lambda: waiting(s, "confirm_queue") == 0))
            other = park(s, b"confirm_queue")
            check(f"one that {name}: another waits", poll(lambda: waiting(s, "confirm_queue") == 1))
            s.post("/v1/instances", {"template": "food", "input": {"order": name}})
            check(f"one that {name}: the other gets the message", b'"task":"confirm"' in read_all(other))
            other.close()


def crowd_of_receivers():
    with Server() as s:
        s.apply(FOOD)
        parked = [park(s, b"confirm_queue") for _ in range(300)]
        check("three hundred wait", poll(lambda: waiting(s, "confirm_queue") == 300))
        before = s.cpu_s()
        for n in range(300):
            s.post("/v1/instances", {"template": "food", "input": {"order": f"C-{n}"}})
        got = [b'"task":"confirm"' in read_all(c) for c in parked]
        equal("each gets one message", got.count(True), 300)
        check("at a small cost", s.cpu_s() - before < 20, s.cpu_s() - before)
        for c in parked:
            c.close()


def is_hungry(s, seconds=1):
    """Whether it burns time while nothing can be done: a request that is not heard measures it."""
    before = s.cpu_s()
    s.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", seconds)
    return s.cpu_s() - before > seconds / 2


def few_descriptors():
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))

    with Server(before=limit) as s:
        s.apply(FOOD)
        crowd = [s.connect() for _ in range(150)]
        check("connections beyond the limit wait without a busy loop", not is_hungry(s))
        for c in crowd[:130]:
            c.close()
        equal("and get their turn", s.post(
            "/v1/instances", {"template": "food", "input": {"order": "F"}}).status, 200)
        for c in crowd[130:]:
            c.close()
        equal("and all is well after", s.get("/v1/stats").status, 200)


def no_descriptors():
    with Server() as s:
        s.apply(FOOD)
        kept = s.connect()
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        read_all(kept)
        used = len(os.listdir(f"/proc/{s.process.pid}/fd"))
        before = resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE, (used, before[1]))
        crowd = [s.connect() for _ in range(20)]
        check("without a descriptor left there is no busy loop", not is_hungry(s))
        kept.sendall(b"POST /v1/instances HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 42\r\n\r\n" + b'{"template":"food","input":{"order":"N1"}}')
        equal("who is connected is served", status_of(read_all(kept)), 200)
        resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE, before)
        for c in crowd + [kept]:
            c.close()
        check("with descriptors again all is well, and not only when an idle connection ends",
              b" 200 " in s.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 15))


def full_disk():
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 * 1024 * 1024, resource.RLIM_INFINITY))

    with Server(before=limit) as s:
        s.apply(FOOD)
        text = "x" * 100000

        def write(n):
            return s.post("/v1/instances", {"template": "food", "input": {"order": f"D-{n}", "t": text}})

        replies = [write(n) for n in range(60)]
        full = [r for r in replies if r.status == 503]
        check("a full disk is told", full and full[0].code in ("disk_full", "store_failed"), replies[-1])
        check("with when to try again", full and full[0].headers["Retry-After"] == "1")
        equal("no other answer is given", {r.status for r in replies}, {200, 503})
        equal("reads go on", s.get("/v1/templates").status, 200)
        resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        check("with room again, work goes on", poll(lambda: write(99).status == 200))
        kept = {r.json["instance"] for r in replies if r.status == 200}
        listed = {r["instance"] for r in s.get("/v1/instances?limit=1000").json["instances"]}
        check("what was acknowledged is there", kept <= listed, kept - listed)
        verified = s.get("/v1/verify").json
        check("and the chain holds", verified["ok"], verified)


def closed_files():
    def close():
        os.close(0)

    with Server(before=close) as s:
        s.apply(FOOD)
        names = {os.readlink(f"/proc/{s.process.pid}/fd/{n}") for n in (0, 1, 2)}
        check("a closed standard file is nobody's database", not any("swm.db" in n for n in names), names)


run(strangers, framing, sizes, content, paths, stalling, lost_receivers, crowd_of_receivers,
    few_descriptors, no_descriptors, full_disk, closed_files)
