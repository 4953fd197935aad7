// How long a caller waits for the smallest program.

import { setTimeout as sleep } from "node:timers/promises";
import { runInNode, runInWorker } from "./host.mjs";
import { percentileRows, sample } from "./table.mjs";

const program = "console.log(1)";

export async function startup({ NodeRuntime, peer, scale }) {
  const few = Math.max(5, Math.round(40 * scale));
  const many = Math.max(20, Math.round(200 * scale));
  const others = {
    "node -e": await sample(few, () => runInNode(program)),
    worker: await sample(few, () => runInWorker(program)),
  };
  const rested = await sampleRested(few, () => createAndExec(NodeRuntime));
  const cold = await sample(few, () => createAndExec(NodeRuntime));
  const warm = await sampleWarm(NodeRuntime, many, (runtime) => runtime.exec(program));
  const rare = await withRuntime(NodeRuntime, async (runtime) => {
    await runtime.exec(program);
    return await sampleRested(few, () => runtime.exec(program));
  });
  const run = await sampleWarm(NodeRuntime, many, (runtime) =>
    runtime.run("globalThis.__return(42)"),
  );
  const peerCold = peer && { peer: await sample(few, () => createAndExec(peer.NodeRuntime)) };
  const peerWarm = peer && {
    peer: await sampleWarm(peer.NodeRuntime, many, (runtime) => runtime.exec(program)),
  };
  return [
    ...percentileRows("create + first exec, spare ready", rested, { ...others, ...peerCold }),
    ...percentileRows("create + first exec, one after the other", cold, others),
    ...percentileRows("warm exec, spare ready", rare, others),
    ...percentileRows(`warm exec, one after the other (${many})`, warm, { ...others, ...peerWarm }),
    ...percentileRows("warm run of a value", run, others),
  ];
}

async function createAndExec(NodeRuntime) {
  const runtime = await NodeRuntime.create();
  try {
    const { exitCode, stderr } = await runtime.exec(program);
    if (exitCode !== 0) throw new Error(stderr);
  } finally {
    await runtime.dispose();
  }
}

/** Long enough for the next VM process to be started and its first isolate to be restored. */
const pauseMs = 100;

/** Samples with a pause before each: how long one caller waits who does not create one runtime after the other. */
async function sampleRested(count, work) {
  const times = [];
  for (let i = 0; i < count; i++) {
    await sleep(pauseMs);
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

async function sampleWarm(NodeRuntime, count, work) {
  return await withRuntime(NodeRuntime, (runtime) => sample(count, () => work(runtime)));
}

async function withRuntime(NodeRuntime, work) {
  const runtime = await NodeRuntime.create();
  try {
    return await work(runtime);
  } finally {
    await runtime.dispose();
  }
}
