#!/usr/bin/env python3
"""The paths of test/data/templates/paths.txt give in jq what the table says; the unit tests hold our
own evaluator to the same table."""

import json
import pathlib
import subprocess
import sys

TABLE = pathlib.Path(__file__).parent.parent / "data/templates/paths.txt"


def ask_jq(path, value):
    scope = json.dumps({"input": value, "tasks": {}})
    ran = subprocess.run(["jq", "-c", path], input=scope, capture_output=True, text=True)
    return json.loads(ran.stdout) if ran.returncode == 0 else "error"


def main():
    failures = cases = 0
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        path, value, expected = line.split(" | ")
        got = ask_jq(path, json.loads(value))
        should = "error" if expected == "error" else json.loads(expected)
        cases += 1
        if got != should:
            failures += 1
            print(f"not ok expr: jq gives {json.dumps(got)} for {line}")
    if failures == 0 and cases > 0:
        print(f"ok expr: jq agrees with all {cases} paths")
    return 1 if failures or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
