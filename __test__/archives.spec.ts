// Archives and compressed files, in the guest: what one command writes the others read.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const formats = [
  { ending: "gz", pack: "gzip", cat: "zcat", grep: "zgrep", tar: "-z" },
  { ending: "bz2", pack: "bzip2", cat: "bzcat", grep: "bzgrep", tar: "-j" },
  { ending: "xz", pack: "xz", cat: "xzcat", grep: "xzgrep", tar: "-J" },
  { ending: "zst", pack: "zstd -q", cat: "zstdcat", grep: "zstdgrep", tar: "--zstd" },
];

describe("compressed files", () => {
  for (const { ending, pack, cat, grep, tar } of formats) {
    test(`of ${ending}: there and back, by name, by tar's option and by its program`, async () => {
      await withRuntime({}, async (rt) => {
        const script = `
          set -e; cd "$(mktemp -d)"; seq 5000 > f; ${pack} -kf f
          ${cat} f.${ending} | cmp - f; ${grep} -c 77 f.${ending}
          cat f.${ending} f.${ending} | ${cat} | wc -l
          tar ${tar} -cf a f; tar tf a; tar caf f.tar.${ending} f; tar xOf f.tar.${ending} | cmp - f
          tar -I '${pack.split(" ")[0]}' -cf b f; tar -I '${pack.split(" ")[0]}' -xOf b | cmp - f
          head -c 300 f.${ending} | ${cat} > rest 2> complaint || echo cut; test -s complaint
          (head -c 200 f.${ending}; printf 'xxxxxxxx'; tail -c +209 f.${ending}) | ${cat} > rest 2>&1 || echo damaged`;
        const outcome = await rt.execCommand("bash", ["-c", script]);
        assert.deepEqual(
          [outcome.stdout, outcome.stderr, outcome.exitCode],
          ["95\n10000\nf\ncut\ndamaged\n", "", 0],
        );
      });
    });
  }

  test("that ask for more memory than is allowed are refused", async () => {
    await withRuntime({}, async (rt) => {
      // A header of .lzma with a dictionary of 4 GiB.
      const script = String.raw`printf '\135\0\0\0\377\377\377\377\377\377\377\377\377\0\0\0\0\0\0' | xz -dc`;
      const outcome = await rt.execCommand("sh", ["-c", script]);
      assert.equal(outcome.exitCode, 1);
      assert.match(
        outcome.stderr,
        /^xz: \(stdin\): (Memory usage limit reached|File format not recognized)\n$/,
      );
    });
  });
});
