// Where the WebAssembly commands come from.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { after, describe, test } from "./support/suite.ts";

const folder = mkdtempSync(join(tmpdir(), "secure-exec-commands-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("a directory of commands", () => {
  test("without commands is refused with the name of what named it", async () => {
    const missing = join(folder, "missing");
    for (const [options, message] of [
      [
        { commandsDir: folder },
        `options.commandsDir has no commands.json and no WebAssembly module: ${folder}`,
      ],
      [{ commandsDir: missing }, `options.commandsDir cannot be read: ENOENT: ${missing}`],
      [
        { wasmCommandDirs: [folder] },
        `options.wasmCommandDirs[0] has no commands.json and no WebAssembly module: ${folder}`,
      ],
    ] as const) {
      const created = NodeRuntime.create(options as object);
      await assert.rejects(created, { name: "TypeError", code: "ERR_NO_COMMANDS", message });
    }
    await assert.rejects(NodeRuntime.create({ commandsDir: "" }), {
      code: "ERR_INVALID_ARG_VALUE",
    });
  });

  test("is the option's before that of the environment", async () => {
    process.env.SECURE_EXEC_WASM_COMMANDS_DIR = folder;
    try {
      await assert.rejects(NodeRuntime.create(), {
        code: "ERR_NO_COMMANDS",
        message: /^SECURE_EXEC_WASM_COMMANDS_DIR has no commands\.json/,
      });
      const missing = join(folder, "missing");
      await assert.rejects(NodeRuntime.create({ commandsDir: missing }), {
        message: /^options\.commandsDir cannot be read/,
      });
    } finally {
      delete process.env.SECURE_EXEC_WASM_COMMANDS_DIR;
    }
  });
});

test("an empty name of a command is refused", async () => {
  await withRuntime({}, async (runtime) => {
    for (const call of [
      () => runtime.execCommand(""),
      () => runtime.spawnCommand(""),
      () => runtime.openShell({ command: "" }),
    ]) {
      await assert.rejects(call, { code: "ERR_INVALID_ARG_VALUE" });
    }
  });
});

describe("commands", () => {
  const lines: [string, string, string][] = [
    [
      "argv0 is the name of a shell",
      `node -e '
      const { spawnSync } = require("child_process");
      for (const file of ["sh", "bash"]) {
        const { stdout } = spawnSync(file, ["-c", "echo $0 \${BASH_VERSION:+bash}"], { argv0: "zz" });
        process.stdout.write(stdout);
      }'`,
      "zz\nzz bash\n",
    ],
    [
      "a link to a shell has its name",
      "ln -s /bin/sh /tmp/shell; /tmp/shell -c 'echo $0'",
      "/tmp/shell\n",
    ],
    [
      "stat cuts fractions of seconds",
      `touch -d '2024-01-02 03:04:05.123456789' a
      stat -c '%Y %.0Y %.3Y %.9Y %.Y %.12Y' a; node -e 'fs.utimesSync("a", new Date(-500), new Date(-500))'; stat -c '%.1Y' a`,
      "1704164645 1704164645 1704164645.123 1704164645.123456789 1704164645.123456789 1704164645.123456789000\n-0.5\n",
    ],
    [
      "find takes dates as touch does",
      `touch -d '2024-01-02 03:04:05.5' a; touch -d '2024-01-02 03:04:05.6' b
      find . -type f -newermt '2024-01-02 03:04:05.5500000001'; find . -type f -newermt '@1704164645.55'
      find . -name a -newermt '2 days ago'; find . -newermt nope`,
      "./b\n./b\n",
    ],
    [
      "npm names the package or its folder",
      `echo '{"scripts":{"a":"b"}}' > package.json; npm run`,
      "Scripts available in /workspace via `npm run`:\n  a\n    b\n",
    ],
    [
      "npm names the command that it has not",
      "npm init -y 2>&1 | cut -c1-24",
      "npm: init: not available\n",
    ],
    [
      "npm names a flag that it has not",
      "npm run --nope a 2>&1 | cut -c1-26",
      "npm: --nope: not available\n",
    ],
    [
      "no core is said to be dumped",
      "sh -c 'kill -ABRT $$' 2>&1; sh -c 'kill -QUIT $$' 2>&1; echo $?",
      "Aborted sh -c kill -ABRT $$\nQuit sh -c kill -QUIT $$\n131\n",
    ],
  ];
  for (const [name, line, expected] of lines) {
    test(name, async () => {
      await withRuntime({}, async (runtime) => {
        const { stdout, stderr } = await runtime.execCommand("sh", ["-c", line]);
        assert.equal(stdout, expected, stderr);
        assert.doesNotMatch(stderr, /core dumped/);
      });
    });
  }
});
