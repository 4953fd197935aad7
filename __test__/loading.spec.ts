// Modules of features that are not there yet load, and say so when they are used.

import assert from "node:assert/strict";
import { NodeRuntime } from "secure-exec";
import { test } from "./support/suite.ts";

const MODULES = ["dns", "dns/promises", "http", "http2", "https", "net", "tls", "dgram"];

test("modules of later features load", async () => {
  const runtime = await NodeRuntime.create();
  try {
    const { stdout, stderr } = await runtime.exec(`
      import { createRequire } from "node:module";
      const require = createRequire(import.meta.url);
      const loaded = [];
      for (const name of ${JSON.stringify(MODULES)}) loaded.push(typeof require("node:" + name));
      console.log(loaded.join());
    `);
    assert.equal(stdout, `${MODULES.map(() => "object").join()}\n`, stderr);
  } finally {
    await runtime.dispose();
  }
});

test("their use fails by the name of the feature", async () => {
  const runtime = await NodeRuntime.create();
  try {
    const { stderr, exitCode } = await runtime.exec(`
      import { DatabaseSync } from "node:sqlite";
      new DatabaseSync(":memory:", { allowExtension: true }).loadExtension("/tmp/x.so");
    `);
    assert.equal(exitCode, 1);
    assert.match(stderr, /SQLite extensions are not available in this VM/);
  } finally {
    await runtime.dispose();
  }
});
