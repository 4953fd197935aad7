// The network, the client's process and the server's are ended at random while a client works. Fails if finished output is lost
// or wrong, if something was run twice, or if a machine stays behind.
//
//   npm run soak:kills [-- --times 200 --seed 1]

import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Sandbox } from "../../index.js";
import { cuttable } from "./cuttable.mjs";
import { childrenOf, serve, token } from "./served.mjs";

const { values } = parseArgs({
  options: { times: { type: "string", default: "200" }, seed: { type: "string", default: "1" } },
});
const times = Number(values.times);
let state = Number(values.seed);
/** A number from 0 to 1 that the seed decides (Park and Miller). */
const random = () => {
  state = (state * 48_271) % 2_147_483_647;
  return state / 2_147_483_647;
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let server = await serve();
const { port } = server;
const network = await cuttable(port);
const wrong = [];
const done = { network: 0, client: 0, server: 0, steps: 0, sessions: 0, machines: 0 };
/** Every machine that there was. */
const machines = new Set();

/** The sandbox of the client, what it says that it has finished there, and sessions that it has begun. */
let sandboxId;
let finished = [];
let begun = [];
/** That of the last server that was killed. */
let ended;
let client = startClient();

function startClient() {
  const child = fork(join(import.meta.dirname, "kills-client.mjs"), [network.url, sandboxId ?? ""]);
  child.on("message", (message) => {
    if (message.sandboxId) {
      sandboxId = message.sandboxId;
      finished = [];
      begun = [];
    }
    if (message.finished) {
      finished.push(message.finished);
      done.steps += 1;
    }
    if (message.begun) begun.push(message.begun);
    if (message.wrong) wrong.push(message.wrong);
  });
  return child;
}

/** What a client that was killed has left: every step once, every session with all that it has written. */
async function check() {
  // It ended with its server, and the client had no other one yet.
  if (sandboxId === undefined || sandboxId === ended) return;
  const sandbox = await Sandbox.connect(server.url, { token, sandboxId });
  const log = (await sandbox.exec.run("cat /tmp/log 2> /dev/null")).stdout
    .split("\n")
    .filter(Boolean);
  if (new Set(log).size < log.length) wrong.push("a step was run twice");
  for (const step of finished) if (!log.includes(step)) wrong.push(`${step} is lost`);
  for (const { sessionId, text } of begun.slice(-20)) {
    let heard = "";
    const session = await sandbox.exec.attach(sessionId, {
      onStdout: (data) => {
        heard += Buffer.from(data).toString("latin1");
      },
    });
    const code = await session.done;
    if (code !== 0 || heard !== text)
      wrong.push(`${sessionId} ended with ${code}, ${heard.length} bytes`);
    done.sessions += 1;
  }
  begun = [];
  sandbox.close();
}

for (let count = 0; count < times; count += 1) {
  await pause(100 + random() * 600);
  for (const pid of childrenOf(server.pid)) machines.add(pid);
  const what = random();
  if (what < 0.7) {
    done.network += 1;
    network.cut();
  } else if (what < 0.85) {
    done.client += 1;
    client.kill("SIGKILL");
    await once(client, "exit");
    await check();
    client = startClient();
  } else {
    done.server += 1;
    await server.end("SIGKILL");
    ended = sandboxId;
    server = await serve({ port });
  }
  if (client.exitCode !== null) {
    wrong.push("the client ended by itself");
    break;
  }
}
client.kill("SIGKILL");
await check();
network.close();
const [code] = await server.end("SIGTERM");
if (code !== 0) wrong.push(`the server ended with ${code}`);
wrong.push(...server.failures);
done.machines = machines.size;
let alive = [...machines];
for (let tries = 0; tries < 100 && alive.length > 0; tries += 1) {
  alive = alive.filter((pid) => existsSync(`/proc/${pid}/exe`));
  if (alive.length > 0) await pause(50);
}
if (alive.length > 0) wrong.push(`${alive.length} machines are left`);
process.stdout.write(`${JSON.stringify(done)}\n`);
for (const text of wrong.slice(0, 20)) process.stdout.write(`FAILED: ${text}\n`);
if (wrong.length === 0) process.stdout.write("passed\n");
process.exitCode = wrong.length === 0 ? 0 : 1;
