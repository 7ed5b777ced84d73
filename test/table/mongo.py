"""The text cases through three engines over a real MongoDB: a replica set of one member."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "servers"))

from mongo import Replicas  # noqa: E402

PROGRAM = HERE.parents[1] / "build" / "san" / "table"

with Replicas(1) as replicas:
    sys.exit(subprocess.run([str(PROGRAM), "--cluster", *sys.argv[1:]],
                            env={**os.environ, "SWM_TEST_MONGODB": replicas.uri("table")}).returncode)
