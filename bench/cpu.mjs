// Computation, where guest and host differ in the engine's version and flags alone.

import { runInNode } from "./host.mjs";

const kernels = {
  "CPU: floating point": `
    let x = 0;
    for (let i = 1; i < 3e7; i++) x += Math.sqrt(i) / (i % 7 + 1);
    return x;
  `,
  "CPU: objects and maps": `
    const map = new Map();
    for (let i = 0; i < 1.5e6; i++) {
      const key = "k" + (i % 5000);
      const entry = map.get(key) ?? { count: 0, sum: 0 };
      entry.count++;
      entry.sum += i;
      map.set(key, entry);
    }
    return map.size;
  `,
  "CPU: strings, regular expressions, JSON": `
    let total = 0;
    for (let i = 0; i < 2000; i++) {
      const list = Array.from({ length: 100 }, (_, n) => "item " + n);
      const text = JSON.stringify({ id: i, list });
      total += JSON.parse(text).list.length + text.replace(/item (\\d+)/g, "<$1>").length;
    }
    return total;
  `,
  "CPU: sorting": `
    let seed = 1;
    const random = () => (seed = (seed * 48271) % 2147483647);
    const list = Array.from({ length: 400000 }, random);
    for (let i = 0; i < 3; i++) list.slice().sort((a, b) => a - b);
    return list.length;
  `,
};

const program = `
  const kernels = {
    ${Object.entries(kernels)
      .map(([name, body]) => `${JSON.stringify(name)}: () => { ${body} },`)
      .join("\n")}
  };
  const times = {};
  for (const [name, work] of Object.entries(kernels)) {
    work();
    let best = Infinity;
    for (let i = 0; i < 5; i++) {
      const start = process.hrtime.bigint();
      work();
      best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e6);
    }
    times[name] = best;
  }
`;

export async function cpu({ NodeRuntime }) {
  const runtime = await NodeRuntime.create({ jsRuntime: { highResolutionTime: true } });
  try {
    const { value, stderr } = await runtime.run(`${program} globalThis.__return(times);`);
    if (!value) throw new Error(stderr);
    const host = JSON.parse(await runInNode(`${program} console.log(JSON.stringify(times));`));
    return Object.entries(value).map(([name, ms]) => ({
      name,
      unit: "ms",
      value: ms,
      against: { "node -e": host[name] },
    }));
  } finally {
    await runtime.dispose();
  }
}
