"""What stands around the package for AWS Lambda in its test: a DNS server, and Secrets Manager over
TLS. Everything is on loopback."""

import fcntl
import json
import os
import pathlib
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from runtime_api import Quiet, Threads

SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # of linux/sockios.h and linux/if.h
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_SESSION_TOKEN": "a-session", "AWS_REGION": "eu-central-1"}


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
