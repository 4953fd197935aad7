// Ends in the middle of native code: of worker threads, of programs, of whole machines.

import { readFileSync } from "node:fs";
import { NodeRuntime } from "secure-exec";
import { Broken } from "../lib/runs.mjs";

const declarations = new URL("../../crates/node/src/binding/mod.rs", import.meta.url);
const program = readFileSync(new URL("../guest/ended.cjs", import.meta.url));

/** All bindings that have native code, but the one that panics when it is told to. */
const bindings = [
  ...readFileSync(declarations, "utf8").matchAll(/^ {4}\("(\w+)", [\w:]+\),$/gm),
].flatMap(([, name]) => (name === "secure_exec_defects" ? [] : [name]));

const flags = ["--no-warnings", "--expose-internals", "--experimental-vm-modules"];
const ways = ["terminate", "terminate", "terminate", "kill", "timeout", "dispose"];

/** Ends of a VM process that no program may cause. */
const crash = /signal SIG|internal error|engine failure \((?!Out of memory)|protocol/;

export default {
  name: "ends",
  about:
    "workers, programs and machines that are ended in the middle of native calls: no VM process crashes",
  longest: 8,
  shrinkFor: 20,
  run,
};

async function run(input) {
  const binding = input.pick(bindings);
  const way = input.pick(ways);
  const seed = 1 + input.below(2 ** 24);
  const wait = input.below(40);
  input.note(`${binding}: ${way} after ${wait} ms, seed ${seed}`);
  const runtime = await NodeRuntime.create({ files: { "/tmp/ended.cjs": program } });
  try {
    const rounds = way === "terminate" ? 12 : 0;
    let tell;
    const started = new Promise((resolve) => {
      tell = resolve;
    });
    const child = await runtime.spawnCommand(
      "node",
      [...flags, "/tmp/ended.cjs", binding, String(rounds), String(seed)],
      { timeout: way === "timeout" ? 60 + wait : 20_000, onStdout: () => tell() },
    );
    const ended = child.wait().catch((error) => error);
    if (way === "kill" || way === "dispose") {
      await Promise.race([started, ended]);
      await new Promise((done) => setTimeout(done, wait));
      if (way === "kill") child.kill("SIGKILL");
      else await runtime.dispose();
    }
    const { why = "" } = await ended;
    if (crash.test(why)) throw new Broken(`${binding} ${way}`, why);
  } finally {
    await runtime.dispose();
  }
}
