#!/usr/bin/env python3
"""What swm costs on this machine, all in one run: rates, latencies, memory, start, bytes.

bench/run.sh builds what this needs and calls it. Beside each rate stands what the disk gives: the
same record bytes written to a plain file with as many syncs, measured right after it.
"""

import http.client
import json
import os
import pathlib
import platform
import shutil
import sqlite3
import statistics
import struct
import subprocess
import sys
import time

import cluster
import function

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build" / "bench"
DIR = pathlib.Path(os.environ.get("BENCH_DIR", BIN)) / "data"
PROGRAM = os.environ.get("SWM_PROGRAM", str(ROOT / "build" / "swm"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
PORT = int(os.environ.get("BENCH_PORT", "17960"))
SYNCS = DIR / "syncs"
IN_FLIGHT = 5000  # instances started before a rate is measured
SINGLE_CLIENTS, BATCH_CLIENTS = 64, 32
HOPS = 400
TASKS = 3

AIMS = {
    "wire_batch_per_s": (">", 10000), "wire_single_per_s": (">", 4000), "workflow_ms_p50": ("<", 6),
    "idle_mb": ("<", 15), "ready_ms": ("<", 50),
}


def template(name, queues):
    return {"name": name, "stages": [
        {"name": "one", "tasks": [{"name": "take_order", "queue": queues[0]},
                                  {"name": "make", "needs": ["take_order"], "queue": queues[1]}]},
        {"name": "two", "tasks": [{"name": "bring", "queue": queues[2]}]}]}


def run_tool(name, *args, **env):
    done = subprocess.run([str(BIN / name), *map(str, args)], capture_output=True, text=True,
                          env={**os.environ, **env})
    if done.returncode != 0:
        sys.exit(f"bench: {name} {' '.join(map(str, args))}: {done.stderr.strip()}")
    return json.loads(done.stdout)


class Server:
    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--data", str(folder), "--listen", f"127.0.0.1:{PORT}"],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "LD_PRELOAD": str(BIN / "syncs.so"), "SWM_BENCH_SYNCS": str(SYNCS)})
        while not self.is_ready():
            if self.process.poll() is not None:
                sys.exit("bench: the server ended")
            time.sleep(0.005)

    def ask(self, method, path, body=None):
        link = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        link.request(method, path, json.dumps(body) if body is not None else None,
                     {"Content-Type": "application/json"} if body is not None else {})
        reply = link.getresponse()
        answer = json.loads(reply.read())
        link.close()
        return reply.status, answer

    def is_ready(self):
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def apply(self, t):
        status, answer = self.ask("POST", "/v1/templates", t)
        if status != 200:
            sys.exit(f"bench: the template was answered {answer}")

    def memory_mb(self, what):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(x for x in text.splitlines() if x.startswith(what + ":"))
        return int(line.split()[1]) / 1024

    def cpu_s(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        fields = text.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def completed(self):
        return self.ask("GET", "/v1/stats")[1]["instances"].get("COMPLETED", 0)

    def stop(self):
        self.process.terminate()
        if self.process.wait(60) != 0:
            sys.exit("bench: the server did not stop in order")


# --- what the disk gives --------------------------------------------------------------------------


def read_syncs():
    return struct.unpack("Q", SYNCS.read_bytes()[:8])[0] if SYNCS.exists() else 0


def bytes_per_answer(folder):
    """The mean length of the records of answers: what has to become durable."""
    db = sqlite3.connect(f"file:{folder}/swm.db?mode=ro", uri=True)
    try:
        return db.execute("SELECT avg(length(CAST(record AS BLOB))) FROM events"
                          " WHERE event = 'TaskCompleted' AND verdict = 'applied'").fetchone()[0]
    finally:
        db.close()


def raw_per_s(answers, syncs, record_bytes):
    """Answers a second that a plain file takes: as many syncs, the same bytes. At most the first
    3,000 syncs of it are measured; they are all alike."""
    part = min(1.0, 3000 / max(1, syncs))
    size, count = int(answers * record_bytes * part), max(1, int(syncs * part))
    return answers * part / run_tool("raw", DIR / "raw", size, count)["seconds"]


def folder_bytes(folder):
    return sum(f.stat().st_size for f in pathlib.Path(folder).iterdir() if f.is_file())


# --- measures -------------------------------------------------------------------------------------


def measure_engine(out):
    folder = DIR / "engine"
    got = run_tool("engine", folder, IN_FLIGHT, SECONDS, LD_PRELOAD=str(BIN / "syncs.so"),
                   SWM_BENCH_SYNCS=str(SYNCS))
    size = bytes_per_answer(folder)
    out["record_bytes"] = round(size)
    keep_rate(out, "engine", got["done"], got["seconds"], got["syncs"], size)
    out["engine_cpu_us"] = got["cpu_s"] / got["done"] * 1e6
    shutil.rmtree(folder)


def keep_rate(out, name, answers, seconds, syncs, record_bytes):
    out[f"{name}_per_s"] = answers / seconds
    out[f"{name}_per_sync"] = answers / max(1, syncs)
    out[f"{name}_raw_per_s"] = raw_per_s(answers, syncs, record_bytes)
    out[f"{name}_of_raw"] = out[f"{name}_per_s"] / out[f"{name}_raw_per_s"]


def measure_rate(server, out, name, mode, clients):
    """Rounds of starting instances, which is not timed, and completing them, which is."""
    answers, seconds, syncs, cpu, client_cpu = 0, 0.0, 0, 0.0, 0.0
    before = server.completed()
    while seconds < SECONDS:
        run_tool("load", PORT, "start", IN_FLIGHT, 4)
        syncs_began, cpu_began = read_syncs(), server.cpu_s()
        got = run_tool("load", PORT, mode, IN_FLIGHT, clients)
        answers, seconds = answers + got["done"], seconds + got["seconds"]
        syncs, cpu = syncs + read_syncs() - syncs_began, cpu + server.cpu_s() - cpu_began
        client_cpu += got["client_cpu_s"]
    if (server.completed() - before) * TASKS != answers:
        sys.exit(f"bench: {answers} answers did not complete their instances")
    keep_rate(out, name, answers, seconds, syncs, bytes_per_answer(server.folder))
    out[f"{name}_server_cpu_us"] = cpu / answers * 1e6
    out[f"{name}_client_cpu"] = client_cpu / seconds


def measure_hops(server, out):
    run_tool("load", PORT, "hop", 20)
    syncs = read_syncs()
    got = run_tool("load", PORT, "hop", HOPS)
    syncs = read_syncs() - syncs
    out.update({k: v for k, v in got.items() if k != "instances"})
    out["workflow_syncs"] = syncs / HOPS
    raw = run_tool("raw", DIR / "raw", HOPS * 4 * 600, HOPS * 4)
    out.update({k: v for k, v in raw.items() if k != "seconds"})
    out["workflow_in_syncs"] = got["workflow_ms_p50"] / out["sync_ms_p50"]


def measure_ready(folder):
    return statistics.median(
        run_tool("ready", PORT, PROGRAM, "serve", "--data", folder, "--listen", f"127.0.0.1:{PORT}")
        for _ in range(9))


def measure_server(out):
    folder = DIR / "wire"
    out["ready_ms"] = measure_ready(folder)
    server = Server(folder)
    server.apply(template("bench", ["bench_work"] * 3))
    server.apply(template("bench-hop", ["bench_1", "bench_2", "bench_3"]))
    out["idle_mb"] = server.memory_mb("VmRSS")
    measure_hops(server, out)
    measure_rate(server, out, "wire_single", "single", SINGLE_CLIENTS)
    measure_rate(server, out, "wire_batch", "batch", BATCH_CLIENTS)
    out["loaded_mb"] = server.memory_mb("VmHWM")
    out["instances"] = server.completed()
    server.stop()
    out["bytes_per_instance"] = folder_bytes(folder) / out["instances"]
    out["ready_full_ms"] = measure_ready(folder)
    shutil.rmtree(folder)


def measure_store(out):
    folder = DIR / "store"
    folder.mkdir()
    got = run_tool("store_append", folder, min(1.0, SECONDS))
    out["store_append"] = {k: v for k, v in got.items() if k != "bench"}
    shutil.rmtree(folder)


def measure_page():
    """None: what the page's tests install is not there."""
    if not (ROOT / "build/test-node/node_modules").exists():
        return None
    said = subprocess.run(["node", "bench/page.mjs"], cwd=ROOT, check=True, capture_output=True,
                          text=True).stdout
    return json.loads(said.splitlines()[-1])


# --- the table ------------------------------------------------------------------------------------


def line(name, value, unit, beside=""):
    print(f"  {name:<46}{value:>10}  {unit:<8}{beside}")


def aim(out, key):
    if key not in AIMS:
        return ""
    sign, wanted = AIMS[key]
    holds = out[key] > wanted if sign == ">" else out[key] < wanted
    return f"aim {sign} {wanted:,}{'' if holds else '   MISSED'}"


def print_rate(out, name, title):
    line(title, f"{out[name + '_per_s']:,.0f}", "/s", aim(out, name + "_per_s"))
    line("  raw append of the same bytes and syncs", f"{out[name + '_raw_per_s']:,.0f}", "/s",
         f"{out[name + '_per_sync']:.0f} a sync; swm has {out[name + '_of_raw']:.0%} of it")


def print_table(out):
    print(f"swm on {out['machine']['cores']} cores ({out['machine']['cpu']}), "
          f"load average {out['machine']['load']}\n")
    print("durable completions of a three-task workflow")
    print_rate(out, "engine", "in process")
    line("  processor time of each", f"{out['engine_cpu_us']:.1f}", "us")
    print_rate(out, "wire_single", f"over HTTP, one by one, {SINGLE_CLIENTS} clients")
    line("  processor time of the server for each", f"{out['wire_single_server_cpu_us']:.1f}", "us",
         f"the client used {out['wire_single_client_cpu']:.0%} of a core")
    print_rate(out, "wire_batch", f"SQS protocol, batches of 10, {BATCH_CLIENTS} clients")
    line("  processor time of the server for each", f"{out['wire_batch_server_cpu_us']:.1f}", "us",
         f"the client used {out['wire_batch_client_cpu']:.0%} of a core")
    print("latency, one client")
    line("a sync of 600 bytes to a plain file (p50)", f"{out['sync_ms_p50']:.2f}", "ms",
         f"p99 {out['sync_ms_p99']:.2f} ms")
    line("hop: answer sent, next task received (p50)", f"{out['hop_ms_p50']:.2f}", "ms",
         f"p99 {out['hop_ms_p99']:.2f} ms")
    line("three-task workflow (p50)", f"{out['workflow_ms_p50']:.2f}", "ms",
         f"p99 {out['workflow_ms_p99']:.2f} ms; {aim(out, 'workflow_ms_p50')}")
    line("  in syncs of a plain file", f"{out['workflow_in_syncs']:.1f}", "",
         f"it makes {out['workflow_syncs']:.1f}; aim < 5, or the ms above")
    print("what it takes")
    line("memory, idle", f"{out['idle_mb']:.1f}", "MB", aim(out, "idle_mb"))
    line("memory, most under load", f"{out['loaded_mb']:.1f}", "MB")
    line("ready after", f"{out['ready_ms']:.1f}", "ms", aim(out, "ready_ms"))
    line(f"ready with {out['instances']:,} instances", f"{out['ready_full_ms']:.1f}", "ms")
    line("disk for a finished instance", f"{out['bytes_per_instance']:,.0f}", "bytes",
         f"{TASKS + 1} records; the record of an answer has {out['record_bytes']}")
    store = out["store_append"]
    line("store alone, 64 commits of 600 bytes at a time", f"{store['commits_per_s_64']:,}", "/s",
         f"raw {store['raw_per_s_64']:,}/s")


def print_page(page):
    print("the page")
    if page is None:
        print("  not measured: tools/deps.sh test brings the browser that it takes")
        return
    line("first view, compressed", f"{page['first_view_gzip'] / 1024:.0f}", "KB",
         f"aim < 200; all of it {page['all_gzip'] / 1024:.0f} KB, "
         f"the largest part loaded later {page['largest_lazy_gzip'] / 1024:.0f} KB")
    line("from nothing to the first live view", f"{page['live_ms']:.0f}", "ms",
         f"most {page['live_ms_most']:.0f} ms; {page['loaded_bytes'] / 1024:.0f} KB came")


def machine():
    cpu = platform.processor() or platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [x.split(":")[1].strip() for x in file if x.startswith("model name")]
    return {"cpu": names[0] if names else cpu, "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 2), "kernel": platform.release()}


def main():
    shutil.rmtree(DIR, ignore_errors=True)
    DIR.mkdir(parents=True)
    out = {"machine": machine()}
    measure_server(out)
    measure_engine(out)
    measure_store(out)
    shutil.rmtree(DIR)
    out["page"] = measure_page()
    out["function"] = function.measure()
    out["cluster"] = cluster.measure()
    (ROOT / "build" / "bench.json").write_text(json.dumps(out, indent=2) + "\n")
    print_table(out)
    print_page(out["page"])
    function.print_table(out["function"])
    cluster.print_table(out["cluster"])


main()
