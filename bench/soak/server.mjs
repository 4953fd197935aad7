// The host: an HTTP server with a runtime for each user. It is a process of its own, so that its memory is its own.

import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { NodeRuntime, VmError } from "secure-exec";
import { usage } from "./sample.mjs";

const mebibyte = 1024 * 1024;
/** What a guest may take. */
const timeout = 2000;
/** VM processes that wait for a runtime. */
const idleVms = 2;
const limits = { resources: { maxMemoryBytes: 256 * mebibyte } };

/** User to the promise of a runtime. */
const runtimes = new Map();

const server = createServer(async (request, response) => {
  const aborter = new AbortController();
  response.on("close", () => aborter.abort());
  try {
    const answer = await serve(request, aborter.signal);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(answer));
  } catch (error) {
    if (aborter.signal.aborted) return;
    response.statusCode = error instanceof VmError ? 422 : 500;
    const { code = error.name, stateLost = false, message } = error;
    response.end(JSON.stringify({ code, stateLost, error: message }));
  }
});

async function serve(request, signal) {
  const { method, url } = request;
  const [, action, user] = url.split("/");
  switch (`${method} ${action}`) {
    case "GET stats":
      return user === "collected" ? await collected() : usage();
    case "POST stop":
      return await stop();
    case "DELETE run":
      await dispose(user);
      return {};
    case "POST run":
      return await run(user, JSON.parse(await text(request)), signal);
    default:
      throw new Error(`no such thing: ${method} ${url}`);
  }
}

/** What is held: behind a collection, and what the users' files take. */
async function collected() {
  for (let turn = 0; turn < 2; turn++) gc();
  const machines = await Promise.all(runtimes.values());
  const snapshots = await Promise.all(
    // One that is given up at this moment counts with the next look.
    machines.map((runtime) => runtime.getResourceSnapshot().catch(() => ({ filesystemBytes: 0 }))),
  );
  const files = snapshots.reduce((sum, { filesystemBytes }) => sum + filesystemBytes, 0);
  return { ...usage(), files: files / mebibyte };
}

async function run(user, { code, sh }, signal) {
  if (!runtimes.has(user)) runtimes.set(user, NodeRuntime.create({ limits }));
  const runtime = await runtimes.get(user);
  return sh === undefined
    ? await runtime.exec(code, { timeout, signal })
    : await runtime.execCommand("sh", ["-c", sh], { timeout, signal });
}

async function dispose(user) {
  const runtime = runtimes.get(user);
  runtimes.delete(user);
  await (await runtime)?.dispose();
}

/** Disposes of everything and tells what is left. */
async function stop() {
  await Promise.all([...runtimes.keys()].map(dispose));
  server.close();
  // Processes that were told to end are on their way for a moment.
  const deadline = performance.now() + 5000;
  for (;;) {
    const left = usage();
    const settled = left.zombies === 0 && left.count <= idleVms;
    if (settled || performance.now() > deadline) return left;
    await setTimeout(100);
  }
}

process.on("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
