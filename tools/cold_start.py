#!/usr/bin/env python3
"""The size of the packages for AWS Lambda, and what a cold start takes of those that run here.
Arguments: packages, each as PATH=MACHINE.

Measured is from the start of the process to its first question to the runtime API, and to its first
answer, which tells its health. The runtime API and the store are doubles on this machine: what the
network and a database add, and what AWS takes before it starts the process, is not in it.
`make package` measures with a real database, where there is nothing but the package."""

import pathlib
import platform
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "test" / "servers")]

from runtime_api import Sandbox, measure_starts, tell_starts  # noqa: E402
from store_double import StoreDouble  # noqa: E402

STARTS = 15


def measure(package):
    sandbox = Sandbox(package, alone=False)
    with StoreDouble() as store:
        def environment(api):
            return {"AWS_LAMBDA_RUNTIME_API": api.address(), "AWS_REGION": "eu-central-1",
                    "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
                    "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1", "SWM_STORE": store.uri,
                    "SWM_QUEUE": "sqs://eu-central-1"}

        try:
            measure_starts(sandbox, environment, 1)  # the store is made
            return measure_starts(sandbox, environment, STARTS)
        finally:
            sandbox.close()


def main(packages):
    for package, _, machine in (p.partition("=") for p in packages):
        print(f"{package}: {pathlib.Path(package).stat().st_size:,} bytes")
        if machine == platform.machine():
            for line in tell_starts(*measure(package)):
                print(f"    {line} (doubles of the runtime API and of the store)")
        else:
            print(f"    cold start: not measured, this machine is no {machine}")


main(sys.argv[1:])
