#!/bin/sh
# A pool of workers, their statuses, signals, and pipes between background jobs.
work() {
    n=$1
    [ $((n % 3)) -ne 0 ] || exit "$n"
    echo "result $n" >"result.$n"
}

pids=
for n in 1 2 3 4 5 6 7 8 9; do
    work "$n" &
    pids="$pids $!"
done
failed=0
n=0
for pid in $pids; do
    n=$((n + 1))
    if wait "$pid"; then
        echo "worker $n done: $(cat "result.$n")"
    else
        echo "worker $n failed with $?"
        failed=$((failed + 1))
    fi
done
echo "$failed failed"

mkfifo pipe
{ for i in 1 2 3; do echo "line $i"; done >pipe; } &
writer=$!
while read -r line; do echo "read: $line"; done <pipe
wait "$writer"
echo "writer: $?"

sleep 60 &
victim=$!
kill -TERM "$victim"
wait "$victim" 2>/dev/null
echo "victim: $?"

( trap 'echo got term; exit 9' TERM; echo ready >flag; while :; do sleep 0.05; done ) &
child=$!
while [ ! -s flag ]; do sleep 0.05; done
kill -TERM "$child"
wait "$child"
echo "child: $?"

trap 'echo "usr1 in parent"' USR1
( kill -USR1 $$ ) &
wait $!
echo "after signal"
wait
echo "all done: $?"
seq 1 5 | while read -r n; do echo "$n" & wait; done
{ sleep 0.05; echo late; } & { echo early; wait; }
wait
echo end
