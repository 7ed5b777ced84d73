"""The real program under test, and what all end-to-end tests share.

A test is a plain script: it makes a `Cases`, runs each case by `check`, and ends with `finish`.
Waiting is always for a condition (`until`), never for time to pass.
"""

import http.client
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "servers"))

from ports import free_port  # noqa: E402,F401

PROGRAM = os.environ.get("SWM_PROGRAM", str(ROOT / "build" / "swm"))
WAIT_S = 30  # how long anything may take on a busy machine before it counts as not happening


class Cases:
    """Counts cases and says how each went."""

    def __init__(self):
        self.failed = 0

    def check(self, name, work, *args):
        """Runs one case; what it returns is handed on, None where it failed."""
        try:
            result = work(*args)
        except Exception as error:  # a case that dies must not hide those after it
            self.failed += 1
            why = str(error).replace("\n", " | ")[:600] or type(error).__name__
            print(f"not ok {name}: {why}", flush=True)
            if not isinstance(error, Failed):
                traceback.print_exc(file=sys.stdout)
            return None
        print(f"ok {name}", flush=True)
        return result

    def finish(self):
        sys.exit(1 if self.failed else 0)


class Failed(Exception):
    """What was expected did not hold."""


def must(holds, what):
    if not holds:
        raise Failed(what() if callable(what) else str(what))


def until(what, probe, wait_s=WAIT_S):
    """Asks again and again until the answer is true, and returns it."""
    end = time.monotonic() + wait_s
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failed(f"not within {wait_s} s: {what}")
        time.sleep(0.02)


class Server:
    """A server process on a port and a data folder of its own. May be started many times."""

    def __init__(self, data=None, port=None, limits=None, options=(), env=None):
        self.program = PROGRAM
        self.own = None if data else tempfile.mkdtemp(prefix="swm-e2e-")
        self.data = data or os.path.join(self.own, "data")
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self.limits = limits or {}  # resource number: value, set in the process itself
        self.options, self.env = list(options), dict(env or {})
        self.log = tempfile.TemporaryFile()
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def spawn(self):
        """Starts the process and does not wait for it."""

        def before():
            for number, value in self.limits.items():
                resource.setrlimit(number, (value, value))

        self.process = subprocess.Popen(
            [self.program, "serve", "--data", self.data, "--listen", self.address, *self.options],
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            preexec_fn=before if self.limits else None, close_fds=True)
        return self

    def start(self):
        self.spawn()
        until("the server is ready", self.is_ready)
        return self

    def is_ready(self):
        must(self.process.poll() is None, lambda: f"the server ended: {self.output()[-600:]}")
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def output(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def kill(self):
        """kill -9, and the process is gone afterwards."""
        self.process.kill()
        return self.process.wait()

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.terminate()
        return self.process.wait(WAIT_S)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.own:
            shutil.rmtree(self.own, ignore_errors=True)

    # --- asking it -------------------------------------------------------------------------------

    def ask(self, method, path, body=None, headers=None, timeout_s=WAIT_S):
        """One request on a connection of its own: (status, JSON)."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            return ask(link, method, path, body, headers)
        finally:
            link.close()

    def get(self, path):
        status, answer = self.ask("GET", path)
        must(status == 200, f"GET {path} answered {status}: {answer}")
        return answer

    def post(self, path, body, status=200):
        got, answer = self.ask("POST", path, body)
        must(got == status, f"POST {path} answered {got}: {answer}")
        return answer

    def cli(self, *args, code=0):
        """Runs the program as a client with --json: the parsed lines it printed."""
        done = subprocess.run([PROGRAM, *args, "--json"], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120,
                              env={**os.environ, "SWM_URL": self.url})
        said = (done.stdout + done.stderr)[-600:]
        must(done.returncode == code, f"swm {' '.join(args)} ended with {done.returncode}: {said}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def cli_one(self, *args, code=0):
        """The same for what prints one object."""
        answers = self.cli(*args, code=code)
        must(len(answers) == 1, f"swm {' '.join(args)} printed {len(answers)} objects")
        return answers[0]

    def show(self, instance):
        return self.cli_one("show", instance)

    def status_is(self, instance, status):
        return self.get(f"/v1/instances/{instance}")["status"] == status

    def sqs(self):
        """A stock client: only endpoint, region and credentials are set."""
        import boto3

        return boto3.client("sqs", endpoint_url=self.url, region_name="us-east-1",
                            aws_access_key_id="test", aws_secret_access_key="test")

    def cpu_s(self):
        """Seconds of processor time the process has used."""
        text = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        fields = text.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(link, method, path, body=None, headers=None):
    """One request on a connection that may be kept: (status, JSON)."""
    sent = dict(headers or {})
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    link.request(method, path, body=body, headers=sent)
    reply = link.getresponse()
    text = reply.read()
    try:
        return reply.status, json.loads(text) if text else None
    except ValueError:
        return reply.status, text


def task_of(shown, name):
    """A task in what `show` answers."""
    for stage in shown["stages"]:
        for task in stage["tasks"]:
            if task["name"] == name:
                return task
    raise Failed(f"there is no task {name}")
