// `TZ` means the same to every command that shows or reads times.

import assert from "node:assert/strict";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** 2024-07-01 12:00:00 UTC. */
const MOMENT = 1_719_835_200;

/** A zone by name, and two as POSIX writes them; the hour of the moment, its offset and name. */
const zones: [tz: string, hour: string, offset: string, name: string][] = [
  ["UTC", "12", "+0000", "UTC"],
  ["America/New_York", "08", "-0400", "EDT"],
  ["Asia/Kolkata", "17", "+0530", "IST"],
  ["EST5EDT,M3.2.0,M11.1.0", "08", "-0400", "EDT"],
  ["<+03>-3", "15", "+0300", "+03"],
];

/** Commands that show the hour of the moment in this zone. */
const shown = [
  `printf '%(%H)T\\n' ${MOMENT}`,
  `date -d @${MOMENT} +%H`,
  `awk 'BEGIN { print strftime("%H", ${MOMENT}) }'`,
  `touch -d @${MOMENT} f; stat -c %y f | cut -c12-13`,
  `touch -d @${MOMENT} f; ls -l --time-style=+%H f | cut -d' ' -f6`,
  `touch -d @${MOMENT} f; date -r f +%H`,
  `touch -d @${MOMENT} f; find f -printf '%TH\\n'`,
  `touch -d @${MOMENT} f; tar cf f.tar f; tar tvf f.tar | sed 's/.* \\(..\\):.*/\\1/'`,
  `touch -d @${MOMENT} f; rm -f f.zip; zip -q f.zip f; unzip -l f.zip | sed -n 's/.* \\(..\\):...*f$/\\1/p'`,
  `jq -n '${MOMENT} | strflocaltime("%H")' -r`,
];

/** Only names of zones mean something to V8. */
const inNode = `node -p 'String(new Date(${MOMENT}000).getHours()).padStart(2, "0")'`;

/** Commands that read the hour and say which moment it is. */
const read = (hour: string) => [
  `date -d '2024-07-01 ${hour}:00:00' +%s`,
  `touch -d '2024-07-01 ${hour}:00:00' f; stat -c %Y f`,
  `touch -d 'Mon Jul  1 ${hour}:00:00 2024' f; stat -c %Y f`,
  `touch -t 20240701${hour}00 f; stat -c %Y f`,
  `awk 'BEGIN { print mktime("2024 07 01 ${hour} 00 00") }'`,
  `touch f; tar cf f.tar --mtime='2024-07-01 ${hour}:00' f; tar xf f.tar; stat -c %Y f`,
];

describe("TZ", () => {
  for (const [tz, hour, offset, name] of zones) {
    test(`${tz} is known to all commands`, async () => {
      await withRuntime({}, async (rt) => {
        const run = async (script: string) => {
          const result = await rt.execCommand("bash", ["-c", script], { env: { TZ: tz } });
          return result.stdout.trim() + result.stderr;
        };
        const commands = /[0-9]/.test(tz) ? shown : [...shown, inNode];
        for (const command of commands) assert.equal(await run(command), hour, command);
        const half = offset.endsWith("30") ? 1800 : 0;
        for (const command of read(hour)) {
          assert.equal(await run(command), String(MOMENT - half), command);
        }
        const both = `printf '%(%z %Z)T\\n' ${MOMENT}`;
        assert.equal(await run(both), `${offset} ${name}`);
        const awk = `awk 'BEGIN { print strftime("%z %Z", ${MOMENT}), strftime("%H", 0, 1) }'`;
        assert.equal(await run(awk), `${offset} ${name} 00`);
      });
    });
  }

  test("of a shell counts once it is exported", async () => {
    await withRuntime({}, async (rt) => {
      const script = `TZ=JST-9; printf '%(%H)T ' 0; export TZ; printf '%(%H)T ' 0
        TZ=JST-8 printf '%(%H)T ' 0; f() { local TZ=JST-3; printf '%(%H)T ' 0; }; f
        TZ=Europe/London; printf '%(%H %Z)T ' 0 1719835200; PS1='\\D{%Z}'; echo "\${PS1@P}" | tr -d 'MBGST'`;
      const { stdout } = await rt.execCommand("bash", ["-c", script]);
      assert.equal(stdout, "00 09 08 03 01 BST 13 BST \n");
    });
  });

  test("that names nothing is UTC by its letters", async () => {
    await withRuntime({}, async (rt) => {
      const script = "TZ=Nowhere/X printf '%(%H %Z)T\\n' 0; TZ= printf '%(%H %Z)T\\n' 0";
      const { stdout } = await rt.execCommand("bash", ["-c", `export TZ=UTC; ${script}`]);
      assert.equal(stdout, "00 Nowhere\n00 UTC\n");
      const named = await rt.execCommand("date", ["--tzif=../../etc/passwd"]);
      assert.deepEqual([named.stdout, named.exitCode], ["", 1]);
    });
  });
});
