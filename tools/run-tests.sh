#!/usr/bin/env bash
# Runs test programs one after the other, each argument being one command. A program prints `ok NAME`
# or `not ok NAME: why` for each of its cases; whatever else it says is shown. One that dies, exits
# with a failure it has not named, or names no case at all counts as one failure more. The last line
# is the count. SWM_TEST_LIMIT_S bounds each program; what it printed stays in build/logs.
#
# A command with & before it runs beside those that follow, as far as the argument `wait` or to the
# end. Then what it said is shown.
set -u
cd "$(dirname "$0")/.." || exit 1
limit_s=${SWM_TEST_LIMIT_S:-1200}
mkdir -p build/logs
passed=0
failed=0
declare -A pids=() began=() # of commands that run
beside=()
trap '[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null; exit 130' INT TERM

log_of() { echo "build/logs/$(tr -cs 'A-Za-z0-9.\n' '_' <<<"$1").log"; }

start() {
    local log
    log=$(log_of "$1")
    : >"$log"
    began[$1]=$SECONDS
    timeout -k 10 "$limit_s" bash -c "$1" >"$log" 2>&1 </dev/null &
    pids[$1]=$!
}

# Shows what it says and waits for its end. A line that starts with `ok ` is counted, not shown.
follow() {
    local command=$1 pid=${pids[$1]} log rc=0 ok not_ok
    log=$(log_of "$command")
    echo "=== $command"
    tail -f -n +1 -s 0.1 --pid="$pid" "$log" 2>/dev/null | grep --line-buffered -a -v '^ok ' &
    wait $! # so that a signal is heard at once
    wait "$pid" || rc=$?
    unset "pids[$command]"
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
    echo "    $ok ok, $not_ok not ok, $((SECONDS - began[$command])) s"
}

collect() {
    local command
    for command in "${beside[@]}"; do follow "$command"; done
    beside=()
}

commands=()
for argument in "$@"; do
    command=${argument#&}
    if [ "$argument" = wait ]; then
        collect
        continue
    fi
    commands+=("$command")
    start "$command"
    if [ "$command" = "$argument" ]; then follow "$command"; else beside+=("$command"); fi
done
collect
if [ $failed -gt 0 ]; then
    echo
    echo "failures (whole output in build/logs):"
    for command in "${commands[@]}"; do
        grep -a '^not ok ' "$(log_of "$command")" | head -n 20 | sed 's/^/    /'
    done
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
