"""Nodes that die, hang, come back, leave and come anew, under load."""


from _cluster import Cluster, OwnSqs, Replicas, WAIT_S, alive, must, nodes_of, until
from _load import Load, judge, lateness_s, verify_all
from _server import Cases

LATE_MAX_S = 4  # silence of 2 s, a look around every half second, and a busy machine


def killed_under_load(cluster):
    """kill -9 of one: what it had in hand is done by the others."""
    with Load(cluster) as load:
        load.finished_more()
        cluster.nodes[0].kill()
        load.finished_more()
        load.drain()
        judge(load, may_repeat=True)


def killed_in_turn(cluster):
    with Load(cluster) as load:
        for node in cluster.nodes:
            load.finished_more(10)
            node.kill()
            load.finished_more(10)
            cluster.come_back(node)
        load.drain()
        judge(load, may_repeat=True)


def all_killed(cluster):
    """All at once: who starts next finishes what they left."""
    with Load(cluster) as load:
        load.finished_more()
        for node in cluster.nodes:
            node.freeze()  # so that none outlives another
        for node in cluster.nodes:
            node.kill()
        for node in cluster.nodes:
            node.spawn()
        for node in cluster.nodes:
            until(f"{node} is ready", node.is_ready)
        load.finished_more(10)
        load.drain()
        judge(load, may_repeat=True)


def due_work_is_taken_over(cluster):
    """Retries that the dead node would have woken are late by no more than its silence."""
    with Load(cluster, retry_delay="1s", fails_in=1) as load:
        load.finished_more()
        cluster.nodes[1].kill()
        load.finished_more()
        load.drain()
        judge(load, may_repeat=True)
        late = lateness_s(cluster.nodes[0], load)
        must(len(late) > 10, f"there were only {len(late)} retries")
        print(f"    {len(late)} retries, the latest {max(late):.3f} s late", flush=True)
        must(0 <= min(late) and max(late) < LATE_MAX_S, f"retries came {min(late)} to {max(late)} s "
             "after they were due")


def hung_and_back(cluster):
    """It hangs long enough to be replaced, and goes on with what it believed."""
    with Load(cluster) as load:
        load.finished_more(10)
        cluster.nodes[2].freeze()
        others = cluster.nodes[:2]
        until("the others see it silent", lambda: all(
            len(alive(node)) == 2 for node in others), WAIT_S)
        load.finished_more(10)
        cluster.nodes[2].thaw()
        until("it lives again", lambda: len(alive(others[0])) == 3, WAIT_S)
        load.finished_more(10)
        load.drain()
        judge(load, may_repeat=True)


def rolling_restart(cluster):
    """One after the other, in order: nobody notices, nothing is doubled."""
    with Load(cluster) as load:
        for node in cluster.nodes:
            load.finished_more(10)
            node.stop()
            left = [n for n in stored_nodes(cluster) if n.startswith(f"{node.name}-")]
            must(not left, f"it stays among the nodes as {left}")
            others = [n for n in cluster.nodes if n is not node]
            until("the others know it", lambda: all(len(nodes_of(n)) == 2 for n in others))
            load.finished_more(10)
            cluster.come_back(node)
        load.drain()
        judge(load)


def odd_one_is_refused(cluster, queue, said):
    odd = cluster.make("odd", queue=queue)
    try:
        odd.spawn()
        code = odd.process.wait(WAIT_S)
        must(code == 1, f"it ended with {code}: {odd.output()[-400:]}")
        must(said in odd.output(), f"it said {odd.output()[-400:]}")
    finally:
        odd.close()
    until("only the others are there", lambda: len(nodes_of(cluster.nodes[0])) == 3)
    cluster.all_ready()


# --- pieces ---------------------------------------------------------------------------------------


def stored_nodes(cluster):
    answer = cluster.primary().command("find", "nodes", database=cluster.database)
    return [n["_id"] for n in answer["cursor"]["firstBatch"]]


def main():
    cases = Cases()
    with Replicas() as replicas, OwnSqs() as sqs, Cluster(replicas, sqs) as cluster:
        cluster.check(cases, "a killed node's work is done by the others", killed_under_load)
        cluster.check(cases, "each node is killed in turn and comes back", killed_in_turn)
        cluster.check(cases, "all nodes are killed at once and started again", all_killed)
        cluster.check(cases, "what is due on a dead node is late by its silence at most",
                    due_work_is_taken_over)
        cluster.check(cases, "a node that hung is refused what it believed", hung_and_back)
        cluster.check(cases, "a rolling restart loses and doubles nothing", rolling_restart)
        cluster.check(cases, "a further node with built-in queues is refused", odd_one_is_refused,
                    "builtin", "built-in queues have one owner")
        cluster.check(cases, "a further node with other queues is refused", odd_one_is_refused,
                    "sqs://eu-west-1?events=others", "--queue must be the same at all nodes")
        cluster.check(cases, "verify is clean at every node", verify_all)
    cases.finish()


main()
