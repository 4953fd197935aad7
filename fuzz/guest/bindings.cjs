"use strict";
// Calls functions, methods, accessors and constructors of Node.js's internal bindings with values that nobody expects.
//
//   node --expose-internals --expose-gc bindings.cjs <input in hexadecimal digits>

const { bindings, finish, forbidden, inputOf, show, spared } = require("./guard.cjs");
const { Hostile } = require("./hostile.cjs");

const input = inputOf(process.argv[2]);
const all = bindings();

/** Everything that can be called: what it is called, and how it is called with arguments. */
function units() {
  const found = [];
  for (const [name, binding] of Object.entries(all)) {
    for (const key of Object.getOwnPropertyNames(binding)) {
      const value = read(binding, key);
      if (typeof value !== "function") continue;
      const path = `${name}.${key}`;
      found.push({ path, call: (_self, args) => Reflect.apply(value, binding, args) });
      if (!/^[A-Z]/.test(key)) continue;
      found.push({
        path: `new ${path}`,
        call: (_self, args) => keep(Reflect.construct(value, args)),
      });
      found.push(...members(path, value));
    }
  }
  return found.filter(({ path }) => !forbidden.test(path.replace(/^new /, "")));
}

/** Methods and accessors of a class, those that it inherits included. */
function* members(path, owner) {
  let proto = owner.prototype;
  while (proto && proto !== Object.prototype) {
    for (const key of Object.getOwnPropertyNames(proto)) {
      const { value, get, set } = Object.getOwnPropertyDescriptor(proto, key);
      for (const callable of [value, get, set]) {
        if (typeof callable !== "function" || key === "constructor") continue;
        const call = (self, args) => Reflect.apply(callable, self, args);
        yield { path: `${path}#${key}`, owner, call };
      }
    }
    proto = Object.getPrototypeOf(proto);
  }
}

function read(object, key) {
  try {
    return object[key];
  } catch {
    return undefined;
  }
}

/** Objects of natives, for receivers and arguments. */
const things = [];

function keep(thing) {
  things.push(thing);
  if (things.length > 40) things.shift();
  return thing;
}

function make(owner, hostile) {
  const usual = [[], [0], ["a"], [{}], [1, 2], [Buffer.alloc(16)], [() => {}], ["sha256"]];
  for (const args of [hostile.list(4), ...usual]) {
    try {
      return keep(Reflect.construct(owner, args));
    } catch {
      // The next arguments may do.
    }
  }
  return undefined;
}

/** One that fits most of the time. */
function receiver(unit, hostile) {
  if (unit.owner && !input.onceIn(4)) {
    const fitting = things.filter((thing) => isOf(thing, unit.owner));
    if (fitting.length > 0 && !input.onceIn(3)) return input.pick(fitting);
    const made = make(unit.owner, hostile);
    if (made) return made;
  }
  return hostile.value();
}

function isOf(thing, owner) {
  try {
    return thing instanceof owner;
  } catch {
    return false;
  }
}

const callable = units();
// A few units often find more than many once: what one call leaves behind another meets.
const chosen = Array.from({ length: 1 + input.below(6) }, () => input.pick(callable));
while (!input.isSpent) {
  const unit = input.pick(chosen);
  const hostile = new Hostile(input, things);
  const args = spared(unit.path, hostile.list());
  try {
    const self = receiver(unit, hostile);
    show(unit.path, args);
    unit.call(self, args);
    if (input.onceIn(3)) hostile.disturbance()();
  } catch {
    // Refused, as it should be.
  }
}
finish();
