"""Every test of the page once more, where the server's state lies in a real MongoDB."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "servers"))

from mongo import Replicas  # noqa: E402

LIMIT_S = 300  # of one script

failures = 0
with Replicas(1) as replicas:
    # Each server that a script starts gets a database of its own.
    environment = {**os.environ, "SWM_PAGE_STORE": replicas.uri("DATABASE")}
    for script in sorted(HERE.glob("[!_]*.mjs")):
        done = subprocess.run(["node", str(script)], env=environment, timeout=LIMIT_S,
                              stdout=subprocess.PIPE, text=True)
        for line in done.stdout.splitlines():
            for word in ("ok ", "not ok "):
                if line.startswith(word):
                    line = f"{word}{script.stem} on MongoDB: {line[len(word):]}"
                    break
            print(line, flush=True)
        failures += done.returncode != 0
sys.exit(1 if failures else 0)
