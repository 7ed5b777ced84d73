"""A stand-in for Amazon SQS that a test can make fail: AWS JSON 1.0, signatures checked, queues in
memory. A hook sees each request first and may answer it itself, or have the reply lost after the
work is done."""

import datetime
import hashlib
import http.server
import json
import threading
import time
import uuid

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

WAIT_S = 30  # for a queue that the driver makes
KEY, SECRET = "AKIDTEST", "a/secret+that/nobody+may/see"
ACCOUNT = "123456789012"
SKEW_MAX_S = 15 * 60


class Fail(Exception):
    """An answer other than success."""

    def __init__(self, code, status=400, message=""):
        super().__init__(code)
        self.code, self.status, self.message = code, status, message or code


class Lost(Exception):
    """The work is done, and the reply does not arrive."""


def no_queue():
    return Fail("AWS.SimpleQueueService.NonExistentQueue", 400,
                "The specified queue does not exist.")


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


class Message:
    def __init__(self, entry):
        self.id = str(uuid.uuid4())
        self.body = entry["MessageBody"]
        self.group = entry.get("MessageGroupId")
        self.dedup = entry.get("MessageDeduplicationId")
        self.delay = entry.get("DelaySeconds", 0)
        self.visible_at = time.monotonic() + self.delay
        self.receives = 0
        self.receipt = None


class Queue:
    def __init__(self, name, attributes):
        self.name, self.attributes = name, attributes
        self.messages = []
        self.sent = []  # everything that was ever sent to it
        self.is_fifo = name.endswith(".fifo")

    def send(self, entry):
        m = Message(entry)
        known = [o for o in self.sent if self.is_fifo and o.dedup and o.dedup == m.dedup]
        if known:
            return known[0]
        self.messages.append(m)
        self.sent.append(m)
        return m

    def take(self, most, hidden_s):
        now, taken, busy = time.monotonic(), [], set()
        for m in self.messages:
            if self.is_fifo and m.visible_at > now:
                busy.add(m.group)
            if m.visible_at > now or (self.is_fifo and m.group in busy) or len(taken) >= most:
                continue
            m.visible_at, m.receives, m.receipt = now + hidden_s, m.receives + 1, str(uuid.uuid4())
            taken.append(m)
        return taken

    def find(self, receipt):
        return next((m for m in self.messages if m.receipt == receipt), None)

    def bodies(self):
        return [m.body for m in self.messages]


class Stub:
    def __init__(self):
        self.lock = threading.Condition()
        self.queues = {}
        self.calls = []  # (action, request)
        self.hook = lambda action, request: None  # may raise Fail, Lost, or return an answer
        self.secrets = {KEY: SECRET}
        self.tokens = {}  # access key: session token
        self.ahead_s = 0  # how far its clock is ahead
        self.pages = {}  # (method, path): function of the headers, answers (status, text)
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                stub.answer(self)

            def do_GET(self):
                stub.page(self)

            def do_PUT(self):
                stub.page(self)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # clients that go are part of the tests

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        with self.lock:
            self.is_closed = True
            self.lock.notify_all()
        self.server.shutdown()
        self.server.server_close()

    is_closed = False

    # --- what tests ask ---

    def count(self, action):
        with self.lock:
            return sum(1 for name, _ in self.calls if name == action)

    def queue(self, name):
        with self.lock:
            return self.queues.get(name)

    def make(self, name, **attributes):
        with self.lock:
            return self.queues.setdefault(name, Queue(name, attributes))

    def put(self, name, body, **more):
        with self.lock:
            self.lock.wait_for(lambda: name in self.queues, WAIT_S)
            if not isinstance(body, str):
                body = json.dumps(body)
            m = self.queues[name].send({"MessageBody": body, **more})
            self.lock.notify_all()
            return m

    def sent(self, name):
        """Every message that was ever sent to a queue, read as JSON."""
        with self.lock:
            return [json.loads(m.body) for m in self.queues[name].sent] \
                if name in self.queues else []

    def left(self, name):
        with self.lock:
            return len(self.queues[name].messages) if name in self.queues else 0

    # --- HTTP ---

    def date(self):
        return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(
            seconds=self.ahead_s)

    def write(self, handler, status, body, headers=()):
        data = body.encode()
        handler.send_response_only(status)
        handler.send_header("Date", self.date().strftime("%a, %d %b %Y %H:%M:%S GMT"))
        handler.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    def page(self, handler):
        make = self.pages.get((handler.command, handler.path))
        status, text = make(handler.headers) if make else (404, "")
        self.write(handler, status, text)

    def answer(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        action = handler.headers["X-Amz-Target"].partition(".")[2]
        request = json.loads(body)
        try:
            self.check_signature(handler, body)
            reply = self.run(action, request)
            self.write(handler, 200, json.dumps(reply),
                       [("Content-Type", "application/x-amz-json-1.0")])
        except Lost:
            handler.close_connection = True
        except Fail as f:
            error = {"__type": f"com.amazonaws.sqs#{f.code.rpartition('.')[2]}",
                     "message": f.message}
            self.write(handler, f.status, json.dumps(error),
                       [("x-amzn-query-error", f"{f.code};Sender")])

    def check_signature(self, handler, body):
        given = handler.headers["Authorization"]
        key = given.partition("Credential=")[2].partition("/")[0]
        region = given.partition("Credential=")[2].split("/")[2]
        stamp = handler.headers["X-Amz-Date"]
        at = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(
            tzinfo=datetime.timezone.utc)
        if key not in self.secrets:
            raise Fail("InvalidClientTokenId", 403)
        if self.tokens.get(key) != handler.headers.get("X-Amz-Security-Token"):
            raise Fail("InvalidClientTokenId", 403)
        if abs((self.date() - at).total_seconds()) > SKEW_MAX_S:
            raise Fail("InvalidSignatureException", 403, "Signature expired")
        request = AWSRequest("POST", self.url + "/", data=body)
        for name in given.partition("SignedHeaders=")[2].partition(",")[0].split(";"):
            request.headers[name] = handler.headers[name]
        request.context["timestamp"] = stamp
        signer = SigV4Auth(Credentials(key, self.secrets[key]), "sqs", region)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        if given.partition("Signature=")[2] != signer.signature(text, request):
            raise Fail("SignatureDoesNotMatch", 403)

    # --- actions ---

    def run(self, action, request):
        with self.lock:
            self.calls.append((action, request))
            special = self.hook(action, request)
            if isinstance(special, dict):
                return special
            reply = getattr(self, "do_" + action)(request)
            if special is Lost:
                raise Lost
            return reply

    def of(self, request):
        name = request["QueueUrl"].rpartition("/")[2]
        if name not in self.queues:
            raise no_queue()
        return self.queues[name]

    def address(self, name):
        return {"QueueUrl": f"{self.url}/{ACCOUNT}/{name}"}

    def do_GetQueueUrl(self, request):
        if request["QueueName"] not in self.queues:
            raise no_queue()
        return self.address(request["QueueName"])

    def do_CreateQueue(self, request):
        self.queues[request["QueueName"]] = Queue(request["QueueName"], request["Attributes"])
        self.lock.notify_all()
        return self.address(request["QueueName"])

    def do_DeleteQueue(self, request):
        del self.queues[self.of(request).name]
        return {}

    def do_GetQueueAttributes(self, request):
        q = self.of(request)
        return {"Attributes": {**q.attributes, "ApproximateNumberOfMessages": str(len(q.messages))}}

    def do_SendMessageBatch(self, request):
        q, good, bad = self.of(request), [], []
        for entry in request["Entries"]:
            fault = self.entry_fault(q, entry)
            if fault:
                bad.append({"Id": entry["Id"], "SenderFault": False, "Code": fault,
                            "Message": fault})
                continue
            m = q.send(entry)
            good.append({"Id": entry["Id"], "MessageId": m.id, "MD5OfMessageBody": md5(m.body)})
        self.lock.notify_all()
        return {"Successful": good, "Failed": bad}

    entry_fault = staticmethod(lambda queue, entry: None)

    def do_ReceiveMessage(self, request):
        end = time.monotonic() + request.get("WaitTimeSeconds", 0)
        while True:
            taken = self.of(request).take(request["MaxNumberOfMessages"],
                                          request.get("VisibilityTimeout", 30))
            left = end - time.monotonic()
            if taken or left <= 0 or self.is_closed:
                break
            self.lock.wait(min(left, 0.2))  # messages become visible again by themselves
        return {"Messages": [self.show(m) for m in taken]} if taken else {}

    @staticmethod
    def show(m):
        attributes = {"ApproximateReceiveCount": str(m.receives), "SentTimestamp": "1"}
        if m.group:
            attributes["MessageGroupId"] = m.group
        return {"MessageId": m.id, "ReceiptHandle": m.receipt, "Body": m.body,
                "MD5OfBody": md5(m.body), "Attributes": attributes}

    def do_DeleteMessageBatch(self, request):
        q = self.of(request)
        for entry in request["Entries"]:
            m = q.find(entry["ReceiptHandle"])
            if m:
                q.messages.remove(m)
        return {"Successful": [{"Id": e["Id"]} for e in request["Entries"]], "Failed": []}

    def do_ChangeMessageVisibilityBatch(self, request):
        q = self.of(request)
        for entry in request["Entries"]:
            m = q.find(entry["ReceiptHandle"])
            if m:
                m.visible_at = time.monotonic() + entry["VisibilityTimeout"]
        self.lock.notify_all()
        return {"Successful": [{"Id": e["Id"]} for e in request["Entries"]], "Failed": []}
