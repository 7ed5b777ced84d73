#!/usr/bin/env bash
# Builds the benchmark's programs and runs it: what swm costs on this machine. The table goes to
# standard output, the numbers behind it to build/bench.json. BENCH_SECONDS bounds each rate's
# measure (3), BENCH_DIR says on which disk (build/bench).
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x build/swm ] || {
    echo "bench: build/swm is missing: make build makes it" >&2
    exit 1
}
env -u MAKELEVEL -u MAKEFLAGS make -s build/release/libswm.a
mkdir -p build/bench
cflags="-std=c17 -D_GNU_SOURCE -O2 -g -Isrc -pthread"
packages="yyjson libfyaml libmicrohttpd libcurl sqlite3 libmongoc-1.0 libcrypto"
cc=${CC:-gcc}
for name in engine store_append; do
    # shellcheck disable=SC2046,SC2086
    $cc $cflags -flto=auto $(pkg-config --cflags $packages) "bench/$name.c" build/release/libswm.a \
        $(pkg-config --libs $packages) -lm -o "build/bench/$name"
done
for name in load ready raw; do
    # shellcheck disable=SC2086
    $cc $cflags "bench/$name.c" -o "build/bench/$name"
done
# shellcheck disable=SC2046,SC2086
$cc $cflags $(pkg-config --cflags libmongoc-1.0) bench/mongo_append.c \
    $(pkg-config --libs libmongoc-1.0) -o build/bench/mongo_append
# shellcheck disable=SC2086
$cc $cflags -shared -fPIC bench/syncs.c -o build/bench/syncs.so
python=python3
[ -x build/test-venv/bin/python ] && python=build/test-venv/bin/python
exec "$python" bench/run.py
