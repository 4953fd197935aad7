#!/bin/sh
# Two hundred lines under set -eu: every idiom that may fail without ending the script.
set -eu

count=0
ok() { count=$((count + 1)); echo "ok $count: $1"; }
fails() { "$@" && return 1 || return 0; }

# Conditions.
if false; then exit 1; fi
ok 'if'
while false; do exit 1; done
ok 'while'
until true; do exit 1; done
ok 'until'
! true
ok 'negation'
false || true
ok 'or'
false && true || :
ok 'and-or'
fails false
ok 'function in a condition'
if ! grep -q needle /dev/null; then ok 'negated grep'; fi

# Pipelines.
false | true
ok 'pipeline'
printf 'b\na\n' | sort | {
    read -r first
    [ "$first" = a ]
    ok 'group at the end of a pipeline'
}
lines=$(printf '1\n2\n3\n' | wc -l | tr -d ' ')
[ "$lines" -eq 3 ]
ok "substitution of a pipeline: $lines"

# Assignments.
value=$(echo text)
[ "$value" = text ]
ok 'assignment'
status=0
value=$(exit 4) || status=$?
[ "$status" -eq 4 ]
ok 'failed assignment caught'
empty=
: "${empty:=filled}"
[ "$empty" = filled ]
ok 'default assigned'
set -- one 'two three' four
ok "positional: $#"
[ "$2" = 'two three' ]
shift
ok "shifted: $1"

# Functions.
greet() {
    name=${1:-nobody}
    echo "hello $name"
}
greet
greet world
ok 'functions'
early() {
    [ "$1" = yes ] && return 0
    return 3
}
early yes
early no || status=$?
[ "$status" -eq 3 ]
ok 'return'
recurse() {
    [ "$1" -gt 0 ] || return 0
    recurse $(($1 - 1))
}
recurse 50
ok 'recursion'

# Subshells and groups.
(exit 0)
ok 'subshell'
(exit 2) || status=$?
[ "$status" -eq 2 ]
ok 'failed subshell caught'
{ true; }
ok 'group'
out=$( (echo a; echo b) | tr -d '\n')
[ "$out" = ab ]
ok 'nested'
if (set -e; false; true); then echo 'tested subshells go on'; else echo 'tested subshells end'; fi
ok 'subshell in a condition'

# Loops.
total=0
for n in 1 2 3 4 5; do
    [ "$n" -ne 3 ] || continue
    [ "$n" -ne 5 ] || break
    total=$((total + n))
done
[ "$total" -eq 7 ]
ok "loop: $total"
i=0
while [ "$i" -lt 3 ]; do i=$((i + 1)); done
[ "$i" -eq 3 ]
ok 'while counts'
for word in a b c; do
    case $word in
    a) ;;
    b) continue ;;
    *) ok "case $word" ;;
    esac
done
for nothing in; do exit 1; done
ok 'empty for'

# Files.
echo content >file
[ -s file ]
cat <file >copy
cmp file copy
ok 'copied'
if [ -e missing ]; then exit 1; else ok 'missing'; fi
rm -f missing
ok 'rm -f'
mkdir -p a/b/c
[ -d a/b/c ]
ok 'mkdir'
(cd a/b && [ -d c ])
ok 'cd in a subshell'
cat missing 2>/dev/null || ok 'cat of a missing file'
while read -r line; do [ "$line" = content ]; done <file
ok 'read loop'
while IFS== read -r key val; do
    eval "conf_$key=\$val"
done <<EOF
name=tester
mode=fast and loose
EOF
[ "$conf_name" = tester ]
[ "$conf_mode" = 'fast and loose' ]
ok 'configuration'

# Strings.
path=/usr/local/lib/libx.so.1
[ "${path##*/}" = libx.so.1 ]
[ "${path%/*}" = /usr/local/lib ]
base=${path##*/}
[ "${base%%.*}" = libx ]
ok 'trimming'
case $path in */lib/*) ok 'pattern' ;; *) exit 1 ;; esac
[ "${#base}" -eq 9 ]
ok 'length'
list=
for item in x y z; do list=${list:+$list,}$item; done
[ "$list" = x,y,z ]
ok "joined: $list"
old=$IFS
IFS=,
set -- $list
IFS=$old
[ $# -eq 3 ]
ok "split: $*"

# Arithmetic.
[ $((2 * (3 + 4))) -eq 14 ]
[ $((7 % 4)) -eq 3 ]
n=5
n=$((n > 3 ? n * 2 : 0))
[ "$n" -eq 10 ]
ok 'arithmetic'

# eval, dot, traps.
eval 'evaluated=yes'
[ "$evaluated" = yes ]
ok 'eval'
echo 'sourced=yes' >lib.sh
. ./lib.sh
[ "$sourced" = yes ]
ok 'dot'
trap 'echo "exit trap: $?"' EXIT
trap 'ok signal' USR1
kill -USR1 $$
ok 'traps'
command -v cat >/dev/null
command -v nosuchcommand >/dev/null || ok 'command -v'
unset -v value
[ "${value-unset}" = unset ]
ok 'unset'
background() { sleep 0; return 5; }
background &
wait $! || status=$?
[ "$status" -eq 5 ]
ok 'background status'
export EXPORTED=1
[ "$(sh -c 'echo $EXPORTED')" = 1 ]
ok 'export'
[ "$(printf '%s-%s' a b)" = a-b ]
ok 'printf'
test "$count" -ge 40
echo "count $count"
last() { false; }
last
echo 'not reached'
