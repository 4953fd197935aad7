// `node:wasi`, called as a module of WebAssembly that means harm would.

import { toHex } from "../lib/native.mjs";
import { Guests } from "../lib/guests.mjs";
import { Broken } from "../lib/runs.mjs";

export default {
  name: "node-wasi",
  about: "functions of node:wasi with hostile pointers, lengths, paths and records: the VM lives",
  longest: 6000,
  shrinkFor: 120,
  open: () => Guests.withPrograms({}),
  close: (guests) => guests.renew(),
  told: ({ programs, toTheEnd }) => `${toTheEnd} of ${programs} programs ran to the end`,
  async run(input, guests) {
    const digits = toHex(input.rest());
    const env = input.isNoting ? { FUZZ_SHOW: "1" } : {};
    const flags = ["--expose-internals", "--expose-gc", "--no-warnings"];
    const { stderr } = await guests.run("node", [...flags, "/fuzz/wasi.cjs", digits], {
      timeout: 8000,
      env,
    });
    input.note(stderr.split("\n").slice(-12).join("\n  "));
    if (/panicked|ERR_INTERNAL_ASSERTION/.test(stderr)) throw new Broken("a panic", stderr);
  },
};
