"""What the program costs as a function of AWS Lambda: a double of the runtime API freezes it
between invocations, with a MongoDB of one member and an SQS server, all on this machine. Run alone,
it also measures what a task costs, for the table in docs/serverless.md: how long invocations take
that carry answers of workers, and how much of that is the processor's time.

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
STAGES = 10
INSTANCES = {1: 12, 10: 60}  # of the chain, by how many answers an invocation carries
TEMPLATE = {"name": "bench", "stages": [
    {"name": "one", "tasks": [{"name": "first", "queue": "bench_first"}]},
    {"name": "two", "tasks": [{"name": "last", "queue": "bench_last"}]}]}
CHAIN = {"name": "chain", "stages": [
    {"name": f"s{n}", "tasks": [{"name": f"t{n}", "queue": "chain-tasks"}]}
    for n in range(STAGES)]}


def measure():
    return with_doubles(lambda doubles, function, sqs: {
        **measure_cold(doubles, function.env), **measure_warm(doubles, function)})


def with_doubles(work):
    """What `work` says; None where something is missing."""
    if not MONGOD.exists():
        return None
    sys.path.insert(0, str(ROOT / "test" / "lambda"))
    try:
        import _lambda
    except ImportError:
        return None
    with _lambda.Replicas(1) as replicas, _lambda.OwnSqs() as sqs, _lambda.Function(
            replicas.uri("bench"), sqs, timers="swm-timers", timeout_s=30) as function:
        for template in (TEMPLATE, CHAIN):
            function.post("/v1/templates", template)
        return work(_lambda, function, sqs)


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


def processor_s(sandbox):
    """Of all its threads, by the scheduler's own count of nanoseconds."""
    threads = pathlib.Path(f"/proc/{sandbox.process.pid}/task").glob("*/schedstat")
    return sum(int(t.read_text().split()[0]) for t in threads) / 1e9


def measure_warm(doubles, function):
    out = {}

    def timed(name, events):
        times, before = [], processor_s(function.idle[0])
        for event in events:
            function.rest()
            began = time.monotonic()
            function.invoke(event)
            times.append((time.monotonic() - began) * 1000)
        out[name + "_ms"] = statistics.median(times)
        used_s = processor_s(function.idle[0]) - before
        out[name + "_processor_ms"] = 1000 * used_s / len(times)

    def starts(tag, count):
        return [(f"{tag}-{n}", json.dumps({"event": "StartWorkflow", "template": "bench",
                                           "key": f"{tag}-{n}"})) for n in range(count)]

    def answers(tag, count):
        return [(f"{tag}-{n}-done", json.dumps(
            {"event": "TaskCompleted", "template": "bench", "key": f"{tag}-{n}", "task": "first"}))
                for n in range(count)]

    def batches(make, kind, count):
        return [doubles.records_event(make(f"{kind}-{k}", count), "events") for k in range(WARM)]

    timed("start", batches(starts, "one", 1))
    timed("answer", batches(answers, "one", 1))
    timed("starts", batches(starts, "many", BATCH))
    timed("answers", batches(answers, "many", BATCH))
    timed("read", [doubles.url_event("GET", "/v1/instances?limit=20")] * WARM)
    timed("tick", [{"swm": "tick"}] * WARM)
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
    line("a tick that finds nothing due (p50)", f"{out['tick_ms']:.1f}", "ms",
         f"of the processor {out['tick_processor_ms']:.1f} ms")
    line("memory, the most", f"{out['memory_mb']:.1f}", "MB", "aim < 32")


# --- what a task costs ----------------------------------------------------------------------------


class Line:
    """One worker that answers what it is given, in invocations of a fixed size."""

    def __init__(self, doubles, function, sqs, batch):
        self.doubles, self.function, self.batch = doubles, function, batch
        self.sqs = doubles.sqs_client(sqs.url)
        self.url = self.sqs.create_queue(QueueName="chain-tasks")["QueueUrl"]
        self.times, self.sent = [], 0

    def invoke(self, bodies):
        self.sent += 1
        event = self.doubles.records_event([(f"{self.batch}-{self.sent}-{k}", json.dumps(b))
                                            for k, b in enumerate(bodies)], "events")
        self.function.rest()
        began = time.monotonic()
        answer = self.function.invoke(event)
        self.times.append(time.monotonic() - began)
        assert not answer["batchItemFailures"], answer

    def take(self):
        messages = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10,
                                            WaitTimeSeconds=1).get("Messages", [])
        for m in messages:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=m["ReceiptHandle"])
        return [{"event": "TaskCompleted", "token": json.loads(m["Body"])["token"],
                 "output": {"n": 1}} for m in messages]

    def run(self, instances):
        for k in range(0, instances, self.batch):
            self.invoke([{"event": "StartWorkflow", "template": "chain",
                          "event_id": f"{self.batch}-{k + j}", "input": {}}
                         for j in range(self.batch)])
        self.times.clear()
        before, waiting, tasks = processor_s(self.function.idle[0]), [], 0
        while tasks < instances * STAGES:
            waiting += self.take()
            while len(waiting) >= self.batch:
                self.invoke(waiting[:self.batch])
                del waiting[:self.batch]
                tasks += self.batch
        self.times.sort()
        return {"batch": self.batch, "invocations": len(self.times),
                "median_ms": round(1000 * self.times[len(self.times) // 2], 2),
                "mean_ms": round(1000 * sum(self.times) / len(self.times), 2),
                "processor_ms": round(1000 * (processor_s(self.function.idle[0]) - before)
                                      / len(self.times), 2)}


def print_tasks(rows):
    for r in rows:
        print(f"  {r['batch']:2} answers: median {r['median_ms']} ms, mean {r['mean_ms']} ms, of it "
              f"processor {r['processor_ms']} ms, {r['invocations']} invocations")
    print(json.dumps(rows))


if __name__ == "__main__":
    print_table(measure())
    tasks = with_doubles(lambda doubles, function, sqs: [
        Line(doubles, function, sqs, batch).run(n) for batch, n in INSTANCES.items()])
    if tasks is not None:
        print_tasks(tasks)
