// Archives, as the host's tar reads them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";

/** The lines that tar lists an archive in, sorted, and how many bytes there were. `options` are further ones of tar's. */
export async function listed(archive: AsyncIterable<Uint8Array>, options: string[] = []) {
  const tar = spawn("tar", [...options, "-tf", "-"], { stdio: ["pipe", "pipe", "inherit"] });
  // It may end at the mark of an archive's end, before the stream does.
  const closed = once(tar, "close");
  let text = "";
  tar.stdout.on("data", (chunk) => (text += chunk));
  let bytes = 0;
  for await (const chunk of archive) {
    bytes += chunk.length;
    if (!tar.stdin.write(chunk)) await once(tar.stdin, "drain");
  }
  tar.stdin.end();
  const [status] = await closed;
  assert.equal(status, 0);
  return { lines: text.trim().split("\n").sort(), bytes };
}
