// What commands do beside their output: the input they leave, the programs they start, the links and FIFOs they meet.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const cases: [string, string, string][] = [
  [
    "head and grep -m leave the rest of a file to the next reader",
    "seq 6 > f; { head -n 2; cat; } < f | tr '\\n' ' '; { head -c 4; cat; } < f | tr '\\n' ' '; { grep -m1 3; cat; } < f | tr '\\n' ' '",
    "1 2 3 4 5 6 1 2 3 4 5 6 3 4 5 6 ",
  ],
  [
    "head twice, and of a file that is shorter than asked for",
    "seq 4 > f; { head -1; head -2; head; } < f | tr '\\n' ' '; { head -n 99; cat; } < f | wc -l",
    "1 2 3 4 4\n",
  ],
  [
    "split --filter gives each piece to the command",
    "seq 5 | split -l 2 --filter='echo $FILE; cat' - p; ls; seq 4 | split -n l/2 --filter='wc -l'; seq 3 | split -l1 --filter=false 2> /dev/null; echo $?",
    "paa\n1\n2\npab\n3\n4\npac\n5\n2\n2\n1\n",
  ],
  [
    "time writes in the form asked for",
    "command time -o t -f '%x %C' sh -c 'exit 3'; echo $?; tail -1 t",
    "3\n3 sh -c exit 3\n",
  ],
  [
    "watch ends with a change of what is printed",
    "watch -t -g -n 0.1 'date +%N' > o; echo $?",
    "0\n",
  ],
  [
    "rg -L follows links, but not to directories above",
    "mkdir t u; echo x > t/f; echo x > u/g; ln -s ../t t/up; ln -s ../u t/u; rg -L x t 2> /dev/null; rg -L --files t 2> /dev/null | wc -l",
    "t/f:x\nt/u/g:x\n2\n",
  ],
  [
    "functions of awk that call themselves without end are told so",
    "awk -v N=20000 'function f(n) { return n ? f(n - 1) + 1 : 0 } BEGIN { print f(N) }'; awk 'function f() { return f() + 1 } BEGIN { f() }'; echo $?",
    "20000\n2\n",
  ],
  [
    "in a directory that is gone, paths that are relative lead nowhere",
    "mkdir d; echo > /workspace/kept; cd d; rmdir ../d; for line in 'ls' 'touch x' 'cat workspace/kept' 'cp workspace/kept /tmp/copy' 'rm -rf workspace/kept' 'env -C . ls'; do $line 2>&1 | grep -v 'No such file or directory'; done; cat /workspace/kept",
    "\n",
  ],
  [
    "diff names a FIFO and does not open it",
    "mkdir a b; mkfifo a/p; echo > b/p; timeout 5 diff -r a b; echo $?",
    "File a/p is a fifo while file b/p is a regular file\n1\n",
  ],
];

describe("commands", () => {
  for (const [what, script, expected] of cases) {
    test(what, async () => {
      await withRuntime({}, async (rt) => {
        const outcome = await rt.execCommand("bash", ["-c", `cd "$(mktemp -d)"; ${script}`]);
        assert.deepEqual([outcome.stdout, outcome.exitCode], [expected, 0], outcome.stderr);
      });
    });
  }
});
