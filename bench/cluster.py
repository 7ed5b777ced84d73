"""What a cluster costs, all in one run on one machine: nodes over a MongoDB replica set of three
members and an SQS server, which is one more swm whose file lies in memory.

Completions come in a closed loop: workers receive ten messages, send their ten answers to the
events queue, and delete the messages. Beside it, in the same run, stands what the same replica set
gives to a loop that only inserts as many records of the same size (bench/mongo_append.c). Can be
run alone after bench/run.sh has built what it needs.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build" / "bench"
MONGOD = ROOT / "build" / "test-mongo" / "mongod"
PROGRAM = os.environ.get("SWM_PROGRAM", str(ROOT / "build" / "swm"))
sys.path.insert(0, str(ROOT / "test" / "servers"))

NODE_COUNTS = (1, 2, 4)
INSTANCES = int(os.environ.get("BENCH_CLUSTER_INSTANCES", "4000"))
TASKS = 3
WORKERS = 32
HOPS = 150
EVENTS = "cluster-events"
WAIT_S = 120
FAILOVER_S = 8  # load goes on for so long after the primary is gone


def run_tool(name, *args):
    done = subprocess.run([str(BIN / name), *map(str, args)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {name} {' '.join(map(str, args))}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def until(what, probe, pause_s=0.02):
    end = time.monotonic() + WAIT_S
    while not probe():
        if time.monotonic() > end:
            sys.exit(f"bench: not within {WAIT_S} s: {what}")
        time.sleep(pause_s)


def template(name, queues):
    return {"name": name, "stages": [
        {"name": "one", "tasks": [{"name": "take_order", "queue": queues[0]},
                                  {"name": "make", "needs": ["take_order"], "queue": queues[1]}]},
        {"name": "two", "tasks": [{"name": "bring", "queue": queues[2]}]}]}


class Process:
    """One swm."""

    def __init__(self, port, *options):
        self.port = port
        self.log = open(BIN / f"cluster-{port}.log", "wb")
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--listen", f"127.0.0.1:{port}", *options],
            stdout=subprocess.DEVNULL, stderr=self.log, stdin=subprocess.DEVNULL,
            env={**os.environ, "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"})

    def ask(self, method, path, body=None):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            link.request(method, path, json.dumps(body) if body is not None else None,
                         {"Content-Type": "application/json"} if body is not None else {})
            reply = link.getresponse()
            return reply.status, reply.read().decode()
        finally:
            link.close()

    def is_ready(self):
        if self.process.poll() is not None:
            sys.exit(f"bench: a server ended; {self.log.name} says why")
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def metrics(self):
        text = self.ask("GET", "/metrics")[1]
        return {m[1]: float(m[2]) for m in re.finditer(r"^(swm_\S+) (\S+)$", text, re.M)}

    def cpu_s(self):
        return cpu_s(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cluster:
    """So many nodes over a database of their own."""

    def __init__(self, replicas, sqs, count, free_port):
        self.database = f"bench_{count}_{free_port()}"
        self.queue = f"work-{self.database}"
        self.nodes = [Process(free_port(), "--store", replicas.uri(self.database), "--queue",
                              f"sqs://us-east-1?endpoint=http://127.0.0.1:{sqs.port}"
                              f"&events={EVENTS}") for _ in range(count)]
        for node in self.nodes:
            until("a node is ready", node.is_ready)

    def apply(self, t):
        status, answer = self.nodes[0].ask("POST", "/v1/templates", t)
        if status != 200:
            sys.exit(f"bench: the template was answered {answer}")

    def sum(self, name):
        return sum(value for node in self.nodes for key, value in node.metrics().items()
                   if key.startswith(name))

    def applied(self):
        return self.sum('swm_events_total{verdict="applied"}')

    def cpu_s(self):
        return sum(node.cpu_s() for node in self.nodes)

    def stop(self):
        for node in self.nodes:
            node.stop()


# --- measures -------------------------------------------------------------------------------------


def start_instances(cluster, count):
    for node in cluster.nodes:
        run_tool("load", node.port, "start", count // len(cluster.nodes), 4)


def wait_applied(cluster, wanted):
    until("all answers are applied", lambda: cluster.applied() >= wanted, 0.05)


def wait_calm(cluster):
    """Rows are written and messages are out."""
    until("nothing is left to do", lambda: cluster.sum("swm_dirty_rows") == 0 and
          cluster.sum("swm_queue_unsent") == 0)


def measure_rate(replicas, sqs, count, free_port):
    cluster = Cluster(replicas, sqs, count, free_port)
    cluster.apply(template("bench", [cluster.queue] * TASKS))
    instances = INSTANCES // count * count
    start_instances(cluster, instances)
    wait_applied(cluster, instances)
    wait_calm(cluster)
    before = take_counts(replicas, sqs, cluster)
    client = run_tool("load", sqs.port, "far", instances, WORKERS, cluster.queue, EVENTS)
    wait_applied(cluster, instances * (1 + TASKS))
    seconds = time.monotonic() - before["at"]
    rows_left = cluster.sum("swm_dirty_rows")
    wait_calm(cluster)
    answers = instances * TASKS
    each = {name: n / answers for name, n in difference(take_counts(replicas, sqs, cluster),
                                                        before).items()}
    each["client_cpu_s"] = client["client_cpu_s"] / answers
    size = document_bytes(replicas, cluster.database)
    cluster.stop()
    return {"nodes": count, "answers": answers, "seconds": seconds, "per_s": answers / seconds,
            "rows_left": rows_left, "document_bytes": size, "each": each}


def take_counts(replicas, sqs, cluster):
    counts = {name: cluster.sum(f"swm_{name}_total")
              for name in ("rows_written", "queue_requests", "conflicts", "commits", "loads")}
    status = replicas.primary().command("serverStatus")
    counts.update(status["opcounters"])
    for name in ("insert", "update", "find"):
        counts[f"{name}_commands"] = status["metrics"]["commands"][name]["total"]
    counts["node_cpu_s"] = cluster.cpu_s()
    counts["mongo_cpu_s"] = sum(cpu_s(m.process.pid) for m in replicas.members)
    counts["sqs_cpu_s"] = sqs.cpu_s()
    counts["at"] = time.monotonic()
    return {name: n for name, n in counts.items() if isinstance(n, (int, float))}


def difference(after, before):
    return {name: after[name] - before.get(name, 0) for name in after}


def document_bytes(replicas, database):
    stats = replicas.primary().command("collStats", "events", database=database)
    return round(stats["avgObjSize"])


def measure_bare(replicas, records, size):
    database = f"bare_{time.monotonic_ns()}"
    return run_tool("mongo_append", replicas.uri(database), records, size)["per_s"]


def measure_hops(cluster, sqs):
    cluster.apply(template("bench-hop", ["bench_1", "bench_2", "bench_3"]))
    for queue in ("bench_1", "bench_2", "bench_3"):
        sqs_create(sqs, queue)
    run_tool("load", sqs.port, "far-hop", 10, cluster.nodes[0].port, EVENTS)
    got = run_tool("load", sqs.port, "far-hop", HOPS, cluster.nodes[0].port, EVENTS)
    return {key: got[key] for key in ("hop_ms_p50", "hop_ms_p99")}


def sqs_create(sqs, queue):
    link = http.client.HTTPConnection("127.0.0.1", sqs.port, timeout=60)
    link.request("POST", "/", json.dumps({"QueueName": queue}),
                 {"Content-Type": "application/x-amz-json-1.0",
                  "X-Amz-Target": "AmazonSQS.CreateQueue"})
    reply = link.getresponse()
    reply.read()
    link.close()
    if reply.status != 200:
        sys.exit(f"bench: a queue was answered {reply.status}")


def measure_failover(replicas, cluster, sqs):
    """The longest time in which no answer became durable, around the death of the primary."""
    cluster.apply(template("bench", [cluster.queue] * TASKS))
    stamps, stop = [], threading.Event()

    def watch():
        last = cluster.applied()
        while not stop.is_set():
            now = cluster.applied()
            if now > last:
                stamps.append(time.monotonic())
            last = now
            time.sleep(0.01)

    def load():
        while not stop.is_set():
            start_instances(cluster, 40)
            run_tool("load", sqs.port, "far", 40, 4, cluster.queue, EVENTS)

    threads = [threading.Thread(target=watch), threading.Thread(target=load)]
    for thread in threads:
        thread.start()
    until("answers are applied", lambda: len(stamps) > 20)
    primary = replicas.primary()
    killed = time.monotonic()
    primary.kill()
    time.sleep(FAILOVER_S)
    stop.set()
    for thread in threads:
        thread.join()
    primary.start()
    around = [t for t in stamps if t > killed - 1]
    return {"failover_gap_s": max(b - a for a, b in zip(around, around[1:]))}


def measure():
    if not MONGOD.exists():
        return None
    from mongo import Replicas, free_port

    BIN.mkdir(parents=True, exist_ok=True)
    memory = pathlib.Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else BIN) as folder:
        sqs = Process(free_port(), "--data", folder)
        try:
            until("the SQS server is ready", sqs.is_ready)
            with Replicas(3) as replicas:
                return measure_all(replicas, sqs, free_port)
        finally:
            sqs.stop()


def measure_all(replicas, sqs, free_port):
    out = {"rates": []}
    sqs_create(sqs, EVENTS)
    measure_bare(replicas, 2000, 900)  # the members' files grow, the connections are warm
    for count in NODE_COUNTS:
        out["rates"].append(measure_rate(replicas, sqs, count, free_port))
        last = out["rates"][-1]
        last["bare_per_s"] = measure_bare(replicas, last["answers"], last["document_bytes"])
        last["of_bare"] = last["per_s"] / last["bare_per_s"]
    cluster = Cluster(replicas, sqs, 2, free_port)
    out.update(measure_hops(cluster, sqs))
    out.update(measure_failover(replicas, cluster, sqs))
    cluster.stop()
    return out


# --- the table ------------------------------------------------------------------------------------


def line(name, value, unit, beside=""):
    print(f"  {name:<46}{value:>10}  {unit:<8}{beside}")


def print_rate(r):
    e = r["each"]
    cpu_us = {name: e[f"{name}_cpu_s"] * 1e6 for name in ("node", "mongo", "sqs", "client")}
    line(f"completions, {r['nodes']} node{'s' if r['nodes'] > 1 else ''}", f"{r['per_s']:,.0f}",
         "/s", f"{r['of_bare']:.0%} of bare bulk inserts, {r['bare_per_s']:,.0f} /s; aim > 50%")
    line("  for each: documents inserted", f"{e['insert']:.2f}", "",
         f"in {e['insert_commands']:.3f} commands; {e['conflicts']:.3f} conflicts")
    line("  rows written behind", f"{e['rows_written']:.2f}", "",
         f"in {e['update_commands']:.3f} commands; {r['rows_left']:,.0f} were left at the end")
    line("  finds", f"{e['query']:.2f}", "", f"instances read {e['loads']:.2f}")
    line("  SQS requests of the nodes", f"{e['queue_requests']:.2f}", "", "aim < 0.40")
    line("  processor time of the nodes", f"{cpu_us['node']:.0f}", "us",
         f"MongoDB {cpu_us['mongo']:.0f}, SQS server {cpu_us['sqs']:.0f}, "
         f"workers {cpu_us['client']:.0f}")


def print_table(out):
    if out is None:
        print("a cluster: not measured, there is no MongoDB server (tools/deps.sh test fetches it)")
        return
    print("a cluster: MongoDB with three members, an SQS server, all on this machine")
    for r in out["rates"]:
        print_rate(r)
    line("hop through both queues, 2 nodes (p50)", f"{out['hop_ms_p50']:.2f}", "ms",
         f"p99 {out['hop_ms_p99']:.2f} ms")
    line("no answer durable after kill -9 of the primary", f"{out['failover_gap_s']:.2f}", "s",
         "an election takes 2 s to begin")


if __name__ == "__main__":
    result = measure()
    (ROOT / "build" / "bench-cluster.json").write_text(json.dumps(result, indent=2) + "\n")
    print_table(result)
