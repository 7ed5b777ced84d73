#!/usr/bin/env python3
"""The packages for AWS Lambda, each as the whole of a file system: a folder that holds nothing but
what is unpacked and the few files that a test puts there. Arguments: packages; without any, both.
The one for arm64 runs under an emulator."""

import concurrent.futures
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "servers"), str(HERE.parent / "cluster")]

from _cluster import Moto  # noqa: E402
from _rig import KEYS, Dns, Secrets, become_root, make_certificate  # noqa: E402
from _server import Cases, must  # noqa: E402
from mongo import Replicas  # noqa: E402
from runtime_api import (HEALTH, Quiet, RuntimeApi, Sandbox, Threads,  # noqa: E402
                         measure_starts, tell_starts)

PACKAGES = {"build/lambda.zip": "x86_64", "build/lambda-arm64.zip": "aarch64"}
BYTES_MAX = 8 * 1024 * 1024  # a package that has grown beyond this has got something by mistake
MEMORY_KB_MAX = 32 * 1024
HOST = "secrets.swm.test"
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:swm-Ab1"
STARTS = 15


class Rig:
    """Servers that all packages are tested against."""

    def __init__(self, replicas, sqs, folder):
        self.replicas, self.sqs = replicas, sqs
        self.authority, tls = make_certificate(folder, HOST)
        self.tls = tls
        member = replicas.members[0]
        self.dns_records = [
            (HOST + ".", "A", "127.0.0.1"), ("store.swm.test.", "A", "127.0.0.1"),
            ("_mongodb._tcp.set.swm.test.", "SRV", f"0 0 {member.port} store.swm.test."),
        ]
        self.store = "mongodb+srv://set.swm.test/DATABASE?tls=false&replicaSet=rs"

    def environment(self, api, **more):
        return {**KEYS, "AWS_LAMBDA_RUNTIME_API": api.address(),
                "AWS_ENDPOINT_URL_SQS": f"http://queues.swm.test:{self.sqs.port}",
                "SWM_QUEUE": "sqs://eu-central-1", **more}


def furnish(sandbox, rig):
    sandbox.put("etc/resolv.conf", f"nameserver {Dns.address}\n")
    sandbox.put("etc/hosts", "127.0.0.1 localhost queues.swm.test\n")
    # Modules of another libc, which a program that carries its own must not load.
    sandbox.put("etc/nsswitch.conf", "hosts: myhostname resolve files dns\npasswd: sss files\n")
    for name in ("myhostname", "resolve", "sss"):
        sandbox.put(f"lib64/libnss_{name}.so.2", "not a library")
    sandbox.put("etc/pki/tls/certs/ca-bundle.crt", rig.authority)


def holds_one_program(sandbox, package):
    must(sandbox.names == ["bootstrap"], f"it holds {sandbox.names}")
    must(sandbox.is_executable, "bootstrap is not executable")
    size = pathlib.Path(package).stat().st_size
    must(size < BYTES_MAX, f"{size} bytes")
    print(f"{package}: {size:,} bytes; unpacked "
          f"{(sandbox.root / 'bootstrap').stat().st_size:,} bytes")


def runs_alone(sandbox):
    sandbox.start({}, "swm", ["version"])
    must(sandbox.wait() == 0 and sandbox.output().startswith("swm "), sandbox.output())


def answers_health(sandbox, rig, database):
    """Everything by its name: the store by DNS, SRV and a secret, queues by /etc/hosts."""
    secret = f'{{"SWM_ADMIN_KEY":"a-key-for-the-first-admin","SWM_STORE":"{rig.store}"}}'
    with RuntimeApi() as api, Secrets(rig.tls, ARN, secret.replace("DATABASE", database)) as secrets:
        env = rig.environment(api, SWM_SECRET=ARN, AWS_ENDPOINT_URL_SECRETS_MANAGER=(
            f"https://{HOST}:{secrets.port}"))
        api.ask(HEALTH)
        sandbox.start(env)
        first_s, path, answer = api.wait(api.answers, sandbox)
        must(path.endswith("/request-1/response"), f"{path}: {answer}; {sandbox.output()}")
        must(answer["statusCode"] == 200, answer)
        must(not secrets.refused, secrets.refused)
        api.wait(api.asked, sandbox)
        memory = sandbox.memory_kb()
        sandbox.stop()
        if not sandbox.emulator:
            must(memory < MEMORY_KB_MAX, f"{memory} KiB of memory")
            print(f"memory after the first answer: {memory:,} KiB")


def needs_the_secret(sandbox, rig):
    with RuntimeApi() as api, Secrets(rig.tls, ARN, '{"SWM_STORE":7}') as secrets:
        env = rig.environment(api, SWM_SECRET=ARN, AWS_ENDPOINT_URL_SECRETS_MANAGER=(
            f"https://{HOST}:{secrets.port}"))
        sandbox.start(env)
        _, path, answer = api.wait(api.answers, sandbox)
        must(path.endswith("/init/error"), f"{path}: {answer}")
        must("SWM_SECRET" in sandbox.output(), sandbox.output())
        must(sandbox.wait() != 0, "it went on")


def handshakes(package, emulator, rig, authority):
    """How many the program makes that trusts this authority, until it gives its start up."""
    sandbox = Sandbox(package, emulator)
    furnish(sandbox, rig)
    sandbox.put("etc/pki/tls/certs/ca-bundle.crt", authority)
    with RuntimeApi() as api, Threads(("127.0.0.1", 0), Quiet) as server:
        server.tls = rig.tls
        store = f"mongodb://{HOST}:{server.port}/x?tls=true&serverSelectionTimeoutMS=3000"
        try:
            sandbox.start(rig.environment(api, SWM_STORE=store))
            _, path, answer = api.wait(api.answers, sandbox)
        finally:
            sandbox.close()
        must(path.endswith("/init/error"), f"{path}: {answer}")
        return server.handshakes


def trusts_authorities_only(package, emulator, rig):
    """The database is asked over TLS only where the system's file of authorities vouches for it.
    Both wait for as long as a start may take: at one time."""
    with tempfile.TemporaryDirectory() as folder:
        other, _ = make_certificate(folder, HOST)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        unknown, known = [pool.submit(handshakes, package, emulator, rig, authority)
                          for authority in (other, rig.authority)]
        must(unknown.result() == 0, "an unknown authority was trusted")
        must(known.result() > 0, "the known one was not")


def measure(sandbox, rig, database):
    store = rig.replicas.uri(database)
    starts = measure_starts(sandbox, lambda api: rig.environment(api, SWM_STORE=store), STARTS)
    print(*tell_starts(*starts), sep="\n")


def tells_cold_starts():
    """What `make lambda` says at its end."""
    told = subprocess.run([sys.executable, ROOT / "tools" / "cold_start.py",
                           *map("=".join, PACKAGES.items())], cwd=ROOT, check=True,
                          capture_output=True, text=True).stdout
    must(told.count(" bytes\n") == len(PACKAGES), told)
    must(len(re.findall(r"first (question|answer): median [0-9.]+ ms", told)) == 2, told)
    must(told.count("not measured, this machine") == len(PACKAGES) - 1, told)


def test(cases, package, rig):
    machine = PACKAGES.get(str(package), platform.machine())
    emulator = None if machine == platform.machine() else shutil.which(f"qemu-{machine}-static")
    sandbox = Sandbox(package, emulator)
    database = "package_" + machine
    try:
        cases.check(f"{machine}: the package is one program", holds_one_program, sandbox, package)
        cases.check(f"{machine}: it runs where there is nothing else", runs_alone, sandbox)
        furnish(sandbox, rig)
        cases.check(f"{machine}: health is answered, with DNS, TLS and a secret", answers_health,
                    sandbox, rig, database)
        cases.check(f"{machine}: a secret that is none ends the start", needs_the_secret, sandbox,
                    rig)
        cases.check(f"{machine}: the store's certificate is checked", trusts_authorities_only,
                    package, emulator, rig)
        if emulator is None:
            measure(sandbox, rig, database)
    finally:
        sandbox.close()


def main():
    become_root()
    cases = Cases()
    cases.check("sizes and cold starts are told", tells_cold_starts)
    with Replicas(1) as replicas, Moto() as sqs, tempfile.TemporaryDirectory() as folder:
        rig = Rig(replicas, sqs, folder)
        with Dns(rig.dns_records):
            for package in sys.argv[1:] or PACKAGES:
                test(cases, package, rig)
    cases.finish()


if __name__ == "__main__":
    main()
