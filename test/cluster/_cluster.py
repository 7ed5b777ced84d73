"""A cluster under test: nodes over one replica set and one SQS server, all real processes.

Between each node and every other server stands a proxy of its own, so that a test can cut any one
way. Workers and the test itself talk to the servers without one.
"""

import os
import pathlib
import platform
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "servers")]

import boto3  # noqa: E402
import botocore.config  # noqa: E402

from _server import Failed, Server, WAIT_S, free_port, must, until  # noqa: E402
from mongo import Replicas  # noqa: E402
from proxy import Proxy  # noqa: E402

REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
FAKETIME = f"/usr/lib/{platform.machine()}-linux-gnu/faketime/libfaketimeMT.so.1"


class OwnSqs(Server):
    """swm's own front in a process of its own, which knows nothing of the cluster. There the name
    swm-events is taken by its own events, hence another one."""

    events = "cluster-events"


class Moto:
    """The stand-in from the registry: in memory, AWS JSON and Query."""

    events = "swm-events"

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def __enter__(self):
        server = pathlib.Path(sys.executable).parent / "moto_server"
        self.process = subprocess.Popen(
            [sys.executable, str(server), "-H", "127.0.0.1", "-p", str(self.port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("moto answers", self.is_ready)
        return self

    def is_ready(self):
        must(self.process.poll() is None, "moto ended")
        try:
            sqs_client(self.url).list_queues()
            return True
        except botocore.exceptions.BotoCoreError:
            return False

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def sqs_client(url):
    """A stock client that asks again by itself only what the caller asks again."""
    return boto3.client(
        "sqs", endpoint_url=url, region_name=REGION, aws_access_key_id="test",
        aws_secret_access_key="test",
        config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=10))


def find_queue(sqs, name):
    """The queue's address, or None where nobody has made it yet."""
    try:
        return sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        return None


class Node(Server):
    """A node, behind its own proxies to the members of the replica set and to the SQS server."""

    def __init__(self, name, replicas, database, sqs, queue=None, env=None):
        self.members = {member: Proxy(member.port) for member in replicas.members}
        told = {address(m.port): address(p.port) for m, p in self.members.items()}
        for proxy in self.members.values():
            proxy.rewrite = told
        self.sqs_link = Proxy(sqs.port, is_http=True)
        ports = [proxy.port for proxy in self.members.values()]
        store = (f"mongodb://{','.join(f'127.0.0.1:{p}' for p in ports)}/{database}"
                 f"?replicaSet={replicas.name}")
        self.name = name
        super().__init__(
            options=["--node", name, "--store", store,
                     "--queue", queue or f"sqs://{REGION}?events={sqs.events}"],
            env={**CREDENTIALS, "AWS_ENDPOINT_URL_SQS": f"http://127.0.0.1:{self.sqs_link.port}",
                 **(env or {})})

    def __repr__(self):
        return f"node {self.name}"

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def freeze(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self):
        must(super().stop() == 0, lambda: f"{self} ended in disorder: {self.output()[-600:]}")

    def cut_from_store(self, members=None):
        """Silently, from these members or all."""
        for member in members or self.members:
            self.members[member].hold()

    def heal(self):
        """What was held back is lost with its connections, as after a long cut."""
        for proxy in [*self.members.values(), self.sqs_link]:
            proxy.cut()
            proxy.heal()

    def close(self):
        if self.is_running():
            self.thaw()
        super().close()
        for proxy in [*self.members.values(), self.sqs_link]:
            proxy.close()


def nodes_of(node):
    """The nodes as one of them sees them."""
    return node.get("/v1/status")["nodes"]


def alive(node):
    return [n for n in nodes_of(node) if n["alive"]]


def address(port):
    return f"127.0.0.1:{port}".encode()


class Cluster:
    """Some nodes, all running. Each cluster has a database of its own."""

    made = 0

    def __init__(self, replicas, sqs, names="abc", env=None):
        """`env` may hold variables for single nodes: {name: {variable: value}}."""
        Cluster.made += 1
        self.replicas, self.sqs = replicas, sqs
        self.database = f"swm_{os.getpid()}_{Cluster.made}"
        self.nodes = [self.make(name, env=(env or {}).get(name)) for name in names]

    def make(self, name, queue=None, env=None):
        return Node(name, self.replicas, self.database, self.sqs, queue, env)

    def __enter__(self):
        self.restore()
        return self

    def restore(self):
        """Everything runs and reaches everything, whatever a case has left."""
        for member in self.replicas.members:
            if not member.is_running():
                member.start()
            member.thaw()
        for node in self.nodes:
            node.heal()
            if node.is_running():
                node.thaw()
            else:
                node.spawn()
        self.all_ready()

    def all_ready(self):
        for node in self.nodes:
            until(f"{node} is ready", node.is_ready)
        until("all see all", lambda: all(len(alive(n)) == len(self.nodes) for n in self.nodes))

    def come_back(self, node):
        node.spawn()
        until(f"{node} is ready", node.is_ready)
        until("all are seen", lambda: len(alive(node)) == len(self.running()))

    def check(self, cases, name, work, *args):
        """Runs one case, from a whole cluster."""
        cases.check(name, self.run, work, *args)

    def run(self, work, *args):
        self.restore()
        return work(self, *args)

    def __exit__(self, *_):
        for node in self.nodes:
            node.close()

    def running(self):
        return [node for node in self.nodes if node.is_running()]

    def silences(self):
        """How often a node has found another one silent."""
        return sum(node.output().count(" is silent\n") for node in self.nodes)

    def count_records(self):
        """What lies in the database: of instances and of no instance."""
        return self.replicas.count_records(self.database)

    def primary(self):
        return until("there is a primary", self.replicas.primary)
