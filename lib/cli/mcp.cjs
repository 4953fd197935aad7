"use strict";
// `secure-exec mcp`: a server of the Model Context Protocol on standard input and output.

const { once } = require("node:events");
const { setTimeout: delay } = require("node:timers/promises");
const { leastChars, usualChars } = require("../ai/for-model.cjs");
const { serverOf } = require("../mcp/server.cjs");
const { sdk } = require("../mcp/sdk.cjs");
const { CommandError } = require("./failures.cjs");
const { finish, readCopies } = require("./copies.cjs");
const { createMachine } = require("./session.cjs");
const { workspace } = require("./project.cjs");
const { UsageError } = require("./usage-error.cjs");

const usualTimeout = 60_000;
/** Milliseconds that a client has to read the last answers. */
const patience = 1000;

/** Serves one client until that goes. Nothing of the machine is there afterwards. */
async function mcp(operands, flags) {
  if (operands.length > 0) throw new UsageError("mcp takes no operands");
  const { maxChars = usualChars, timeout = usualTimeout, cwd = workspace } = flags;
  if (maxChars < leastChars) throw new UsageError(`--max-chars is at least ${leastChars}`);
  const { StdioServerTransport } = installed();
  // First: what is wrong with an option is told before a client is greeted.
  const copies = await readCopies(flags);
  const runtime = await createMachine(flags, copies);
  const prepare = preparing(runtime, copies);
  const server = serverOf(runtime, { maxChars, timeoutMs: timeout, cwd, prepare });
  const gone = left(server);
  try {
    // Each answer that a slow client does not take waits for it by itself.
    process.stdout.setMaxListeners(0);
    await server.connect(new StdioServerTransport());
    await gone;
  } finally {
    await runtime.dispose();
    await server.close();
    process.stdin.destroy();
  }
  await letGo();
  return 0;
}

/** A machine that begins anew has the files that it was made with: links and empty folders are made again here. */
function preparing(runtime, { tree }) {
  let finished = Promise.resolve();
  let isComplete = true;
  runtime.on("crash", () => {
    isComplete = false;
  });
  return () => {
    if (!isComplete) {
      isComplete = true;
      finished = finish(runtime, tree).catch((error) => {
        // The next call tries again.
        isComplete = false;
        throw error;
      });
    }
    return finished;
  };
}

/** Ends this process where its client has gone without reading: what is left to write would keep it alive. */
async function letGo() {
  const { stdout } = process;
  const settled = new AbortController();
  const { signal } = settled;
  if (stdout.writableNeedDrain) {
    await Promise.race([once(stdout, "drain", { signal }), delay(patience, undefined, { signal })])
      .catch(() => {})
      .finally(() => settled.abort());
  }
  if (stdout.writableLength > 0) process.exit(0);
}

function installed() {
  try {
    return sdk();
  } catch (error) {
    throw error.code === "ERR_MODULE_NOT_FOUND" ? new CommandError(error.message) : error;
  }
}

/** Settles when the client has gone, or somebody ends this process. */
async function left(server) {
  const stopped = new AbortController();
  const { signal } = stopped;
  const endings = [
    once(process.stdin, "end", { signal }),
    once(process.stdin, "close", { signal }),
    once(process.stdout, "close", { signal }),
    once(process, "SIGINT", { signal }),
    once(process, "SIGTERM", { signal }),
    once(process, "SIGHUP", { signal }),
    new Promise((resolve) => {
      server.onclose = resolve;
      process.stdout.once("error", resolve);
    }),
  ];
  try {
    await Promise.race(endings.map((ending) => ending.catch(() => {})));
  } finally {
    stopped.abort();
  }
}

module.exports = { mcp };
