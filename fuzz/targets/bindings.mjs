// Node.js's internal bindings in the guest, as code of a guest reaches them that has found a way around its library.

import { toHex } from "../lib/native.mjs";
import { Guests } from "../lib/guests.mjs";

/** Not fully: what waits for something ends by this. */
const longest = 8000;

function target(name, about, program, flags) {
  return {
    name,
    about,
    longest: 4000,
    shrinkFor: 120,
    open: () => Guests.withPrograms({ limits: { jsRuntime: { cpuTimeLimitMs: 6000 } } }),
    close: (guests) => guests.renew(),
    told: ({ programs, toTheEnd }) => `${toTheEnd} of ${programs} programs ran to the end`,
    async run(input, guests) {
      const digits = toHex(input.rest());
      const env = input.isNoting ? { FUZZ_SHOW: "1" } : {};
      const args = [
        "--expose-internals",
        "--expose-gc",
        "--no-warnings",
        ...flags,
        `/fuzz/${program}`,
        digits,
      ];
      const { stderr } = await guests
        .run("node", args, { timeout: longest, env })
        .catch((error) => {
          input.note(lastLines(String(error.message)));
          throw error;
        });
      input.note(lastLines(stderr ?? ""));
    },
  };
}

function lastLines(text) {
  return text.split("\n").slice(-12).join("\n  ");
}

export const bindings = target(
  "bindings",
  "Node.js's internal bindings with arguments and receivers that nobody expects: the VM lives",
  "bindings.cjs",
  [],
);

export const calls = target(
  "calls",
  "recorded calls of those bindings again, with one or two arguments replaced: the VM lives",
  "calls.cjs",
  ["--experimental-vm-modules"],
);
