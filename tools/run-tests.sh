#!/usr/bin/env bash
# Runs test programs one after the other, each argument being one command. A program prints `ok NAME`
# or `not ok NAME: why` for each of its cases; whatever else it says is shown. One that dies, exits
# with a failure it has not named, or names no case at all counts as one failure more. The last line
# is the count. SWM_TEST_LIMIT_S bounds each program; what it printed stays in build/logs.
set -u
cd "$(dirname "$0")/.." || exit 1
limit_s=${SWM_TEST_LIMIT_S:-1200}
mkdir -p build/logs
passed=0
failed=0
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; exit 130' INT TERM

log_of() { echo "build/logs/$(tr -cs 'A-Za-z0-9.\n' '_' <<<"$1").log"; }

# A line in a program's output that starts with `ok ` is counted, not shown.
run() {
    local command=$1 log rc=0 ok not_ok began=$SECONDS
    log=$(log_of "$command")
    echo "=== $command"
    : >"$log"
    timeout -k 10 "$limit_s" bash -c "$command" >"$log" 2>&1 </dev/null &
    pid=$!
    tail -f -n +1 -s 0.1 --pid=$pid "$log" 2>/dev/null | grep --line-buffered -a -v '^ok ' || true
    wait $pid || rc=$?
    pid=
    ok=$(grep -a -c '^ok ' "$log")
    not_ok=$(grep -a -c '^not ok ' "$log")
    if [ $rc -ne 0 ] && [ "$not_ok" -eq 0 ]; then
        not_ok=1
        case $rc in
        124 | 137) echo "not ok $command: ended after $limit_s s" | tee -a "$log" ;;
        *) echo "not ok $command: exit status $rc" | tee -a "$log" ;;
        esac
    elif [ "$ok" -eq 0 ] && [ "$not_ok" -eq 0 ]; then
        not_ok=1
        echo "not ok $command: it ran no test" | tee -a "$log"
    fi
    passed=$((passed + ok))
    failed=$((failed + not_ok))
    echo "    $ok ok, $not_ok not ok, $((SECONDS - began)) s"
}

for command in "$@"; do run "$command"; done
if [ $failed -gt 0 ]; then
    echo
    echo "failures (whole output in build/logs):"
    for command in "$@"; do
        grep -a '^not ok ' "$(log_of "$command")" | head -n 20 | sed 's/^/    /'
    done
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
