"""A double of a MongoDB for one thing: a program that starts against a store in which there is
nothing. It remembers what is put into the collection `meta` and which indexes were made, finds
nothing else, and answers at once. It needs nothing but Python."""

import socket
import socketserver
import struct
import threading
import time

from served import Served

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
SIZES = {0x01: 8, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8}
STRING, DOCUMENT, ARRAY, BINARY, BOOL, TIME, INT32, INT64 = 2, 3, 4, 5, 8, 9, 16, 18
SET = "double"


class Time(int):
    """Milliseconds, which MongoDB has a type for."""


class Int64(int):
    """A number that is sent in eight bytes."""


def split(document):
    """{name: (type, bytes)} of a BSON document; values stay as they came."""
    elements, at = {}, 4
    while document[at]:
        kind, end = document[at], document.index(0, at + 1)
        name, at = document[at + 1:end].decode(), end + 1
        size = SIZES.get(kind)
        if size is None:
            size = struct.unpack_from("<i", document, at)[0]
            size += {STRING: 4, BINARY: 5}.get(kind, 0)
        elements[name] = kind, document[at:at + size]
        at += size
    return elements


def join(elements):
    body = b"".join(bytes([kind]) + name.encode() + b"\0" + value
                    for name, (kind, value) in elements.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def encode(value):
    """(type, bytes) of a value; bytes are a document that is ready."""
    if isinstance(value, bytes):
        return DOCUMENT, value
    if isinstance(value, bool):
        return BOOL, bytes([value])
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return STRING, struct.pack("<i", len(text)) + text
    if isinstance(value, dict):
        return DOCUMENT, document_of(value)
    if isinstance(value, list):
        return ARRAY, document_of({str(n): v for n, v in enumerate(value)})
    if isinstance(value, Time):
        return TIME, struct.pack("<q", value)
    if isinstance(value, Int64):
        return INT64, struct.pack("<q", value)
    return INT32, struct.pack("<i", value)


def document_of(values):
    return join({name: encode(value) for name, value in values.items()})


def text_of(element):
    return element[1][4:-1].decode()


class StoreDouble(Served, socketserver.ThreadingTCPServer):
    disable_nagle_algorithm = True

    def __init__(self):
        self.meta, self.indexes, self.lock = {}, {}, threading.Lock()
        super().__init__(("127.0.0.1", 0), Connection)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.uri = f"mongodb://{self.address}/double?replicaSet={SET}"

    def answer(self, command, documents):
        """To a command, of which `documents` may have come beside it."""
        elements = split(command)
        name = next(iter(elements))
        for list_name in ("documents", "updates", "indexes"):
            if list_name in elements:
                documents = [v for _, v in split(elements[list_name][1]).values()]
        work = getattr(self, "do_" + name.lower(), None)
        with self.lock:
            told = work(elements, name, documents) if work else {}
        return document_of({**told, "ok": 1})

    def do_hello(self, *_):
        return {"helloOk": True, "ismaster": True, "isWritablePrimary": True, "setName": SET,
                "setVersion": 1, "hosts": [self.address], "primary": self.address,
                "me": self.address, "maxBsonObjectSize": 16 << 20,
                "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
                "localTime": Time(time.time() * 1000), "logicalSessionTimeoutMinutes": 30,
                "minWireVersion": 0, "maxWireVersion": 17}

    do_ismaster = do_hello

    def do_find(self, elements, name, _):
        wanted, found = split(elements["filter"][1]).get("_id"), []
        if text_of(elements[name]) == "meta" and wanted in self.meta:
            found = [join(self.meta[wanted])]
        return self.cursor(text_of(elements[name]), found)

    def do_listindexes(self, elements, name, _):
        collection = text_of(elements[name])
        return self.cursor(collection, self.indexes.get(collection, []))

    def cursor(self, collection, documents):
        return {"cursor": {"id": Int64(0), "ns": "double." + collection, "firstBatch": documents}}

    def do_createindexes(self, elements, name, documents):
        self.indexes.setdefault(text_of(elements[name]), []).extend(documents)
        return {}

    def do_insert(self, elements, name, documents):
        if text_of(elements[name]) == "meta":
            for document in map(split, documents):
                self.meta[document["_id"]] = document
        return {"n": len(documents)}

    def do_update(self, _, __, updates):
        for update in map(split, updates):
            row = self.meta.get(split(update["q"][1]).get("_id"))
            if row is not None:
                row.update(split(split(update["u"][1])["$set"][1]))
        return {"n": len(updates), "nModified": len(updates)}


class Connection(socketserver.StreamRequestHandler):
    def setup(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()

    def handle(self):
        while head := self.rfile.read(16):
            size, ident, _, opcode = struct.unpack("<iiii", head)
            body = self.rfile.read(size - 16)
            if opcode == OP_QUERY:  # the first word of drivers
                at = body.index(0, 4) + 9
                told = struct.pack("<iqii", 8, 0, 0, 1) + self.server.answer(body[at:], [])
                self.send(ident, OP_REPLY, told)
            else:
                told = self.server.answer(*self.read_sections(body))
                self.send(ident, OP_MSG, struct.pack("<IB", 0, 0) + told)

    def read_sections(self, body):
        command, documents, at = b"", [], 4
        while at < len(body):
            kind, at = body[at], at + 1
            size = struct.unpack_from("<i", body, at)[0]
            if kind == 0:
                command = body[at:at + size]
            else:
                first = body.index(0, at + 4) + 1
                documents = list(self.cut(body[first:at + size]))
            at += size
        return command, documents

    def cut(self, many):
        while many:
            size = struct.unpack_from("<i", many)[0]
            yield many[:size]
            many = many[size:]

    def send(self, ident, opcode, body):
        self.wfile.write(struct.pack("<iiii", len(body) + 16, 0, ident, opcode) + body)
        self.wfile.flush()
