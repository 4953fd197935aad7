#!/bin/sh
# The shim npm and cmd-shim write into node_modules/.bin, with a stand-in for node.
mkdir -p node_modules/.bin node_modules/tool/bin bin
cat >bin/node <<'EOF'
#!/bin/sh
echo "node runs ${1##*/} with $# arguments:"
shift
for a in "$@"; do printf '  <%s>\n' "$a"; done
exit 3
EOF
chmod +x bin/node
echo 'console.log(1)' >node_modules/tool/bin/tool.js
cat >node_modules/.bin/tool <<'EOF'
#!/bin/sh
basedir=$(dirname "$(echo "$0" | sed -e 's,\\,/,g')")

case `uname` in
    *CYGWIN*|*MINGW*|*MSYS*)
        if command -v cygpath > /dev/null 2>&1; then
            basedir=`cygpath -w "$basedir"`
        fi
    ;;
esac

if [ -z "$NODE_PATH" ]; then
  export NODE_PATH="/proc/cygdrive/node_modules"
else
  export NODE_PATH="/proc/cygdrive/node_modules:$NODE_PATH"
fi
if [ -x "$basedir/node" ]; then
  exec "$basedir/node"  "$basedir/../tool/bin/tool.js" "$@"
else
  exec node  "$basedir/../tool/bin/tool.js" "$@"
fi
EOF
chmod +x node_modules/.bin/tool
PATH=$PWD/bin:$PATH
export PATH
node_modules/.bin/tool one 'two words' --flag=x ''; echo "status $?"
PATH=$PWD/node_modules/.bin:$PATH tool; echo "status $?"
cd node_modules && .bin/tool "*" '$HOME'; echo "status $?"
cd .. && NODE_PATH=/x sh -c 'tool=./node_modules/.bin/tool; "$tool" a; echo "status $?"'
ln -s tool node_modules/.bin/alias && ./node_modules/.bin/alias z | tail -1
