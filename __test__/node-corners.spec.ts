// Corners of Node.js's library that programs rarely see: they are as the pinned Node.js has them.

import { assertSameAsHost } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

/** A module that calls `fd_close` with its own argument, and nothing else. */
const closing = `
  // (module (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
  //   (memory (export "memory") 1) (func (export "close") (param i32) (result i32) local.get 0 call 0))
  const bytes = Buffer.concat([
    Buffer.from("0061736d0100000001060160017f017f", "hex"),
    Buffer.from("0223011677617369", "hex"), Buffer.from("_snapshot_preview1"), Buffer.from("0866645f636c6f73650000", "hex"),
    Buffer.from("03020100050301000107120205636c6f7365000106", "hex"), Buffer.from("memory"), Buffer.from("0200", "hex"),
    Buffer.from("0a08010600200010000b", "hex"),
  ]);
`;

describe("as on the host:", () => {
  const programs: Record<string, string> = {
    "functions of the library stand in their lines and columns": `
      import { EventEmitter } from "node:events";
      import fs from "node:fs";
      import util from "node:util";
      const places = (error) => error.stack.match(/node:[^)\\s]+:\\d+:\\d+/g);
      for (const attempt of [
        () => fs.readFileSync("/none"), () => fs.opendirSync(1),
        () => new EventEmitter().emit("error", new Error("unheard")), () => util.promisify(1),
        () => new URL("no"), () => structuredClone(() => {}), () => Buffer.alloc(-1), () => new AbortController().signal.any(),
      ]) try { attempt(); } catch (error) { console.log(error.message, places(error)?.slice(0, 2)); }
      // Without their comments.
      const lines = String(EventEmitter.prototype.emit).split("\\n");
      console.log(lines.length, lines.map((line) => line.replace(/ *\\/\\/.*/, "")).join("\\n"));
    `,
    "console.createTask": `
      const task = console.createTask("name");
      console.log(task, Object.keys(console).slice(-2), console.createTask.length, task.run.name);
      console.log(task.run(function () { "use strict"; return [this, arguments.length]; }, 1));
      for (const attempt of [
        () => console.createTask(), () => console.createTask(""), () => console.createTask(5),
        () => task.run(), () => task.run(1), () => task.run.call({}, () => 1), () => task.run.call(1, () => 1),
        () => task.run(() => { throw new RangeError("thrown"); }), () => new console.createTask("a"),
      ]) try { console.log(attempt()); } catch (error) { console.log(error.name, error.message); }
    `,
    "an empty variable names no directory for temporary files": `
      import os from "node:os";
      for (const [TMPDIR, TMP, TEMP] of [["/a/", "/b", "/c"], ["", "/b", "/c"], ["", "", "/c/"], ["", "", ""], ["/", "", ""]]) {
        Object.assign(process.env, { TMPDIR, TMP, TEMP });
        console.log(os.tmpdir());
      }
    `,
    "process.initgroups tells which name it does not know": `
      for (const [user, group] of [["nobody-here", "nor-here"], [4294960000, "nor-here"], [4294960000, 0]]) {
        try { process.initgroups(user, group); } catch (error) { console.log(error.code, error.message); }
      }
    `,
    "the milestones of a process come one after the other": `
      import { performance } from "node:perf_hooks";
      const { nodeStart, v8Start, environment, bootstrapComplete } = performance.nodeTiming;
      console.log(0 < nodeStart, nodeStart < v8Start, v8Start < environment, environment < bootstrapComplete);
      setImmediate(() => console.log(performance.nodeTiming.loopStart > bootstrapComplete));
    `,
    "what aborts a process for exceptions does not for those of its workers": `
      import { spawnSync } from "node:child_process";
      const worker = "new (require('worker_threads').Worker)('throw new Error(\\"mine\\")', { eval: true })" +
        ".on('error', ({ message }) => console.log(message)).on('exit', (code) => console.log(code))";
      const { status, signal, stdout } = spawnSync(process.execPath, ["--abort-on-uncaught-exception", "-e", worker]);
      console.log(status, signal, String(stdout));
    `,
    "variables of a worker's own stand for options": `
      import { Worker } from "node:worker_threads";
      import fs from "node:fs";
      fs.mkdirSync("real");
      fs.writeFileSync("real/m.cjs", "module.exports = __filename.split('/').at(-2)");
      fs.symlinkSync("real", "link");
      fs.writeFileSync("worker.cjs", "console.log(require(process.cwd() + '/link/m.cjs'))");
      for (const options of [
        {}, { env: {} }, { env: { NODE_PRESERVE_SYMLINKS: "1" } }, { env: { NODE_PRESERVE_SYMLINKS: "1" }, execArgv: [] },
        { env: { NODE_PRESERVE_SYMLINKS: "0" }, execArgv: [] }, { execArgv: ["--preserve-symlinks"], env: {} },
      ]) await new Promise((resolve) => new Worker("./worker.cjs", options).on("exit", resolve));
    `,
    "a report tells the machine that node:os tells": `
      import os from "node:os";
      import { isDeepStrictEqual } from "node:util";
      const { header, resourceUsage, uvthreadResourceUsage } = process.report.getReport();
      console.log(isDeepStrictEqual(header.componentVersions, { ...process.versions }));
      console.log(header.release.name, header.release.lts, header.osName === os.type());
      console.log(header.osMachine === os.machine(), header.host === os.hostname(), typeof header.osRelease);
      console.log(header.cpus.length === os.cpus().length, Object.keys(header.cpus[0]).sort());
      const { name, address, family, internal } = header.networkInterfaces[0];
      console.log(name, address, family, internal);
      const percentages = Object.entries({ ...resourceUsage, ...uvthreadResourceUsage });
      console.log(percentages.filter(([name]) => /Percent|Seconds/.test(name)).every(([, value]) => value >= 0));
      console.log(Object.keys(uvthreadResourceUsage).sort(), resourceUsage.fsActivity.reads >= 0);
      console.log(Object.keys(resourceUsage.pageFaults).sort());
    `,
    "numbers above 2^31 reach WASI from WebAssembly, not from JavaScript": `
      import { WASI } from "node:wasi";
      process.removeAllListeners("warning");
      ${closing}
      const wasi = new WASI({ version: "preview1" });
      const { instance } = await WebAssembly.instantiate(bytes, wasi.getImportObject());
      wasi.initialize({ exports: { memory: instance.exports.memory } });
      console.log(instance.exports.close(99), wasi.wasiImport.fd_close(99), wasi.wasiImport.fd_close(-31337));
      console.log(instance.exports.close(-31337), instance.exports.close(2 ** 31));
    `,
  };
  for (const [name, program] of Object.entries(programs)) {
    test(name, async () => void (await assertSameAsHost(program)));
  }
});

test("a port that was moved cannot be part of what is moved", async () => {
  // The class is one of the library's own: only with --expose-internals, in processes of their own.
  await assertSameAsHost(`
    import { spawnSync } from "node:child_process";
    const program = \`
      const { markTransferMode, kTransfer, kTransferList } = require("internal/worker/js_transferable");
      const { MessageChannel } = require("worker_threads");
      class Outer {
        constructor() {
          markTransferMode(this, false, true);
          const { port1, port2 } = new MessageChannel();
          this.inner = port1;
          port2.postMessage(port1, [port1]);
        }
        [kTransferList]() { return [this.inner]; }
        [kTransfer]() { return { data: { inner: this.inner }, deserializeInfo: "none" }; }
      }
      const outer = new Outer();
      try { new MessageChannel().port1.postMessage(outer, [outer]); console.log("moved"); }
      catch (error) { console.log(error.name); }
    \`;
    const { stdout, status } = spawnSync(process.execPath, ["--expose-internals", "--no-warnings", "-e", program]);
    console.log(String(stdout), status);
  `);
});
