// A browser of the host opens a page of a guest through a published port.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { Browser, noBrowser } from "./support/browser.ts";
import { withRuntime } from "./support/guest.ts";
import { guestFolder, notInstalled, programFiles } from "./support/programs.ts";
import { test } from "./support/suite.ts";

const skip = noBrowser || notInstalled;

/** The colour of a picture of one pixel. */
function colour(png: Buffer): number[] {
  const pieces: Buffer[] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") {
      pieces.push(png.subarray(at + 8, at + 8 + length));
    }
    at += length + 12;
  }
  return [...inflateSync(Buffer.concat(pieces)).subarray(1, 4)];
}

test("a page with a WebSocket in a browser", { skip, timeout: 60_000 }, async (context) => {
  const limits = { resources: { maxFilesystemBytes: 128 << 20, maxMemoryBytes: 1 << 30 } };
  await withRuntime({ files: programFiles(), limits }, async (runtime) => {
    const server = await runtime.spawnCommand("node", [`${guestFolder}/page.mjs`]);
    await runtime.waitForListener({ port: 3000 });
    await using exposed = await runtime.exposePort(3000);
    const browser = await Browser.start();
    context.after(() => browser.close());
    const page = await browser.open(exposed.url);
    const summary = await page.value<{ code: number; page: string }>("window.summary");
    assert.equal(summary.code, 1000);
    assert.deepEqual(summary.page.split(/\n+/), [
      "A page of a guest",
      'The server said: {"hello":"browser","length":100000}',
      "welcome",
      "70000 bytes",
      "HELLO FROM THE PAGE",
      "200000 bytes",
    ]);
    // The page has turned green.
    assert.deepEqual(
      colour(await page.picture({ x: 2, y: 2, width: 1, height: 1 })),
      [221, 255, 221],
    );
    const { SECURE_EXEC_SCREENSHOT: path } = process.env;
    if (path) writeFileSync(path, await page.picture());
    assert.equal(server.captured.stderr, "");
  });
});
