// The imports of WebAssembly programs, called by modules that are made by hand.

import { Guests } from "../lib/guests.mjs";
import { Broken } from "../lib/runs.mjs";
import { imports, moduleOf } from "../lib/wasm-module.mjs";

/** Runs the module with nothing to read, and has it leave nothing. */
const line = "chmod +x /workspace/m && exec /workspace/m </dev/null >/tmp/out";

export default {
  name: "wasi",
  about:
    "modules that call every import of preview 1 and of secure_exec with hostile arguments: the VM lives",
  longest: 1500,
  shrinkFor: 120,
  async open() {
    const all = imports();
    if (all.length < 80) throw new Error(`only ${all.length} imports were found in the sources`);
    return { all, guests: new Guests({}) };
  },
  close: ({ guests }) => guests.renew(),
  async run(input, { all, guests }) {
    const { bytes, called } = moduleOf(input, all);
    for (const call of called) input.note(call);
    const runtime = await guests.runtime();
    await runtime.writeFile("/workspace/m", bytes);
    const { stderr } = await guests.run("sh", ["-c", line], { timeout: 4000 });
    if (/invalid module|failed to (parse|compile)|unknown import/i.test(stderr)) {
      throw new Broken("the module is none", stderr);
    }
    if (/panicked/.test(stderr)) throw new Broken("a panic", stderr);
  },
};
