"""A server of its own for each wire test, and the lines that tests print."""

import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM = os.path.abspath(os.environ.get("SWM_PROGRAM", "build/swm"))
PATIENCE_S = 30  # how long a condition is polled before the test fails

failures = 0


def check(name, holds, detail=""):
    """Prints one line for one case."""
    global failures
    if holds:
        print(f"ok {name}", flush=True)
    else:
        failures += 1
        print(f"not ok {name}: {str(detail)[:600]!r}", flush=True)
    return holds


def equal(name, have, want):
    return check(name, have == want, f"{have!r} is not {want!r}")


def poll(condition, patience_s=PATIENCE_S):
    """Asks until the answer is true, and returns it; None: it never was."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.01)
    return None


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["error"]["code"]

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Server:
    """swm serve on a free port with a data folder of its own. `health` is what /readyz says at
    last."""

    def __init__(self, *options, data=None, before=None, environment=None, health=200):
        self.folder = data or tempfile.mkdtemp(prefix="swm-wire-")
        self.is_own = data is None
        command = [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data", self.folder, *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=before,
            env={**os.environ, **(environment or {})},
        )
        self.first_line = self._read_line()
        found = re.search(r"ready on http://127\.0\.0\.1:(\d+) ", self.first_line)
        if not found:
            self.process.kill()
            raise RuntimeError(f"no ready line: {self.first_line!r} {self.process.stderr.read()!r}")
        self.port = int(found.group(1))
        if poll(lambda: self.get("/readyz").status == health) is None:
            raise RuntimeError(f"/readyz never said {health}")

    def _read_line(self):
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        return self.process.stdout.readline() if readable else ""

    def request(self, method, path, body=None, headers=None, timeout=PATIENCE_S):
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def post(self, path, body=None, headers=None, **rest):
        return self.request("POST", path, body, headers, **rest)

    def apply(self, text):
        return self.post("/v1/templates", text, {"Content-Type": "application/yaml"})

    def connect(self, timeout=PATIENCE_S):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def raw(self, data, timeout=PATIENCE_S):
        """What comes back for these bytes until the server closes or says no more for a while."""
        with self.connect(timeout) as s:
            try:
                s.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return read_all(s)

    def memory_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_alive(self):
        return self.process.poll() is None

    def send(self, which):
        self.process.send_signal(which)

    def stop(self, which=signal.SIGTERM):
        """Asks it to end (None: it was asked) and returns its exit status."""
        if which is not None and self.is_alive():
            self.send(which)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        if self.is_own:
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        code = self.stop()
        if why[0] is None:
            check("the server ends in order", code == 0, f"exit {code}: {self.errors}")


def read_all(s):
    """Reads one response as far as its length says, or until the end of the connection."""
    data = b""
    while True:
        try:
            piece = s.recv(65536)
        except (ConnectionResetError, socket.timeout):
            break
        if not piece:
            break
        data += piece
        head, mark, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if mark and length and len(body) >= int(length.group(1)):
            break
    return data


def status_of(raw):
    found = re.match(rb"HTTP/1\.[01] (\d{3})", raw)
    return int(found.group(1)) if found else None


def run(*cases):
    """Runs functions one after the other; one that dies is one failure."""
    for case in cases:
        try:
            case()
        except Exception:  # pylint: disable=broad-except
            last = traceback.format_exc().strip().splitlines()
            check(case.__name__, False, " | ".join(last[-6:]))
    sys.exit(1 if failures else 0)


FOOD = """
name: food
key: ${ .input.order }
input: {type: object, required: [order]}
stages:
  - name: order
    tasks:
      - {name: confirm, queue: confirm_queue, business_status: CONFIRMED}
  - name: prepare
    tasks:
      - {name: cook, queue: cook_queue, input: {dish: "${ .input.dish }"}}
      - {name: assign, queue: assign_queue}
  - name: deliver
    tasks:
      - {name: hand_over, human: {assignee: courier}}
output: {dish: "${ .tasks.cook.output.dish }"}
"""
