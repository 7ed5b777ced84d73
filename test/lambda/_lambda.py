"""AWS Lambda under test: sandboxes with a runtime API of their own, and what stands around them.

A sandbox is the real program, started under the name bootstrap. Its double of the runtime API does
what AWS does: the process is frozen (SIGSTOP) from when it asks for the next invocation until there
is one, and killed (SIGKILL) at the deadline. A function has as many sandboxes as are called for at
one time. A poller stands for the event source of a queue.
"""

import base64
import contextlib
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "cluster")]

from _cluster import CREDENTIALS, FAKETIME, Moto, OwnSqs, REGION, Replicas, sqs_client  # noqa: E402,F401
from _server import Cases, Failed, PROGRAM, ROOT, Server, WAIT_S, must, until  # noqa: E402,F401
from proxy import Proxy  # noqa: E402,F401
from rie import Emulator  # noqa: E402,F401
from runtime_api import Quiet, Threads, most_memory_kb  # noqa: E402

BASE = "/2018-06-01/runtime/"
ANSWER_BYTES_MAX = 6 * 1024 * 1024 + 100
KEY = "an-admin-key-for-tests"
ACCOUNT = "000000000000"


class TimedOut(OSError):
    """The sandbox was killed at its deadline."""


class Crashed(OSError):
    """The sandbox ended by itself."""


class FunctionError(Exception):
    """What the function answered with /error: its type and message."""

    def __init__(self, answer):
        super().__init__(f"{answer.get('errorType')}: {answer.get('errorMessage')}")
        self.type, self.message = answer.get("errorType"), answer.get("errorMessage")


class Invocation:
    def __init__(self, body, timeout_s, ident):
        self.body, self.id = body, ident
        self.deadline = time.time() + timeout_s
        self.answer = queue.Queue()


class Sandbox:
    """One process and its runtime API."""

    numbers = 0
    lock = threading.Lock()

    def __init__(self, env, program=PROGRAM):
        self.env, self.program = env, program
        self.folder = tempfile.TemporaryDirectory(prefix="swm-lambda-")
        self.log = tempfile.TemporaryFile()
        self.waiting = queue.Queue()  # invocations that the process may take
        self.current = None
        self.asked = threading.Semaphore(0)  # the process has asked for the next one
        self.init_error = None
        self.answer_bytes_max = ANSWER_BYTES_MAX
        self.is_over = False  # there is no next invocation any more
        self.process = None
        api = type("Api", (RuntimeApi,), {"sandbox": self})
        self.server = Threads(("127.0.0.1", 0), api)
        self.server.__enter__()

    def start(self):
        bootstrap = pathlib.Path(self.folder.name) / "bootstrap"
        bootstrap.symlink_to(pathlib.Path(self.program).resolve())
        address = f"127.0.0.1:{self.server.port}"
        self.process = subprocess.Popen(
            [str(bootstrap)], env={**os.environ, "AWS_LAMBDA_RUNTIME_API": address, **self.env},
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, close_fds=True)
        return self

    def output(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def invoke(self, event, timeout_s=20, ident=None, peril=None):
        """The answer, parsed. Raises FunctionError, TimedOut or Crashed."""
        self.wait_asked(WAIT_S)
        with Sandbox.lock:
            Sandbox.numbers += 1
            ident = ident or f"request-{os.getpid()}-{Sandbox.numbers}"
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.current = i = Invocation(body, timeout_s, ident)
        self.thaw()
        if peril:
            peril(self)
        self.waiting.put(i)
        kind, answer = self.wait_answer(i)
        if kind == "error":
            raise FunctionError(json.loads(answer))
        return json.loads(answer)

    def wait_asked(self, cold_s):
        end = time.monotonic() + cold_s
        while not self.asked.acquire(timeout=0.2):
            if not self.is_running():
                raise Crashed(f"the sandbox ended: {self.output()[-600:]}")
            must(time.monotonic() < end, lambda: f"no start within {cold_s} s: {self.output()}")

    def wait_answer(self, i):
        while True:
            try:
                return i.answer.get(timeout=max(0.001, min(0.2, i.deadline - time.time())))
            except queue.Empty:
                pass
            if not self.is_running():
                raise Crashed(f"the sandbox ended in an invocation: {self.output()[-600:]}")
            if time.time() > i.deadline:
                self.kill()
                raise TimedOut(f"killed at its deadline: {self.output()[-400:]}")

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def signal(self, number):
        """It may be killed at any moment."""
        with contextlib.suppress(ProcessLookupError):
            if self.is_running():
                os.kill(self.process.pid, number)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self):
        """The runtime API goes away: the process gives everything back. Its exit status."""
        self.wait_asked(WAIT_S)
        self.is_over = True
        self.thaw()
        self.waiting.put(None)
        until("it ends", lambda: self.thaw() or not self.is_running())
        return self.process.returncode

    def close(self):
        self.kill()
        self.server.__exit__()
        self.folder.cleanup()

    def memory_kb(self):
        """The most memory that it ever had."""
        return most_memory_kb(self.process.pid)


class RuntimeApi(Quiet):
    sandbox = None

    def do_GET(self):
        must(self.path == BASE + "invocation/next", self.path)
        s = self.sandbox
        s.freeze()
        s.asked.release()
        i = None if s.is_over else s.waiting.get()
        if i is None:
            self.close_connection = True
            return
        self.reply(200, i.body, [("Content-Type", "application/json"),
                                 ("Lambda-Runtime-Aws-Request-Id", i.id),
                                 ("Lambda-Runtime-Deadline-Ms", str(int(i.deadline * 1000))),
                                 ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:x")])

    def do_POST(self):
        s = self.sandbox
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == BASE + "init/error":
            s.init_error = json.loads(body)
            self.reply(202)
            return
        _, ident, kind = self.path[len(BASE):].split("/")
        must(ident == s.current.id, f"an answer to {ident}, which is not being asked")
        if kind == "response" and len(body) > s.answer_bytes_max:
            self.reply(413, b'{"errorType":"RequestEntityTooLarge"}')
            return
        s.current.answer.put((kind, body))
        self.reply(202)


class Links:
    """Proxies between sandboxes and the database, so that a test can cut them."""

    def __init__(self, replicas):
        self.proxies = [Proxy(m.port) for m in replicas.members]
        told = {f"127.0.0.1:{m.port}".encode(): f"127.0.0.1:{p.port}".encode()
                for m, p in zip(replicas.members, self.proxies)}
        for proxy in self.proxies:
            proxy.rewrite = told

    def uri(self, replicas, database):
        hosts = ",".join(f"127.0.0.1:{p.port}" for p in self.proxies)
        return f"mongodb://{hosts}/{database}?replicaSet={replicas.name}"

    def each(self, what):
        for proxy in self.proxies:
            getattr(proxy, what)()


class Function:
    """As many sandboxes as there are invocations at one time; an idle one is used again."""

    def __init__(self, store, sqs, env=None, timeout_s=10, timers=None):
        query = f"events={sqs.events}" + (f"&timers={timers}" if timers else "")
        self.env = {**CREDENTIALS, "SWM_STORE": store, "SWM_QUEUE": f"sqs://{REGION}?{query}",
                    "AWS_ENDPOINT_URL_SQS": sqs.url, "SWM_ADMIN_KEY": KEY, **(env or {})}
        self.env = {k: v for k, v in self.env.items() if v is not None}
        self.timeout_s = timeout_s
        self.lock = threading.Lock()
        self.idle, self.busy, self.made = [], set(), 0
        self.outputs = []
        self.peril = None  # called with each sandbox that is about to work

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sandbox in [*self.idle, *self.busy]:
            sandbox.close()

    def rest(self):
        """Waits until every sandbox has left and is frozen."""
        for sandbox in self.idle:
            sandbox.wait_asked(WAIT_S)
            sandbox.asked.release()

    def take(self):
        with self.lock:
            sandbox = self.idle.pop() if self.idle else None
            if sandbox is None:
                self.made += 1
                sandbox = Sandbox(self.env)
            self.busy.add(sandbox)
        return sandbox if sandbox.process else sandbox.start()

    def give(self, sandbox):
        with self.lock:
            self.busy.discard(sandbox)
            if sandbox.is_running():
                self.idle.append(sandbox)
                return
        self.outputs.append(sandbox.output())
        sandbox.close()

    def invoke(self, event, timeout_s=None, ident=None):
        sandbox = self.take()
        try:
            return sandbox.invoke(event, timeout_s or self.timeout_s, ident, self.peril)
        finally:
            self.give(sandbox)

    def tick(self, **options):
        answer = self.invoke({"source": "aws.events", "detail-type": "Scheduled Event",
                              "resources": [], "detail": {}}, **options)
        must(answer["swm"] == "tick", answer)
        return answer

    # --- over HTTP, as a function URL ------------------------------------------------------------

    def ask(self, method, path, body=None, headers=None, key=KEY, timeout_s=None):
        """(status, answer) by way of a function URL. Its own time limit holds, not the asker's."""
        answer = self.invoke(url_event(method, path, body, headers, key))
        return answer["statusCode"], parse(body_of(answer))

    def get(self, path):
        status, answer = self.ask("GET", path)
        must(status == 200, f"GET {path} answered {status}: {answer}")
        return answer

    def post(self, path, body, status=200):
        got, answer = self.ask("POST", path, body)
        must(got == status, f"POST {path} answered {got}: {answer}")
        return answer


def url_event(method, path, body=None, headers=None, key=KEY, host="abc.lambda-url.aws.test"):
    sent = {"host": host, "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
    if key:
        sent["authorization"] = f"Bearer {key}"
    binary = isinstance(body, bytes)
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    if body is not None:
        sent["content-type"] = "application/json"
    sent.update(headers or {})
    raw_path, _, query = path.partition("?")
    event = {"version": "2.0", "routeKey": "$default", "rawPath": raw_path,
             "rawQueryString": query, "headers": sent, "isBase64Encoded": binary,
             "requestContext": {"domainName": "abc.lambda-url.aws.test", "stage": "$default",
                                "http": {"method": method, "path": urllib.parse.unquote(raw_path),
                                         "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7",
                                         "userAgent": "test"}}}
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if binary else body
    return event


def body_of(answer):
    body = answer.get("body", "")
    return base64.b64decode(body) if answer.get("isBase64Encoded") else body


def parse(text):
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def records_event(messages, queue_name, region=REGION):
    """What the event source of a queue sends: `messages` as (id, body) or as boto3 received them."""
    records = []
    for m in messages:
        if isinstance(m, tuple):
            m = {"MessageId": m[0], "Body": m[1], **(m[2] if len(m) > 2 else {})}
        records.append({
            "messageId": m["MessageId"], "receiptHandle": m.get("ReceiptHandle", "r"),
            "body": m["Body"], "attributes": m.get("Attributes", {}), "messageAttributes": {},
            "md5OfBody": "x", "eventSource": "aws:sqs", "awsRegion": region,
            "eventSourceARN": f"arn:aws:sqs:{region}:{ACCOUNT}:{queue_name}"})
    return {"Records": records}


def failures_of(answer):
    return [f["itemIdentifier"] for f in answer["batchItemFailures"]]


class Poller:
    """The event source of a queue: receives, invokes, deletes what is not failed."""

    def __init__(self, function, sqs, name, threads=2, batch=10, hidden_s=2):
        self.function, self.sqs, self.name = function, sqs, name
        self.batch, self.hidden_s = batch, hidden_s
        self.stopped = threading.Event()
        self.invocations, self.lost = 0, 0
        self.errors = []
        self.threads = [threading.Thread(target=self.guard, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        must(kind or not self.errors, lambda: f"the poller of {self.name}: {self.errors[0]}")

    def guard(self):
        try:
            self.work(sqs_client(self.sqs.url))
        except Exception as error:  # told at the end: a thread has nobody to raise it to
            self.errors.append(repr(error))

    def work(self, sqs):
        url = sqs.create_queue(QueueName=self.name)["QueueUrl"]
        while not self.stopped.is_set():
            got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=self.batch,
                                      WaitTimeSeconds=1, VisibilityTimeout=self.hidden_s)
            messages = got.get("Messages", [])
            if messages:
                self.hand_over(sqs, url, messages)

    def hand_over(self, sqs, url, messages):
        """An invocation that dies is no answer: all of it comes again."""
        self.invocations += 1
        try:
            failed = failures_of(self.function.invoke(records_event(messages, self.name)))
        except (TimedOut, Crashed, FunctionError):
            self.lost += 1
            return
        done = [m for m in messages if m["MessageId"] not in failed]
        if done:
            sqs.delete_message_batch(QueueUrl=url, Entries=[
                {"Id": str(k), "ReceiptHandle": m["ReceiptHandle"]} for k, m in enumerate(done)])


class Ticker:
    """The schedule: a tick now and then, whatever becomes of it."""

    def __init__(self, function, every_s):
        self.function, self.every_s = function, every_s
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def work(self):
        while not self.stopped.wait(self.every_s):
            try:
                self.function.tick()
            except (TimedOut, Crashed):
                pass  # the next one finds what it left


class Gateway(Server):
    """An HTTP server before a function, as a function URL is: for the command line and others."""

    def __init__(self, function):
        self.function = function
        door = type("Door", (GatewayDoor,), {"function": function})
        self.http = Threads(("127.0.0.1", 0), door)
        self.port = self.http.port
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self.process = self.own = None

    def __enter__(self):
        self.http.__enter__()
        os.environ["SWM_TOKEN"] = KEY  # for the command line
        return self

    def __exit__(self, *_):
        self.http.__exit__()

    def ask(self, method, path, body=None, headers=None, timeout_s=WAIT_S):
        return super().ask(method, path, body, {"Authorization": f"Bearer {KEY}", **(headers or {})},
                           timeout_s)


class GatewayDoor(RuntimeApi):
    function = None

    def serve(self):
        length = self.headers["Content-Length"]
        body = self.rfile.read(int(length)) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        event = url_event(self.command, self.path, body or None, headers, key=None)
        event["requestContext"]["domainName"] = headers["host"].partition(":")[0]
        answer = self.function.invoke(event)
        said = body_of(answer)
        self.reply(answer["statusCode"], said if isinstance(said, bytes) else said.encode(),
                   list(answer["headers"].items()))

    do_GET = do_POST = do_DELETE = serve
