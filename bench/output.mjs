// How fast output gets out.

import { runInNode } from "./host.mjs";
import { percentile, sample } from "./table.mjs";

const mebibyte = 1024 * 1024;
const program = `
  const line = "x".repeat(1023) + "\\n";
  for (let i = 0; i < 1024; i++) process.stdout.write(line);
`;

export async function output({ NodeRuntime, scale }) {
  const count = Math.max(5, Math.round(30 * scale));
  const runtime = await NodeRuntime.create();
  try {
    const own = await sample(count, async () => check((await runtime.exec(program)).stdout));
    const node = await sample(count, async () => check(await runInNode(program)));
    return [
      {
        name: "1 MiB of stdout, p50",
        unit: "ms",
        value: percentile(own, 0.5),
        against: { "node -e": percentile(node, 0.5) },
      },
    ];
  } finally {
    await runtime.dispose();
  }
}

function check(text) {
  if (text.length !== mebibyte) throw new Error(`${text.length} bytes instead of ${mebibyte}`);
}
