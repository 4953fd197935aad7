// Tools: from the call in a guest program to the result of the host's handler.

/** What a tool is like that costs nothing itself. */
const add = {
  description: "Adds.",
  inputSchema: {
    type: "object",
    properties: { a: { type: "number" }, b: { type: "number" } },
    required: ["a", "b"],
  },
  handler: ({ a, b }) => a + b,
};

const together = 64;

/** Name, repetitions, and one call in a program of the guest's. */
const ways = {
  callTool: [1000, "callTool('add', { a: 1, b: 2 })"],
  command: [200, "run('add', ['--a', '1', '--b', '2'])"],
};

function program(count, call) {
  return `
    import { execFile } from "node:child_process";
    import { promisify } from "node:util";
    const run = promisify(execFile);
    const one = () => ${call};
    const many = () => Promise.all(Array.from({ length: ${together} }, one));
    async function median(count, work) {
      const times = [];
      for (let i = -count / 10; i < count; i++) {
        const start = process.hrtime.bigint();
        await work();
        if (i >= 0) times.push(Number(process.hrtime.bigint() - start) / 1e6);
      }
      return times.sort((a, b) => a - b)[times.length >> 1];
    }
    globalThis.__return([await median(${count}, one), await median(${count} / 10, many)]);
  `;
}

export async function tools({ NodeRuntime, scale }) {
  const runtime = await NodeRuntime.create({
    tools: { add },
    jsRuntime: { highResolutionTime: true },
    limits: { resources: { maxProcesses: 2 * together } },
  });
  try {
    const medians = {};
    for (const [name, [count, call]] of Object.entries(ways)) {
      const code = program(Math.ceil(count * scale), call);
      const { value, stderr } = await runtime.run(code);
      if (value === undefined) throw new Error(stderr);
      medians[name] = value;
    }
    const row = (name, index) => ({
      name,
      unit: "ms",
      value: medians.callTool[index],
      // As `callTool` was made once: a process for each call.
      against: { "as a command": medians.command[index] },
    });
    return [row("callTool, p50", 0), row(`${together} of callTool at a time, p50`, 1)];
  } finally {
    await runtime.dispose();
  }
}
