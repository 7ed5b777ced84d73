"""A package for AWS Lambda, unpacked and run, and a double of the runtime API that it asks. Needs
nothing but Python, so that `make lambda` can measure what it has made."""

import http.server
import json
import os
import pathlib
import queue
import shutil
import subprocess
import tempfile
import time
import zipfile

from served import Served

PATIENCE_S = 60
HEALTH = {"version": "2.0", "rawPath": "/healthz", "rawQueryString": "", "headers": {},
          "requestContext": {"domainName": "x.lambda-url.eu-central-1.on.aws", "stage": "$default",
                             "http": {"method": "GET", "path": "/healthz",
                                      "sourceIp": "192.0.2.1"}}}


def most_memory_kb(pid):
    """The most memory that the process ever had."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise OSError("the kernel does not tell")


class Sandbox:
    """The package's program; with `alone` in a file system that holds nothing else but what a test
    puts there, which only root can make."""

    def __init__(self, package, emulator=None, alone=True):
        self.emulator, self.alone = emulator, alone
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="swm-package-"))
        with zipfile.ZipFile(package) as z:
            self.names = z.namelist()
            mode = z.infolist()[0].external_attr >> 16
            z.extractall(self.root)
        self.is_executable = mode & 0o777 == 0o755
        (self.root / "bootstrap").chmod(mode & 0o777)
        if emulator:
            shutil.copy(emulator, self.root / "emulator")
        self.process = None

    def put(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def start(self, env, name="bootstrap", arguments=()):
        command = [name, *arguments]
        program = "/bootstrap" if self.alone else str(self.root / "bootstrap")
        if self.emulator:
            program = "/emulator"
            command = ["emulator", "-0", name, "/bootstrap", *arguments]

        def enter():
            os.chroot(self.root)
            os.chdir("/")

        self.log = tempfile.TemporaryFile()
        self.began = time.monotonic()
        self.process = subprocess.Popen(command, executable=program, env=env,
                                        preexec_fn=enter if self.alone else None,
                                        stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        return self

    def output(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def wait(self):
        return self.process.wait(PATIENCE_S)

    def memory_kb(self):
        return most_memory_kb(self.process.pid)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def close(self):
        self.stop()
        shutil.rmtree(self.root)


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"{}", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


class Threads(Served, http.server.ThreadingHTTPServer):
    tls = None  # wraps each connection
    handshakes = 0

    def finish_request(self, request, client):
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True)
            self.handshakes += 1
        super().finish_request(request, client)

    @property
    def port(self):
        return self.server_address[1]


class RuntimeApi(Threads):
    """Hands out what `ask` puts in, and keeps when the program asked."""

    def __init__(self):
        self.events, self.answers, self.asked = queue.Queue(), queue.Queue(), queue.Queue()
        super().__init__(("127.0.0.1", 0), RuntimeCall)

    def wait(self, of, sandbox):
        """The next of `asked` or `answers`."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and (sandbox.process.poll() is None or not of.empty()):
            try:
                return of.get(timeout=0.05)
            except queue.Empty:
                pass
        raise OSError(f"the program said nothing, exit {sandbox.process.poll()}: "
                      f"{sandbox.output()[-600:]}")

    def ask(self, event):
        self.events.put(json.dumps(event).encode())

    def address(self):
        return f"127.0.0.1:{self.port}"


class RuntimeCall(Quiet):
    def do_GET(self):
        self.server.asked.put(time.monotonic())
        event = self.server.events.get()
        deadline = str(int((time.time() + PATIENCE_S) * 1000))
        self.reply(200, event, [("Lambda-Runtime-Aws-Request-Id", "request-1"),
                                ("Lambda-Runtime-Deadline-Ms", deadline)])

    def do_POST(self):
        self.server.answers.put((time.monotonic(), self.path, json.loads(self.body() or b"null")))
        self.reply(202)


def measure_starts(sandbox, environment, count):
    """(seconds, seconds) of each of so many cold starts: from the start of the process to its first
    question to the runtime API, and to its first answer. `environment` is told the API."""
    asked, answered = [], []
    for _ in range(count):
        with RuntimeApi() as api:
            api.ask(HEALTH)
            sandbox.start(environment(api))
            asked.append(api.wait(api.asked, sandbox) - sandbox.began)
            answered.append(api.wait(api.answers, sandbox)[0] - sandbox.began)
            sandbox.stop()
    return asked, answered


def tell_starts(asked, answered):
    """One line for each of the two."""
    for what, times in (("first question", asked), ("first answer", answered)):
        times = sorted(times)
        yield (f"cold start to the {what}: median {times[len(times) // 2] * 1000:.1f} ms, "
               f"least {times[0] * 1000:.1f} ms of {len(times)}")
