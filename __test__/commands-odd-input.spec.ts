// No command panics, whatever it is given: odd operands and inputs, streams that are closed or full.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** What is run with each command as `$c`; `$bad` is a name that is not UTF-8. */
const oddities = {
  "no operand": "$c < /dev/null",
  "an empty operand": "$c '' < /dev/null",
  "a name that is not there": "$c nosuch < /dev/null",
  "a directory": "$c . < /dev/null",
  "a name that is not UTF-8": '$c "$bad" < /dev/null',
  "an input that is not UTF-8": "$c < bytes",
  "an operand that is not UTF-8 inside": "$c bytes < bytes",
  "an unknown option": "$c --nosuch-option < /dev/null",
  "a huge number": "$c -n 99999999999999999999 < bytes",
  "a number and a file": "$c -c 18446744073709551615 bytes < bytes",
  "a full device": "$c bytes < bytes > /dev/full",
  "a closed output": "$c bytes < bytes >&-",
  "a closed input": "$c <&-",
  "an unreadable file": "$c unreadable < /dev/null",
  "help to a full device": "$c --help > /dev/full < /dev/null",
};

/** Commands that wait, end processes or do nothing else than run others. */
const leftOut =
  /^(yes|watch|top|kill|killall|pkill|reset|npm|npx|node|sh|bash|dash|sqlite3|python3?|tsc|less|more|vi|nano)$/;

describe("every command, with odd input", () => {
  for (const [what, line] of Object.entries(oddities)) {
    test(`takes ${what}`, async () => {
      await withRuntime({}, async (rt) => {
        const listed = await rt.execCommand("ls", ["/bin"]);
        const commands = listed.stdout.split("\n").filter((name) => name && !leftOut.test(name));
        assert.ok(commands.length > 150, `${commands.length} commands`);
        const script = String.raw`
          cd "$(mktemp -d)"; printf '\377\376a\0b\n\200' > bytes; : > unreadable; chmod 0 unreadable; bad=$'\377\376'
          one() { ${line}; }
          export bad; export -f one
          for c in ${commands.join(" ")}; do
            export c; n=$((n + 1)); timeout -k 1 5 bash -c one > out 2> complaint; status=$?
            if [ $status = 134 ] || [ $status = 139 ] || grep -aqE 'panicked|unreachable|RuntimeError|internal error' complaint
            then echo "$c: $status: $(head -c 300 complaint | tr '\n\0' '  ')"; fi
          done; echo $n`;
        const outcome = await rt.execCommand("bash", ["-c", script], { timeout: 240_000 });
        assert.deepEqual([outcome.stdout, outcome.exitCode], [`${commands.length}\n`, 0]);
      });
    });
  }
});
