"""What stands around the package for AWS Lambda in its test: a folder that becomes its whole file
system, the runtime API, a DNS server, and Secrets Manager over TLS. Everything is on loopback."""

import fcntl
import http.server
import json
import os
import pathlib
import queue
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

PATIENCE_S = 60
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # of linux/sockios.h and linux/if.h
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_SESSION_TOKEN": "a-session", "AWS_REGION": "eu-central-1"}


class Sandbox:
    """The package's program in a file system that holds nothing else but what a test puts there."""

    def __init__(self, package, emulator=None):
        self.emulator = emulator
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
        program = "/bootstrap"
        if self.emulator:
            program = "/emulator"
            command = ["emulator", "-0", name, "/bootstrap", *arguments]

        def enter():
            os.chroot(self.root)
            os.chdir("/")

        self.log = tempfile.TemporaryFile()
        self.began = time.monotonic()
        self.process = subprocess.Popen(command, executable=program, env=env, preexec_fn=enter,
                                        stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        return self

    def output(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def wait(self):
        return self.process.wait(PATIENCE_S)

    def memory_kb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
        raise OSError("the kernel does not tell")

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

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


class Threads(http.server.ThreadingHTTPServer):
    daemon_threads = True
    tls = None  # wraps each connection
    handshakes = 0

    def finish_request(self, request, client):
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True)
            self.handshakes += 1
        super().finish_request(request, client)

    def handle_error(self, *_):
        """A handshake that the other side breaks off, a program that ends."""

    @property
    def port(self):
        return self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


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
        self.reply(202, b"{}")


class Secrets(Threads):
    """Hands out one secret to whoever signs with KEYS, over TLS."""

    def __init__(self, tls, arn, text):
        self.arn, self.text, self.tls, self.refused = arn, text, tls, []
        super().__init__(("127.0.0.1", 0), SecretsCall)


class SecretsCall(Quiet):
    def do_POST(self):
        body = self.body()
        why = self.refusal(body)
        if why:
            self.server.refused.append(why)
            self.reply(400, b'{"__type":"AccessDeniedException"}')
        else:
            self.reply(200, json.dumps({"SecretString": self.server.text}).encode())

    def refusal(self, body):
        given = self.headers["Authorization"]
        request = AWSRequest("POST", f"https://{self.headers['Host']}/", data=body)
        for name in given.partition("SignedHeaders=")[2].partition(",")[0].split(";"):
            request.headers[name] = self.headers[name]
        request.context["timestamp"] = self.headers["X-Amz-Date"]
        keys = Credentials(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"])
        signer = SigV4Auth(keys, "secretsmanager", KEYS["AWS_REGION"])
        text = signer.string_to_sign(request, signer.canonical_request(request))
        if given.partition("Signature=")[2] != signer.signature(text, request):
            return f"{given} does not fit {text!r}"
        if self.headers["X-Amz-Security-Token"] != KEYS["AWS_SESSION_TOKEN"]:
            return "another session"
        if self.headers["X-Amz-Target"] != "secretsmanager.GetSecretValue":
            return self.headers["X-Amz-Target"]
        return None if json.loads(body) == {"SecretId": self.server.arn} else str(body)


class Dns:
    """Answers what it was told, by UDP on an address of its own."""

    address = "127.53.0.1"

    def __init__(self, records):
        self.records = {(name, kind): dns.rrset.from_text(name, 60, "IN", kind, *texts)
                        for name, kind, *texts in records}
        outer = self

        class Call(socketserver.BaseRequestHandler):
            def handle(self):
                data, sock = self.request
                sock.sendto(outer.answer(data), self.client_address)

        self.server = socketserver.ThreadingUDPServer((self.address, 53), Call)

    def answer(self, data):
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        question = query.question[0]
        name = question.name.to_text().lower()
        found = self.records.get((name, dns.rdatatype.to_text(question.rdtype)))
        if found is not None:
            reply.answer.append(found)
        elif not any(n == name for n, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def make_certificate(folder, host):
    """An authority's certificate and a server's TLS context for the host."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=test authority", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={host}", "-keyout", "key.pem", "-out", "request.pem")
    (pathlib.Path(folder) / "names").write_text(f"subjectAltName=DNS:{host}")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "cert.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pathlib.Path(folder) / "cert.pem", pathlib.Path(folder) / "key.pem")
    return (pathlib.Path(folder) / "ca.pem").read_text(), context


def become_root():
    """chroot and port 53 are root's: who is not becomes it, in a network of its own."""
    if os.geteuid() != 0:
        os.environ["SWM_OWN_NETWORK"] = "1"
        os.execvp("unshare", ["unshare", "-rn", sys.executable, *sys.argv])
    if os.environ.get("SWM_OWN_NETWORK"):
        with socket.socket() as s:  # its loopback is down at first
            fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
