#!/bin/sh
# Temporary files that go away, whatever happens.
set -eu
base=$PWD/tmp
mkdir -p "$base"
log() { printf '%s\n' "log: $*"; }

run() (
    dir=$base/run.$1
    mkdir "$dir"
    cleanup() {
        status=$?
        trap - EXIT
        rm -rf "$dir"
        log "cleaned $1 with status $status"
        exit "$status"
    }
    trap "cleanup $1" EXIT
    trap 'log interrupted; exit 130' INT
    trap 'log terminated; exit 143' TERM
    echo data >"$dir/file"
    log "running $1: $(cat "$dir/file")"
    case $1 in
    ok) ;;
    fail) false ;;
    exit) exit 7 ;;
    unset) : "$undefined_variable" ;;
    term) kill -TERM "$(sh -c 'echo $PPID')"; log 'still here' ;;
    missing) nosuchcommand_xyz ;;
    nested) (trap 'log inner' EXIT; exit 3) || log "inner status $?" ;;
    esac
    log "end of $1"
)

for what in ok fail exit missing nested; do
    if (set -e; run "$what") 2>/dev/null; then s=0; else s=$?; fi
    log "$what: $s"
    [ ! -e "$base/run.$what" ] && log "no trace of $what"
done

sh -c 'trap "echo bye" EXIT; kill -TERM $$; sleep 0.2; echo not reached' || log "signal status $?"
sh -c 'trap "echo caught; exit 5" TERM; kill -TERM $$; sleep 0.2; echo not reached' || log "handled status $?"
sh -c 'trap "" TERM; kill -TERM $$; echo survived'
sh -c 'trap "echo first" EXIT; trap "echo second" EXIT; exit 4' || log "replaced status $?"
sh -c 'trap "echo gone" EXIT; trap - EXIT; exit 0' && log 'reset'
sh -c 'trap "echo in trap \$?; exit 8" EXIT; exit 2' || log "trap status $?"
sh -c 'f() { trap "echo from function" EXIT; }; f; echo after f'
sh -c '(trap "echo sub" EXIT); echo main'
rmdir "$base" && log 'all gone'
