"""What the program costs as a function of AWS Lambda: a double of the runtime API freezes it between
invocations, with a MongoDB of one member and an SQS server, all on this machine. Can be run alone.

A cold start is from the start of the process to the answer of its first invocation; what opening
the store took of that, the program says itself. A warm invocation is from the thaw to the answer.
"""

import json
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MONGOD = ROOT / "build" / "test-mongo" / "mongod"
COLD, WARM, BATCH = 20, 60, 10
TEMPLATE = {"name": "bench", "stages": [
    {"name": "one", "tasks": [{"name": "first", "queue": "bench_first"}]},
    {"name": "two", "tasks": [{"name": "last", "queue": "bench_last"}]}]}


def measure():
    if not MONGOD.exists():
        return None
    sys.path.insert(0, str(ROOT / "test" / "lambda"))
    try:
        import _lambda
    except ImportError:
        return None
    with _lambda.Replicas(1) as replicas, _lambda.OwnSqs() as sqs:
        uri = replicas.uri("bench")
        with _lambda.Function(uri, sqs, timers="swm-timers") as function:
            function.ask("POST", "/v1/templates", TEMPLATE)
            out = measure_cold(_lambda, function.env)
            out.update(measure_warm(_lambda, function))
            return out


def measure_cold(doubles, env):
    """Both from the program's start to its first answer, and without opening the store."""
    whole, rest = [], []
    for _ in range(COLD):
        sandbox = doubles.Sandbox(env)
        began = time.monotonic()
        sandbox.start().invoke(doubles.url_event("GET", "/healthz"))
        whole.append((time.monotonic() - began) * 1000)
        opening = re.search(r"started in \d+ ms, (\d+) ms", sandbox.output())
        rest.append(whole[-1] - int(opening[1]))
        sandbox.close()
    return {"cold_ms": statistics.median(whole), "cold_ms_without_store": statistics.median(rest),
            "loading_ms": measure_loading(doubles.PROGRAM)}


def measure_loading(program):
    """What the libraries take that are shared: a process that only says its version."""
    times = []
    for _ in range(COLD):
        began = time.monotonic()
        subprocess.run([program, "version"], stdout=subprocess.DEVNULL, check=True)
        times.append((time.monotonic() - began) * 1000)
    return statistics.median(times)


def measure_warm(doubles, function):
    out = {}

    def timed(name, events):
        times = []
        for event in events:
            function.rest()
            began = time.monotonic()
            function.invoke(event)
            times.append((time.monotonic() - began) * 1000)
        out[name] = statistics.median(times)

    def starts(tag, count):
        return [(f"{tag}-{n}", json.dumps({"event": "StartWorkflow", "template": "bench",
                                           "key": f"{tag}-{n}"})) for n in range(count)]

    def answers(tag, count):
        return [(f"{tag}-{n}-done", json.dumps(
            {"event": "TaskCompleted", "template": "bench", "key": f"{tag}-{n}", "task": "first"}))
                for n in range(count)]

    def batches(make, kind, count):
        return [doubles.records_event(make(f"{kind}-{k}", count), "events") for k in range(WARM)]

    timed("start_ms", batches(starts, "one", 1))
    timed("answer_ms", batches(answers, "one", 1))
    timed("starts_ms", batches(starts, "many", BATCH))
    timed("answers_ms", batches(answers, "many", BATCH))
    timed("read_ms", [doubles.url_event("GET", "/v1/instances?limit=20")] * WARM)
    timed("tick_ms", [{"swm": "tick"}] * WARM)
    out["memory_mb"] = function.idle[0].memory_kb() / 1024
    return out


def line(name, value, unit, beside=""):
    print(f"  {name:<46}{value:>10}  {unit:<8}{beside}")


def print_table(out):
    if out is None:
        print("a function of AWS Lambda: not measured, tools/deps.sh test brings what it takes")
        return
    print("a function of AWS Lambda: doubles of AWS, MongoDB with one member, all on this machine")
    line("cold start to the first answer (p50)", f"{out['cold_ms']:.1f}", "ms")
    line("  without opening the store", f"{out['cold_ms_without_store']:.1f}", "ms",
         f"aim < 20; loading the program and its shared libraries {out['loading_ms']:.1f} ms")
    line("a message that starts an instance (p50)", f"{out['start_ms']:.1f}", "ms",
         f"{BATCH} in one invocation {out['starts_ms']:.1f} ms")
    line("a message that completes a task (p50)", f"{out['answer_ms']:.1f}", "ms",
         f"{BATCH} in one invocation {out['answers_ms']:.1f} ms")
    line("a list of 20 instances over HTTP (p50)", f"{out['read_ms']:.1f}", "ms")
    line("a tick that finds nothing due (p50)", f"{out['tick_ms']:.1f}", "ms")
    line("memory, the most", f"{out['memory_mb']:.1f}", "MB", "aim < 32")


if __name__ == "__main__":
    print_table(measure())
