#!/usr/bin/env python3
"""The contract of the store port on a real MongoDB.

Runs build/san/contract with the tests that are about MongoDB, each in a database of its own, on a
replica set of one member. Most of their time is spent waiting, so several programs share the tests,
each with a set of its own, because a test may make commands fail in the whole server. Arguments are
handed on: a part of the names of the tests to run.
"""

import os
import pathlib
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "san" / "contract"
SHARES = 4
sys.path.insert(0, str(ROOT / "test" / "servers"))

from mongo import Replicas  # noqa: E402


def run(share, arguments, codes):
    with Replicas(1) as replicas:
        address = replicas.uri("contract_%u")  # the program puts a number there
        program = subprocess.Popen(
            [str(PROGRAM), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, "SWM_TEST_MONGODB": address,
                                           "SWM_TEST_DRIVER": "mongodb",
                                           "SWM_TEST_SHARE": f"{share}/{SHARES}"})
        for line in program.stdout:  # whole lines, whoever prints them
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
        codes[share] = program.wait()


def main(arguments):
    codes = [1] * SHARES  # of a thread that ends early
    threads = [threading.Thread(target=run, args=(k, arguments, codes)) for k in range(SHARES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0 if codes == [0] * SHARES else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
