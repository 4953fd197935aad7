// How long a caller waits for the smallest program.

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
  const cold = await sample(few, () => createAndExec(NodeRuntime));
  const warm = await sampleWarm(NodeRuntime, many, (runtime) => runtime.exec(program));
  const run = await sampleWarm(NodeRuntime, many, (runtime) =>
    runtime.run("globalThis.__return(42)"),
  );
  const peerCold = peer && { peer: await sample(few, () => createAndExec(peer.NodeRuntime)) };
  const peerWarm = peer && {
    peer: await sampleWarm(peer.NodeRuntime, many, (runtime) => runtime.exec(program)),
  };
  return [
    ...percentileRows("create + first exec", cold, { ...others, ...peerCold }),
    ...percentileRows(`warm exec (${many})`, warm, { ...others, ...peerWarm }),
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

async function sampleWarm(NodeRuntime, count, work) {
  const runtime = await NodeRuntime.create();
  try {
    return await sample(count, () => work(runtime));
  } finally {
    await runtime.dispose();
  }
}
