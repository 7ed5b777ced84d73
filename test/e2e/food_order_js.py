"""The food-order workflow with a worker on the AWS SDK for JavaScript v3, only the endpoint set."""

import json
import os
import pathlib
import subprocess
import threading

import _food_order as food
from _server import Cases, Server, must

WORKER = pathlib.Path(__file__).with_name("_food_order_worker.mjs")


class NodeWorkers:
    """One node process for all queues."""

    def __init__(self, server):
        self.server = server
        self.taken = food.Taken()

    def start(self):
        self.process = subprocess.Popen(
            ["node", str(WORKER), self.server.url, *food.QUEUES], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "FOOD_ORDER_OUTPUTS": json.dumps(food.OUTPUTS)})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.taken.add(json.loads(line))

    def stop(self):
        self.process.stdin.close()
        status = self.process.wait(30)
        self.reader.join()
        must(status == 0, f"the worker ended with {status}")


def main():
    cases = Cases()
    with Server() as server:
        food.Story(server, cases, NodeWorkers(server)).run()
    cases.finish()


main()
