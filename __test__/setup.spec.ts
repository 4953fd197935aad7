// The build's own steps, as a fresh machine meets them.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "./support/suite.ts";

test("an empty cache is not taken for an up-to-date V8 library", async () => {
  const empty = await mkdtemp(join(tmpdir(), "secure-exec-cache-"));
  const { SECURE_EXEC_CACHE, RUSTY_V8_ARCHIVE } = process.env;
  try {
    process.env.SECURE_EXEC_CACHE = empty;
    delete process.env.RUSTY_V8_ARCHIVE;
    const module = pathToFileURL(join(import.meta.dirname, "../scripts/lib/v8.mjs"));
    const { isVendored, unpackV8 } = await import(module.href);
    if (isVendored) assert.equal(await unpackV8.upToDate(), undefined);
  } finally {
    Object.assign(process.env, { SECURE_EXEC_CACHE, RUSTY_V8_ARCHIVE });
    if (SECURE_EXEC_CACHE === undefined) delete process.env.SECURE_EXEC_CACHE;
    if (RUSTY_V8_ARCHIVE === undefined) delete process.env.RUSTY_V8_ARCHIVE;
    await rm(empty, { recursive: true });
  }
});
