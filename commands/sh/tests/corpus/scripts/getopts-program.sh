#!/bin/sh
# A program with options, operands and a usage message, called several times.
prog=tool
usage() {
    cat <<EOF
usage: $prog [-hv] [-o file] [-n count] operand...
  -h        this text
  -v        say more (may be repeated)
  -o file   where to write
  -n count  how often
EOF
}
die() { echo "$prog: $*"; return 2; }

main() {
    verbose=0 output= count=1
    OPTIND=1
    while getopts :hvo:n: opt "$@"; do
        case $opt in
        h) usage; return 0 ;;
        v) verbose=$((verbose + 1)) ;;
        o) output=$OPTARG ;;
        n)
            case $OPTARG in
            '' | *[!0-9]*) die "not a number: $OPTARG"; return ;;
            esac
            count=$OPTARG
            ;;
        :) die "option -$OPTARG needs an argument"; return ;;
        \?) die "unknown option -$OPTARG"; return ;;
        esac
    done
    shift $((OPTIND - 1))
    if [ $# -eq 0 ]; then die 'no operand'; return; fi
    echo "verbose=$verbose output=${output:-none} count=$count"
    i=0
    while [ "$i" -lt "$count" ]; do
        i=$((i + 1))
        n=0
        for operand; do
            n=$((n + 1))
            printf '%d.%d %s\n' "$i" "$n" "$operand"
        done
    done >"${output:-/dev/stdout}"
    [ -z "$output" ] || sed 's/^/file: /' "$output"
}

main -h; echo "status $?"
main; echo "status $?"
main -x; echo "status $?"
main -o; echo "status $?"
main -n abc x; echo "status $?"
main -vv -n 2 one 'two words'; echo "status $?"
main -v -o out.txt -n1 -- -dash; echo "status $?"
main -vvn3 x; echo "status $?"
