#!/usr/bin/env python3
"""The event stream: what is new, what was missed, many readers and one that does not read."""

import json

from _server import FOOD, Server, check, equal, poll, run


class Stream:
    def __init__(self, server, path="/v1/events", **headers):
        self.socket = server.connect()
        self.data = b""
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Accept: text/event-stream"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def head(self):
        while b"\r\n\r\n" not in self.data:
            self.data += self.socket.recv(65536)
        return self.data.partition(b"\r\n\r\n")[0].decode()

    def messages(self, count):
        """The first `count` messages as (id, record)."""
        while True:
            found = self._parse()
            if len(found) >= count:
                return found[:count]
            piece = self.socket.recv(65536)
            if not piece:
                return found
            self.data += piece

    def _parse(self):
        body, text = self.data.partition(b"\r\n\r\n")[2], b""
        while body:
            size, mark, rest = body.partition(b"\r\n")
            if not mark or len(rest) < int(size, 16):
                break
            text += rest[: int(size, 16)]
            body = rest[int(size, 16) + 2 :]
        found = []
        for block in text.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            if "data" in fields:
                found.append((fields["id"], json.loads(fields["data"])))
        return found

    def close(self):
        self.socket.close()


def start(server, order):
    return server.post("/v1/instances", {"template": "food", "input": {"order": order}}).json["instance"]


def is_open(server, count):
    return poll(lambda: f"swm_streams {count}\n" in server.get("/metrics").body.decode())


def news():
    with Server() as s:
        s.apply(FOOD)
        start(s, "N-0")
        stream = Stream(s)
        check("a stream is announced as one", "text/event-stream" in stream.head(), stream.head())
        check("it is counted", is_open(s, 1))
        other = Stream(s, "/v1/events?event=CancelWorkflow")
        other.head()
        # It begins with what comes next: starts until one of them is seen.
        seen = []
        instance = start(s, "N-1")
        seen = stream.messages(1)
        equal("what is new is told", (seen[0][1]["instance"], seen[0][1]["event"]),
              (instance, "StartWorkflow"))
        s.post(f"/v1/instances/{instance}/cancel", {})
        equal("a stream can be filtered", other.messages(1)[0][1]["event"], "CancelWorkflow")
        seen = stream.messages(2)
        stream.close()
        missed = [start(s, f"N-{n}") for n in range(2, 6)]
        back = Stream(s, Last_Event_ID=seen[1][0])
        equal("what was missed comes first", [r["instance"] for _, r in back.messages(4)], missed)
        late = start(s, "N-9")
        equal("and then what is new", back.messages(5)[4][1]["instance"], late)
        back.close()
        other.close()
        check("a reader that goes is forgotten", is_open(s, 0))


def past():
    with Server() as s:
        s.apply(FOOD)
        ids = [start(s, f"P-{n}") for n in range(120)]
        stream = Stream(s, "/v1/events?after=0&event=StartWorkflow")
        seen = stream.messages(120)
        equal("the whole past comes in order", [r["instance"] for _, r in seen], ids)
        cursors = [c for c, _ in seen]
        equal("each under its own cursor", len(set(cursors)), len(cursors))
        listed = s.get(f"/v1/events?after={cursors[59]}&event=StartWorkflow&limit=1000").json["events"]
        equal("a list goes on from such a cursor", [r["instance"] for r in listed], ids[60:])
        one = Stream(s, f"/v1/events?after=0&instance={ids[7]}")
        equal("one instance alone can be followed", one.messages(1)[0][1]["instance"], ids[7])
        one.close()
        stream.close()


def crowd():
    with Server() as s:
        s.apply(FOOD)
        lazy = Stream(s, "/v1/events?after=0")  # never reads
        readers = [Stream(s, "/v1/events?after=0&event=StartWorkflow") for _ in range(20)]
        text = "x" * 100000
        for n in range(30):
            s.post("/v1/instances", {"template": "food", "input": {"order": f"C-{n}", "text": text}})
        counts = [len(r.messages(30)) for r in readers]
        equal("each of many readers gets all", counts, [30] * 20)
        check("one that does not read holds nobody up", s.get("/readyz").status == 200)
        for stream in readers + [lazy]:
            stream.close()
        check("all of them are forgotten", is_open(s, 0))


run(news, past, crowd)
