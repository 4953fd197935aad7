// A call that somebody waits for keeps the host's process alive, and nothing else does.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, test } from "./support/suite.ts";

const run = promisify(execFile);

/** Runs a script of the host's that has nothing but the library to wait for. */
async function host(code: string) {
  const head = `import { NodeRuntime } from "secure-exec";
    const runtime = await NodeRuntime.create();`;
  const args = ["--input-type=module", "-e", `${head}\n${code}\nconsole.log("end");`];
  return await run(process.execPath, args, { cwd: `${import.meta.dirname}/..`, timeout: 60_000 });
}

const code = `JSON.stringify("setTimeout(() => console.log(1), 30)")`;

/** The last thing that a script waits for. `await` stands before each. */
const calls: Record<string, string> = {
  exec: `await runtime.exec(${code});`,
  run: `await runtime.run(${code});`,
  execCommand: `await runtime.execCommand("sleep", ["0.03"]);`,
  "wait of a process": `const p = await runtime.spawn(${code}); await p.wait();`,
  "disposal of a process": `const p = await runtime.spawn(${code}); await p[Symbol.asyncDispose]();`,
  "writeStdin and wait": `const p = await runtime.spawnCommand("cat"); await p.writeStdin("x".repeat(3e6)); p.closeStdin(); await p.wait();`,
  "wait of a terminal": `const t = await runtime.openShell({ command: "true" }); await t.wait();`,
  "disposal of a terminal": `const t = await runtime.openShell({}); await t.dispose();`,
  "what a terminal shows": `const t = await runtime.openShell({ command: "sh", args: ["-c", "sleep 0.03; echo x"] }); for await (const chunk of t);`,
  "write to a terminal": `const t = await runtime.openShell({ command: "cat" }); await t.write("x\\n"); await t.dispose();`,
  "exec of a resident runner": `const r = await runtime.createResidentRunner(); await r.exec(${code});`,
  "evaluate of a resident runner": `const r = await runtime.createResidentRunner(); await r.evaluate("1");`,
  "disposal of a resident runner": `const r = await runtime.createResidentRunner(); await r.exec("1"); await r.dispose();`,
  "disposal of a resident runner of which nothing was asked": `const r = await runtime.createResidentRunner(); await r.dispose();`,
  "files of the machine": `await runtime.writeFile("/tmp/f", "x"); await runtime.readFile("/tmp/f"); await runtime.stat("/tmp/f");
    await runtime.readDir("/tmp"); await runtime.mkdir("/tmp/d"); await runtime.rename("/tmp/f", "/tmp/g");
    await runtime.exists("/tmp/g"); await runtime.remove("/tmp/g");`,
  "what the machine has": "await runtime.processes(); await runtime.getResourceSnapshot();",
  registerTools: `await runtime.registerTools({ t: { description: "", inputSchema: {}, handler() {} } });`,
  dispose: "await runtime.dispose();",
};

describe("keeps the host alive until it has settled:", () => {
  for (const [name, call] of Object.entries(calls)) {
    test(name, { timeout: 90_000 }, async () => {
      const { stdout, stderr } = await host(call);
      assert.deepEqual({ stdout, stderr }, { stdout: "end\n", stderr: "" });
    });
  }
});

describe("keeps nothing alive:", () => {
  const idle: Record<string, string> = {
    "a runtime": "",
    "a program of which nothing is asked": `await runtime.spawn("setInterval(() => {}, 1000)");`,
    "a terminal that nobody listens to": `const t = await runtime.openShell(); t.onData(() => {}).dispose();`,
    "a resident runner between snippets": `const r = await runtime.createResidentRunner(); await r.exec("setInterval(() => {}, 1000)");`,
  };
  for (const [name, call] of Object.entries(idle)) {
    test(name, { timeout: 90_000 }, async () => {
      assert.equal((await host(call)).stdout, "end\n");
    });
  }
});
