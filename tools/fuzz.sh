#!/usr/bin/env bash
# fuzz.sh replay NAME          runs the fuzzer once over each file of test/fuzz/corpus/NAME
# fuzz.sh run NAME SECONDS     lets it look for more; what it finds goes to build/fuzz/found/NAME
set -u
cd "$(dirname "$0")/.." || exit 1
mode=$1
name=$2
corpus=test/fuzz/corpus/$name
files=$(find "$corpus" -type f 2>/dev/null | wc -l)
if [ "$files" -eq 0 ]; then
    echo "not ok fuzz $name: $corpus is empty"
    exit 1
fi

finish() { # the exit status, the case's name
    if [ "$1" -eq 0 ]; then
        echo "ok $2"
    else
        tail -n 60 "build/fuzz/$name.log"
        echo "not ok $2: the input is in build/fuzz/$name-*; keep it in $corpus with the fix"
        exit 1
    fi
}

limits=(-timeout=10 -rss_limit_mb=2048 -artifact_prefix="build/fuzz/$name-")
case $mode in
replay)
    "build/fuzz/$name" "${limits[@]}" -runs=0 "$corpus" >"build/fuzz/$name.log" 2>&1
    finish $? "fuzz $name: $files files of the corpus"
    ;;
run)
    mkdir -p "build/fuzz/found/$name"
    "build/fuzz/$name" "${limits[@]}" -max_total_time="$3" -print_final_stats=1 \
        "build/fuzz/found/$name" "$corpus" >"build/fuzz/$name.log" 2>&1
    status=$?
    grep -a -E 'stat::number_of_executed_units|DONE' "build/fuzz/$name.log" | tail -n 2
    finish $status "fuzz $name for $3 s"
    ;;
esac
