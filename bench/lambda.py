#!/usr/bin/env python3
"""What a task costs in AWS Lambda: how long invocations take that carry answers of workers, and how
much of that is the processor's time. `bench/lambda.py` after `make build` and `tools/deps.sh test`.
Real database and queues, on loopback; the last line is JSON, for the table in docs/serverless.md."""

import json
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "test" / "lambda")]

from _lambda import CREDENTIALS, Function, OwnSqs, Replicas, records_event, sqs_client  # noqa: E402

STAGES = 10
INSTANCES = {1: 12, 10: 60}  # by how many answers an invocation carries
TICK = os.sysconf("SC_CLK_TCK")
CHAIN = {"name": "chain", "stages": [
    {"name": f"s{n}", "tasks": [{"name": f"t{n}", "queue": "chain-tasks"}]}
    for n in range(STAGES)]}


def processor_s(sandbox):
    fields = pathlib.Path(f"/proc/{sandbox.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Line:
    """One worker that answers what it is given, in invocations of a fixed size."""

    def __init__(self, function, sqs, batch):
        self.function, self.batch = function, batch
        self.sqs = sqs_client(sqs.url)
        self.url = self.sqs.create_queue(QueueName="chain-tasks")["QueueUrl"]
        self.times, self.sent = [], 0

    def invoke(self, bodies):
        self.sent += 1
        event = records_event([(f"{self.batch}-{self.sent}-{k}", json.dumps(b))
                               for k, b in enumerate(bodies)], "events")
        sandbox = self.function.idle[0]
        sandbox.wait_asked(60)
        sandbox.asked.release()
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


def measure_ticks(function):
    times = []
    for _ in range(20):
        function.rest()
        began = time.monotonic()
        function.tick()
        times.append(time.monotonic() - began)
    return round(1000 * sorted(times)[len(times) // 2], 2)


def main():
    with Replicas(1) as replicas, OwnSqs() as sqs, \
            Function(replicas.uri("bench_lambda"), sqs, timeout_s=30, env=CREDENTIALS) as function:
        function.post("/v1/templates", CHAIN)
        rows = [Line(function, sqs, batch).run(n) for batch, n in INSTANCES.items()]
        tick = measure_ticks(function)
        memory = function.idle[0].memory_kb()
    for r in rows:
        print(f"{r['batch']:2} answers: median {r['median_ms']} ms, mean {r['mean_ms']} ms, of it "
              f"processor {r['processor_ms']} ms, {r['invocations']} invocations")
    print(f"tick with nothing due: median {tick} ms; memory at most {memory:,} KiB")
    print(json.dumps({"rows": rows, "tick_ms": tick, "memory_kb": memory}))


main()
