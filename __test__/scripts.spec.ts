// Shell scripts as people write them: the same in the guest as with the host's dash and tools.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Files, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const corpus = join(import.meta.dirname, "../commands/sh/tests/corpus/scripts");

/** A project with scripts of different lengths in nested folders. */
const project: Files = Object.fromEntries([
  ...Array.from({ length: 14 }, (_, index) => [
    `src/part${index % 3}/file${index}.js`,
    `line\n`.repeat(index * 7 + 1),
  ]),
  ["README.md", "no script\n"],
  ["words.txt", "banana 3\napple 10\ncherry 7\n"],
]);

function onHost(script: string) {
  const folder = mkdtempSync(join(tmpdir(), "secure-exec-script-"));
  try {
    for (const [name, data] of Object.entries(project)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), data);
    }
    const env = { PATH: process.env.PATH, HOME: folder, LC_ALL: "C.UTF-8" };
    const options = { cwd: folder, env, timeout: 20_000, encoding: "utf8" } as const;
    // Standard output is a pipe, as in the guest: Node.js would give a socket, which /dev/stdout cannot open.
    const piped = 'set -o pipefail; dash -c "$1" | cat';
    const { stdout, status, error } = spawnSync("bash", ["-c", piped, "-", script], options);
    assert.ifError(error);
    return { stdout, status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function assertSameAsDash(script: string) {
  const host = onHost(script);
  assert.notEqual(host.stdout, "", "the script printed nothing on the host");
  const placed = Object.entries(project).map(([name, data]) => [`/workspace/${name}`, data]);
  await withRuntime({ files: Object.fromEntries(placed) }, async (runtime) => {
    const env = { LC_ALL: "C.UTF-8" };
    const guest = await runtime.execCommand("sh", ["-c", script], {
      cwd: "/workspace",
      env,
      timeout: 20_000,
    });
    const { stdout, exitCode: status, stderr } = guest;
    assert.deepEqual({ stdout, status }, host, stderr);
    const { processes, pipes } = await runtime.getResourceSnapshot();
    assert.deepEqual({ processes, pipes }, { processes: 0, pipes: 0 });
  });
}

const scripts: Record<string, string> = {
  "find, xargs, wc, sort and tail in a pipeline": `
    find . -name '*.js' | xargs wc -l | sort -n | tail -n 5`,
  "an archive through a pipe": `
    tar cz src | tar tz | sort`,
  "an archive unpacked elsewhere": `
    mkdir copy && tar cf - src | (cd copy && tar xf -) && diff -r src copy/src && echo same`,
  "a loop that reads lines": `
    sum=0
    while read -r name count; do
      sum=$((sum + count)); echo "$name: $count"
    done <words.txt
    echo "sum $sum"
    sort words.txt | while IFS=' ' read -r name _; do printf '<%s>' "$name"; done; echo`,
  "here-documents": `
    who=world
    cat <<END
hello $who, $((6 * 7)) $(echo commands)
END
    cat <<'END' | tr a-z A-Z
not $who
END
    cat <<-END
	indented
	END
    while read -r line; do echo "[$line]"; done <<END
one
two
END`,
  traps: `
    trap 'echo leaving $?' EXIT
    trap 'echo caught; rm -f lock' TERM
    : >lock
    kill -TERM $$
    [ -e lock ] || echo unlocked
    (trap 'echo inner' EXIT; exit 3) || echo "subshell $?"
    exit 4`,
  "a background job that is waited for": `
    (echo in background; exit 7) >out &
    job=$!
    wait $job; echo "status $?"; cat out
    sleep 30 & victim=$!
    kill $victim; wait $victim; echo "victim $?"
    for n in 1 2 3; do (echo $n >done.$n) & done; wait; cat done.*`,
  "a FIFO between two programs": `
    mkfifo channel
    sort channel >sorted & 
    cat words.txt >channel
    wait; cat sorted
    (cat channel | tr a-z A-Z >upper) &
    { echo one; echo two; } >channel
    wait; cat upper
    cat <channel | wc -l >count & echo late >channel; wait; tr -d ' ' <count`,
  "a script that stops at the first error": `
    set -eu
    false || echo ignored
    if false; then :; else echo tested; fi
    echo before
    (exit 5)
    echo never`,
};

describe("a shell script", { timeout: 60_000 }, () => {
  for (const [name, script] of Object.entries(scripts)) {
    test(name, () => assertSameAsDash(script));
  }

  for (const file of readdirSync(corpus)) {
    test(`of the corpus: ${file}`, () =>
      assertSameAsDash(readFileSync(join(corpus, file), "utf8")));
  }
});
