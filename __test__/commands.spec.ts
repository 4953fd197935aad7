// Where the WebAssembly commands come from.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeRuntime } from "secure-exec";
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
