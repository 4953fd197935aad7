"use strict";
// Records the calls that Node.js's library makes of its bindings while it does many different things, and makes them
// again with an argument or two replaced.
//
//   node --expose-internals --expose-gc --experimental-vm-modules calls.cjs <input in hexadecimal digits>

const { bindings, finish, forbidden, inputOf, show, spared } = require("./guard.cjs");
const { Hostile } = require("./hostile.cjs");

const input = inputOf(process.argv[2]);

/** Calls by name, a few of each. */
const recorded = new Map();
let recording = true;

function record(name, call) {
  if (!recording || forbidden.test(name)) return;
  const known = recorded.get(name) ?? [];
  if (known.length < 4) recorded.set(name, [...known, { name, ...call }]);
}

/** Puts a function that records in place of each native. */
function listen() {
  for (const [name, binding] of Object.entries(bindings())) {
    for (const key of Object.getOwnPropertyNames(binding)) {
      const found = Object.getOwnPropertyDescriptor(binding, key);
      if (typeof found.value !== "function" || !(found.writable || found.configurable)) continue;
      const path = `${name}.${key}`;
      if (/^[A-Z]/.test(key)) listenTo(path, found.value.prototype);
      Object.defineProperty(binding, key, { ...found, value: recorder(path, found.value) });
    }
  }
}

function listenTo(path, proto) {
  for (const key of Object.getOwnPropertyNames(proto ?? {})) {
    const found = Object.getOwnPropertyDescriptor(proto, key);
    if (key === "constructor" || typeof found.value !== "function" || !found.configurable) continue;
    Object.defineProperty(proto, key, { ...found, value: recorder(`${path}#${key}`, found.value) });
  }
}

function recorder(name, native) {
  return new Proxy(native, {
    apply: (_native, self, args) => {
      record(name, { again: (now, changed) => Reflect.apply(native, now, changed), self, args });
      return Reflect.apply(native, self, args);
    },
    construct: (_native, args, target) => {
      record(name, { again: (_now, changed) => Reflect.construct(native, changed), args });
      return Reflect.construct(native, args, target === _native ? native : target);
    },
  });
}

function replay(calls) {
  const things = calls
    .flatMap(({ self, args }) => [self, ...args])
    .filter((it) => Object(it) === it);
  while (!input.isSpent) {
    try {
      const { name, again, self, args } = input.pick(calls);
      const hostile = new Hostile(input, things);
      const changed = [...args];
      for (let count = 1 + input.below(2); count > 0; count -= 1) {
        const at = input.below(changed.length + 1);
        const inner = changed[at];
        // Throws as well, once what is looked at is a replacement.
        if (Array.isArray(inner) && input.onceIn(2)) changed[at] = [...inner, hostile.value()];
        else changed[at] = hostile.value();
      }
      const now = input.onceIn(8) ? hostile.value() : self;
      const sparing = spared(name, changed);
      show(name, sparing);
      again(now, sparing);
      if (input.onceIn(3)) hostile.disturbance()();
    } catch {
      // Refused, as it should be.
    }
  }
}

listen();
for (const work of require("./workload.cjs")) {
  try {
    Promise.resolve(work()).catch(() => {});
  } catch {
    // Some of it is not there in every VM.
  }
}
setTimeout(() => {
  recording = false;
  replay([...recorded.values()].flat());
  finish();
}, 150);
