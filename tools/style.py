#!/usr/bin/env python3
"""The style check: format, banned calls, include direction, purity of core, size ratchet.

Run from anywhere, after the objects in build/clang are made (`make style`). Each rule that holds
prints one `ok style: …` line, each place that breaks one a `not ok style: file:line: …` line.
"""

import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLANG_FORMAT = "14.0.6"  # versions differ in what they call well laid out
COLUMNS = 100

# Which rooms a room may include, and single headers beyond those.
SEES = {
    "base": ("base",),
    "core": ("base", "core"),
    "port": ("base", "port"),
    "flow": ("base", "core", "port", "flow"),
    "store": ("base", "port", "flow", "store", "core/limits.h"),
    "queue": ("base", "port", "flow", "queue", "core/limits.h"),
    "api": ("base", "port", "flow", "api", "core/layout.h", "core/limits.h", "core/vocab.h"),
    "app": ("base", "core", "port", "flow", "api", "app"),
}
DRIVERS = ("store", "queue")
NAMES_DRIVERS = "src/app/drivers.c"

BANNED = re.compile(
    r"\b(strcpy|stpcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|strtok_r|atoi|atol|atoll|atof"
    r"|gets|alloca)\s*\(|\b(TODO|FIXME|XXX|NDEBUG)\b"
)

LIMITS = {"lines": 60, "file": 500, "nesting": 3, "parameters": 5}
# Base's own functions that reach outside memory: core may not call them.
IMPURE_BASE = re.compile(r"^log_")

failures = 0


def fail(where, what):
    global failures
    failures += 1
    print(f"not ok style: {where}: {what}")


def rule(name, check, *args):
    before = failures
    check(*args)
    if failures == before:
        print(f"ok style: {name}")


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def without_comments(text):
    """The code alone: comments and the insides of literals become blanks, lines stay in place."""
    pattern = r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"

    def replace(match):
        token = match.group(0)
        if token[0] in "\"'":
            return token[0] + " " * (len(token) - 2) + token[0]
        return blank(match)

    return re.sub(pattern, replace, text, flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def read_sources():
    """{path: text} of every C file of ours."""
    files = {}
    for top in ("src", "test"):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            if "node_modules" not in path.parts:
                files[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
    return files


# --- format ---------------------------------------------------------------------------------------


def find_clang_format():
    for program in (str(ROOT / "build/test-venv/bin/clang-format"), shutil.which("clang-format")):
        if program and os.path.exists(program):
            if CLANG_FORMAT in run(program, "--version").stdout:
                return program
    return None


def check_format(files):
    program = find_clang_format()
    if program is None:
        fail("clang-format", f"version {CLANG_FORMAT} is missing: run tools/deps.sh test")
        return
    for path in files:
        laid_out = run(program, path).stdout
        if laid_out == files[path]:
            continue
        ours, theirs = files[path].split("\n"), laid_out.split("\n")
        pairs = zip(ours + [None] * len(theirs), theirs + [None] * len(ours))
        line = next(i for i, (a, b) in enumerate(pairs, 1) if a != b)
        fail(f"{path}:{line}", "not laid out by clang-format; make format does it")


def check_columns(files):
    for path, text in files.items():
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > COLUMNS:
                fail(f"{path}:{number}", f"{len(line)} columns; {COLUMNS} are the most")


# --- words and includes ---------------------------------------------------------------------------


def check_banned(files):
    for path, text in files.items():
        code = without_comments(text)
        for match in BANNED.finditer(code):
            word = match.group(1) or match.group(2)
            fail(f"{path}:{line_of(code, match.start())}", f"{word} is banned")
        for match in re.finditer(r"\b(TODO|FIXME|XXX)\b", text):
            if not code[match.start()].isalpha():
                fail(f"{path}:{line_of(text, match.start())}", f"{match.group(1)} in a comment")


def check_first_comment(files):
    for path, text in files.items():
        if path.startswith("src/") and not text.startswith("/*"):
            fail(f"{path}:1", "the first comment, which states the purpose, is missing")


def may_include(path, header):
    room = path.split("/")[1]
    target = header.split("/")[0]
    if target in DRIVERS and room == "app":
        return path == NAMES_DRIVERS
    return target in SEES[room] or header in SEES[room]


def check_includes(files):
    for path, text in files.items():
        if not path.startswith("src/"):
            continue
        room = path.split("/")[1]
        if room not in SEES or path.count("/") != 2:
            fail(f"{path}:1", "not in one of the rooms " + " ".join(SEES))
            continue
        includes = list(re.finditer(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', text, re.M))
        for match in includes:
            where, header = f"{path}:{line_of(text, match.start(1))}", match.group(2)
            if match.group(1) == "<":
                if "src/" + header in files:
                    fail(where, f'our own header is "{header}", not <{header}>')
            elif not re.fullmatch(r"[a-z]+/[a-z0-9_]+\.h", header):
                fail(where, f'write "{header}" as "room/file.h"')
            elif not may_include(path, header):
                fail(where, f'{room} does not see "{header}"')
        own = path[len("src/") : -2] + ".h"
        if path.endswith(".c") and "src/" + own in files:
            inner = own[: -len(".h")] + "_int.h"  # what its files share among themselves
            if not includes or includes[0].group(2) not in (own, inner):
                fail(f"{path}:1", f'its own header "{own}" comes first')


# --- purity of core -------------------------------------------------------------------------------


def symbols(paths):
    """(file, letter, name, section) of each symbol; undefined ones have the letter U."""
    if not paths:
        return
    found = run("nm", "-A", "-f", "sysv", *map(str, paths))
    for line in found.stdout.splitlines():
        fields = [f.strip() for f in line.split("|")]
        if len(fields) == 7:
            file, _, name = fields[0].rpartition(":")
            yield file, fields[2], name, fields[6]


def check_purity(files):
    allowed = set()
    for line in (ROOT / "tools/core-symbols.txt").read_text().splitlines():
        allowed.update(line.split("#")[0].split())
    trees = {}
    for room in ("base", "core"):
        sources = [p for p in files if p.startswith(f"src/{room}/") and p.endswith(".c")]
        trees[room] = [ROOT / "build/clang" / (p[:-2] + ".o") for p in sources]
    missing = [p for p in trees["base"] + trees["core"] if not p.exists()]
    if missing:
        fail(missing[0].relative_to(ROOT), "not built; run make style")
        return
    core = list(symbols(trees["core"]))
    own = {name for _, letter, name, _ in core if letter != "U"}
    base = {name for _, letter, name, _ in symbols(trees["base"]) if letter != "U"}
    pure = own | {name for name in base if not IMPURE_BASE.match(name)}
    for file, letter, name, section in core:
        source = os.path.relpath(file, ROOT / "build/clang")[:-2] + ".c"
        if re.match(r"\.(data(?!\.rel\.ro)|bss|tdata|tbss)|\*COM\*", section):
            fail(source, f"core has no variable state: {name}")
        elif letter == "U" and name not in pure:
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed):
                fail(source, f"core may not use {name}")


# --- sizes ----------------------------------------------------------------------------------------


def count_parameters(signature):
    inside = signature[signature.find("(") + 1 : signature.rfind(")")].strip()
    if inside in ("", "void"):
        return 0
    depth, count = 0, 1
    for c in inside:
        depth += (c in "([{") - (c in ")]}")
        count += c == "," and depth == 0
    return count


CONTROL = re.compile(r"^( +)(?:\} )?(?:if|for|while|do|switch|else|[A-Z][A-Z_]*_EACH)\b")


def measure_nesting(lines):
    """Layout is checked, so the indentation of a control word tells how deep it stands."""
    depths = [len(m.group(1)) // 4 for m in map(CONTROL.match, lines) if m]
    return max(depths, default=0)


def measure_functions(files):
    ctags = shutil.which("ctags-universal") or "ctags"
    listed = run(
        ctags, "-x", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "-I", "MUST_USE",
        "--_xformat=%F\t%N\t%n\t%{end}\t%S", *files,
    )  # fmt: skip
    if listed.returncode != 0:
        fail("ctags", listed.stderr.strip().split("\n")[0])
    code = {path: without_comments(text).split("\n") for path, text in files.items()}
    for line in listed.stdout.splitlines():
        path, name, first, last, signature = line.split("\t")
        if not last:
            continue
        yield path, int(first), name, {
            "lines": int(last) - int(first) + 1,
            "nesting": measure_nesting(code[path][int(first) : int(last)]),
            "parameters": count_parameters(signature),
        }


def read_exceptions():
    """{(file, function or -, measure): (granted, line)}"""
    granted = {}
    lines = (ROOT / "tools/style-exceptions.txt").read_text().splitlines()
    for number, line in enumerate(lines, 1):
        fields = line.split("#")[0].split()
        if not fields:
            continue
        if len(fields) != 4 or fields[2] not in LIMITS or not fields[3].isdigit():
            fail(f"tools/style-exceptions.txt:{number}", "expected: file function measure number")
            continue
        granted[tuple(fields[:3])] = (int(fields[3]), number)
    return granted


def check_sizes(files):
    exceptions = read_exceptions()
    measured = {}
    for path, first, name, sizes in measure_functions(files):
        for measure, size in sizes.items():
            measured[(path, name, measure)] = (size, first)
    for path, text in files.items():
        measured[(path, "-", "file")] = (text.count("\n"), 1)
    for key, (size, line) in measured.items():
        path, name, measure = key
        most = exceptions[key][0] if key in exceptions else LIMITS[measure]
        if size > max(most, LIMITS[measure]):
            what = "lines in the file" if measure == "file" else f"{measure} in {name}"
            fail(f"{path}:{line}", f"{size} {what}; {most} are the most")
    for key, (granted, number) in exceptions.items():
        where = f"tools/style-exceptions.txt:{number}"
        size = measured.get(key, (0, 0))[0]
        if size <= LIMITS[key[2]]:
            fail(where, f"{' '.join(key)} is not needed any more: remove it")
        elif size < granted:
            fail(where, f"{' '.join(key)} is {size} now: lower it")


# --- the page --------------------------------------------------------------------------------------


def read_page():
    """{path: text} of what the page is made of."""
    paths = [p for top in ("web/src", "web/unit", "test/page") for p in (ROOT / top).rglob("*.*")]
    kinds = (".ts", ".tsx", ".css", ".mjs")
    return {str(p.relative_to(ROOT)): p.read_text() for p in sorted(paths) if p.suffix in kinds}


def check_page_files(page):
    for path, text in page.items():
        if text.count("\n") > LIMITS["file"]:
            fail(f"{path}:1", f"{text.count(chr(10))} lines in the file; {LIMITS['file']} are the most")
        for match in re.finditer(r"\b(TODO|FIXME|XXX|innerHTML|outerHTML|dangerouslySetInnerHTML)\b", text):
            fail(f"{path}:{line_of(text, match.start())}", f"{match.group(1)} is banned")


def check_page_types():
    compiler = ROOT / "build/test-node/node_modules/typescript/bin/tsc"
    if not compiler.exists():
        fail("tsc", "TypeScript is missing: run tools/deps.sh test")
        return
    said = run("node", str(compiler), "-p", "web", "--pretty", "false")
    for line in said.stdout.splitlines():
        match = re.match(r"(\S+)\((\d+),\d+\): (?:error )?(.*)", line)
        if match:
            fail(f"{match.group(1)}:{match.group(2)}", match.group(3))
    if said.returncode != 0 and not said.stdout.strip():
        fail("tsc", said.stderr.strip()[:200])


def main():
    files = read_sources()
    page = read_page()
    rule("layout is clang-format's", check_format, files)
    rule(f"no line is over {COLUMNS} columns", check_columns, files)
    rule("no line of the page is over its columns", check_columns, page)
    rule("the page's files keep to its rules", check_page_files, page)
    rule("the page's types hold", check_page_types)
    rule("no banned word or call", check_banned, files)
    rule("each file begins with its purpose", check_first_comment, files)
    rule("includes go one way", check_includes, files)
    rule("core is pure", check_purity, files)
    rule("sizes are within their limits", check_sizes, files)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
