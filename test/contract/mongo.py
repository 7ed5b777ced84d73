#!/usr/bin/env python3
"""The contract of the store port on a real MongoDB.

Runs build/san/contract with the tests that are about MongoDB, each in a database of its own, on a
replica set of one member. Arguments are handed on: a part of the names of the tests to run.
"""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "san" / "contract"
sys.path.insert(0, str(ROOT / "test" / "servers"))

from mongo import Replicas  # noqa: E402


def main(arguments):
    with Replicas(1) as replicas:
        address = replicas.uri("contract_%u")  # the program puts a number there
        done = subprocess.run([str(PROGRAM), *arguments], check=False, stdin=subprocess.DEVNULL,
                              env={**os.environ, "SWM_TEST_MONGODB": address,
                                   "SWM_TEST_DRIVER": "mongodb"})
    return 0 if done.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
