"""What the server does when it is stopped, when its data folder is not for it, and when disk,
descriptors or memory run out: it says so, goes on with what it can, and recovers by itself."""

import contextlib
import http.client
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading

from _server import PROGRAM, WAIT_S, Cases, Failed, Server, ask, free_port, must, until

MIB = 1024 * 1024
TEMPLATE = {"name": "pressure", "stages": [
    {"name": "one", "tasks": [{"name": "work", "queue": "pressure_work"}]}]}


def start(server, key, size=10):
    """Starts an instance with an input of about `size` bytes: (status, answer)."""
    return server.ask("POST", "/v1/instances", {"template": "pressure", "key": key,
                                                "input": {"text": "x" * size}})


def must_start(server, key):
    status, answer = start(server, key)
    must(status == 200 and answer["verdict"] == "applied", f"a start became {status} {answer}")
    return answer["instance"]


# --- stopping -------------------------------------------------------------------------------------


def term_drains(server):
    """Answers to starts that were on their way arrive, a long poll ends, the exit status is 0."""
    answers, poll = [], []

    def post_starts(number):
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
        for i in range(100000):
            try:
                status, answer = ask(link, "POST", "/v1/instances", {
                    "template": "pressure", "key": f"drain-{number}-{i}"})
            except (OSError, http.client.HTTPException):
                return
            if status == 200:
                answers.append(answer["instance"])

    def wait_for_nothing():
        poll.append(server.ask("POST", "/v1/queues/nothing_here/receive", {"wait_seconds": 20}))

    server.ask("POST", "/", {"QueueName": "nothing_here"}, {
        "X-Amz-Target": "AmazonSQS.CreateQueue", "Content-Type": "application/x-amz-json-1.0"})
    threads = [threading.Thread(target=post_starts, args=(i,), daemon=True) for i in range(8)]
    threads.append(threading.Thread(target=wait_for_nothing, daemon=True))
    for t in threads:
        t.start()
    until("starts are answered", lambda: len(answers) > 50)
    until("the long poll waits", lambda: any(
        q["waiting_receives"] for q in server.get("/v1/queues?prefix=nothing")["queues"]))
    status = server.stop()
    for t in threads:
        t.join(WAIT_S)
    must(status == 0, f"the exit status is {status}: {server.output()[-400:]}")
    must(poll and poll[0][0] in (200, 503), f"the long poll was answered {poll}")
    server.start()
    for instance in answers[-50:]:
        must(server.status_is(instance, "RUNNING"), f"{instance} was acknowledged and is gone")


def serve_once(data):
    """Starts a server that is expected to refuse: (exit status, what it said)."""
    address = f"127.0.0.1:{free_port()}"
    done = subprocess.run([PROGRAM, "serve", "--data", data, "--listen", address],
                          capture_output=True, text=True, timeout=WAIT_S)
    return done.returncode, (done.stdout + done.stderr).strip()


def second_is_refused(server):
    status, said = serve_once(server.data)
    must(status not in (0, None) and status > 0, f"the second one ended with {status}")
    must("in use by another process" in said, f"it said: {said}")
    must_start(server, "after-the-second")


def newer_is_refused():
    with Server() as server:
        server.stop()
        with contextlib.closing(sqlite3.connect(os.path.join(server.data, "swm.db"))) as db:
            before = db.execute("PRAGMA user_version").fetchone()[0]
            db.execute("PRAGMA user_version = 9999")
            db.commit()
        status, said = serve_once(server.data)
        must(status > 0 and "newer" in said and "9999" in said, f"{status}: {said}")
        with contextlib.closing(sqlite3.connect(os.path.join(server.data, "swm.db"))) as db:
            db.execute(f"PRAGMA user_version = {before}")
            db.commit()
        server.start()


# --- disk -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(size_mib):
    """A file system of its own in memory; None where this user may not mount one."""
    folder = tempfile.mkdtemp(prefix="swm-disk-")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", folder],
                             capture_output=True).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", folder], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def disk_full(folder):
    ballast = os.path.join(folder, "ballast")
    with open(ballast, "wb") as file:
        file.write(b"\0" * (24 * MIB))
    with Server(data=os.path.join(folder, "data")) as server:
        server.post("/v1/templates", TEMPLATE)
        first = must_start(server, "first")
        refusal = fill(server)
        must(refusal[0] == 503 and refusal[1]["error"]["code"] == "disk_full", f"{refusal}")
        must(server.status_is(first, "RUNNING"), "reading does not go on")
        must(server.get("/v1/instances?limit=5")["instances"], "lists do not go on")
        again = fill(server, "again")  # what rows and the log gave back is used up first
        must(again[0] == 503 and again[1]["error"]["code"] == "disk_full", f"{again}")
        os.remove(ballast)
        until("it takes starts again", lambda: start(server, "room-again", 100000)[0] == 200)
        must(server.cli_one("verify")["ok"], "verify found problems")
        must(server.stop() == 0, "it does not stop in order")


def fill(server, name="fill"):
    """Starts instances until one is not taken, and returns that answer."""
    for i in range(2000):
        status, answer = start(server, f"{name}-{i}", 100000)
        if status != 200:
            return status, answer
    raise Failed("the disk did not become full")


# --- descriptors ----------------------------------------------------------------------------------


def descriptors_run_out():
    with Server(limits={resource.RLIMIT_NOFILE: 64}) as server:
        server.post("/v1/templates", TEMPLATE)
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
        status, _ = ask(kept, "POST", "/v1/instances", {"template": "pressure", "key": "before"})
        must(status == 200, f"before: {status}")
        crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
        until("it has none left for another connection", lambda: not is_served(server))
        ask(kept, "POST", "/v1/queues/pressure_work/receive", {"max": 1})
        before_s = server.cpu_s()
        # The server itself holds this for two seconds, the length of the watch.
        status, answer = ask(kept, "POST", "/v1/queues/pressure_work/receive",
                             {"max": 1, "wait_seconds": 2})
        spent_s = server.cpu_s() - before_s
        must(status == 200 and answer["messages"] == [], f"{status} {answer}")
        must(spent_s < 0.6, f"it was busy for {spent_s} of two seconds")
        must(server.process.poll() is None, "it ended")
        for s in crowd:
            s.close()
        until("new connections are served again", lambda: is_served(server))
        must_start(server, "after")
        must(server.stop() == 0, "it does not stop in order")


def is_served(server):
    try:
        return server.ask("GET", "/readyz", timeout_s=2)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


# --- memory ---------------------------------------------------------------------------------------


def memory_runs_out():
    """Little room is left: large requests get 503 or are cut off, nothing dies."""
    with Server() as server:
        server.post("/v1/templates", TEMPLATE)
        first = must_start(server, "first")
        pid = server.process.pid
        no_limit = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (used_memory(pid) + 8 * MIB, no_limit[1]))
        statuses, lock = [], threading.Lock()

        def press(number):
            for i in range(12):
                try:
                    status, answer = start(server, f"press-{number}-{i}", 240000)
                except (OSError, http.client.HTTPException):
                    status, answer = 0, None
                with lock:
                    statuses.append((status, answer))

        threads = [threading.Thread(target=press, args=(i,), daemon=True) for i in range(24)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(WAIT_S)
        must(server.process.poll() is None, lambda: f"it died: {server.output()[-900:]}")
        kinds = {s for s, _ in statuses}
        must(kinds <= {0, 200, 503}, f"it answered {kinds}")
        must(kinds & {0, 503}, "memory never ran short: the test proves nothing")
        must(server.status_is(first, "RUNNING"), "small requests do not go on")
        resource.prlimit(pid, resource.RLIMIT_AS, no_limit)
        until("large requests are taken again", lambda: start(server, "again", 240000)[0] == 200)
        must(server.cli_one("verify")["ok"], "verify found problems")
        for i, (status, answer) in enumerate(statuses):
            if status == 200:
                must(server.status_is(answer["instance"], "RUNNING"), f"acknowledged {i} is gone")
        must(server.stop() == 0, "it does not stop in order")


def used_memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmSize"))


def main():
    cases = Cases()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with Server() as server:
        server.post("/v1/templates", TEMPLATE)
        cases.check("SIGTERM drains what is in flight, exit status 0", term_drains, server)
        cases.check("a second server on the same data folder is refused", second_is_refused, server)
    cases.check("a data folder of a newer format is refused", newer_is_refused)
    with small_disk(48) as folder:
        if folder is None:
            print("    a full disk is not tried: this user may not mount a file system")
        else:
            cases.check("a full disk is answered with disk_full, reads go on, room ends it",
                        disk_full, folder)
    cases.check("without descriptors it does not spin, and recovers", descriptors_run_out)
    cases.check("without memory it answers 503 and recovers", memory_runs_out)
    cases.finish()


main()
