#!/usr/bin/env python3
"""HTTPS by certificate files: browsers' and SDKs' view, long polls and streams over it, the command
line with a certificate of one's own, and what is refused at the start."""

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import tempfile
import threading
import urllib.request
import warnings

import boto3
from botocore.config import Config

from _server import FOOD, PATIENCE_S, PROGRAM, check, equal, poll, run

ADMIN = "correct-horse-battery-staple"
FOLDER = tempfile.mkdtemp(prefix="swm-wire-")
CERT, KEY = os.path.join(FOLDER, "cert.pem"), os.path.join(FOLDER, "key.pem")
OTHER = os.path.join(FOLDER, "other.pem")


def make_certificate():
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                    KEY, "-out", CERT], check=True, capture_output=True)
    subprocess.run(["openssl", "genrsa", "-out", OTHER, "2048"], check=True, capture_output=True)


class Secure:
    """swm serve with a certificate, an admin key, and a free port."""

    def __init__(self, *options):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data", self.folder.name, "--tls-cert", CERT,
             "--tls-key", KEY, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "SWM_ADMIN_KEY": ADMIN})
        self.line = self.process.stdout.readline()
        self.port = int(re.search(r":(\d+) ", self.line).group(1))
        self.url = f"https://127.0.0.1:{self.port}"
        self.context = ssl.create_default_context(cafile=CERT)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        self.folder.cleanup()
        if why[0] is None:
            check("the server ends in order", self.process.returncode == 0, errors)

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context,
                                                 timeout=PATIENCE_S)
        named = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json", **headers}
        connection.request(method, path, body if body is None or isinstance(body, str)
                           else json.dumps(body), named)
        reply = connection.getresponse()
        status, text = reply.status, reply.read()
        connection.close()
        return status, text

    def shake_hands(self, **limits):
        context = ssl.create_default_context(cafile=CERT)
        for name, value in limits.items():
            setattr(context, name, value)
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as s:
            with context.wrap_socket(s, server_hostname="localhost") as tls:
                return tls.version()


def requests():
    with Secure() as s:
        check("it says that it speaks HTTPS", "ready on https://127.0.0.1:" in s.line, s.line)
        equal("it answers", s.ask("GET", "/readyz")[0], 200)
        equal("with keys as always", s.ask("GET", "/v1/stats", Authorization="Bearer x")[0], 401)
        equal("TLS 1.3", s.shake_hands(), "TLSv1.3")
        equal("and 1.2", s.shake_hands(maximum_version=ssl.TLSVersion.TLSv1_2), "TLSv1.2")
        warnings.simplefilter("ignore", DeprecationWarning)  # it is why they are asked for
        try:
            old = s.shake_hands(minimum_version=ssl.TLSVersion.TLSv1,
                                maximum_version=ssl.TLSVersion.TLSv1_1)
        except (ssl.SSLError, ConnectionError) as e:
            old = type(e).__name__
        check("nothing older", not old.startswith("TLS"), old)
        plain = http.client.HTTPConnection("127.0.0.1", s.port, timeout=PATIENCE_S)
        try:
            plain.request("GET", "/v1/stats")
            have = plain.getresponse().status
        except (http.client.HTTPException, ConnectionError):
            have = "closed"
        check("plain HTTP gets no answer of ours", have in ("closed", 400), have)
        equal("and harms nobody", s.ask("GET", "/readyz")[0], 200)
        big = {"event": "StartWorkflow", "template": "none", "input": {"text": "x" * 900000}}
        equal("large bodies come through", s.ask("POST", "/v1/events", big)[0] in (404, 413), True)
        status, text = s.ask("GET", "/v1/openapi.json")
        equal("large answers too", (status, json.loads(text)["openapi"][:2]), (200, "3."))


def waiting():
    with Secure() as s:
        s.ask("POST", "/v1/templates", FOOD, **{"Content-Type": "application/yaml"})
        got = []
        waiter = threading.Thread(target=lambda: got.append(
            s.ask("POST", "/v1/queues/confirm_queue/receive", {"wait_seconds": 20})))
        waiter.start()
        poll(lambda: [q for q in json.loads(s.ask("GET", "/v1/queues")[1])["queues"]
                      if q["waiting_receives"] > 0])
        order = {"template": "food", "key": "K", "input": {"order": "K"}}
        equal("an instance starts", s.ask("POST", "/v1/instances", order)[0], 200)
        waiter.join(PATIENCE_S)
        equal("a long poll gets its message", [(r[0], len(json.loads(r[1])["messages"])) for r in got],
              [(200, 1)])
        accept = urllib.request.Request(s.url + "/v1/events?after=0", headers={
            "Accept": "text/event-stream", "Authorization": f"Bearer {ADMIN}"})
        with urllib.request.urlopen(accept, timeout=PATIENCE_S, context=s.context) as stream:
            seen = b""
            while b"StartWorkflow" not in seen:
                seen += stream.readline()
            check("a stream tells the past", b"TemplateApplied" in seen, seen)
            s.ask("POST", "/v1/instances", {**order, "key": "L", "input": {"order": "L"}})
            while seen.count(b"StartWorkflow") < 2:
                seen += stream.readline()
            check("and what comes", b'"L"' in seen or seen.count(b"StartWorkflow") == 2, seen[-500:])


def clients():
    with Secure() as s:
        made = json.loads(s.ask("POST", "/v1/keys", {"role": "worker"})[1])
        sqs = boto3.client("sqs", endpoint_url=s.url, region_name="local", verify=CERT,
                           aws_access_key_id=made["access_key_id"],
                           aws_secret_access_key=made["secret_access_key"],
                           config=Config(retries={"max_attempts": 0}))
        url = sqs.create_queue(QueueName="letters")["QueueUrl"]
        check("a queue's address says https", url.startswith("https://"), url)
        sqs.send_message(QueueUrl=url, MessageBody="hello")
        equal("messages go through", sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"], "hello")

        def call(*arguments, **environment):
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True,
                                  timeout=PATIENCE_S, check=False,
                                  env={**os.environ, "SWM_URL": s.url, "SWM_TOKEN": ADMIN, **environment})
            return done.returncode, done.stdout + done.stderr

        code, said = call("status", SWM_CA_FILE=CERT)
        check("the command line trusts the certificate it is given", code == 0 and s.url in said, said)
        code, said = call("status")
        check("and no other", code == 3 and "SWM_CA_FILE" in said, (code, said))


def files():
    for what, options, code, words in (
        ("a certificate alone", ["--tls-cert", CERT], 2, "belong together"),
        ("a key alone", ["--tls-key", KEY], 2, "belong together"),
        ("a file that is not there", ["--tls-cert", CERT + "x", "--tls-key", KEY], 1, "can't be read"),
        ("a certificate that is none", ["--tls-cert", KEY, "--tls-key", KEY], 1, "not a certificate"),
        ("another one's key", ["--tls-cert", CERT, "--tls-key", OTHER], 1, "not a certificate"),
    ):
        with tempfile.TemporaryDirectory() as data:
            done = subprocess.run([PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data", data, *options],
                                  capture_output=True, text=True, timeout=PATIENCE_S, check=False)
            check(f"{what} is refused", done.returncode == code and words in done.stderr,
                  (done.returncode, done.stderr))


make_certificate()
run(requests, waiting, clients, files)
