// Runs in the guest: `node --expose-internals ended.cjs <binding> <rounds> <seed>`. A worker for each round calls one native
// function in a loop, until it is terminated in the middle. With 0 rounds the program itself is what is ended.
"use strict";
const { Worker, isMainThread, workerData, parentPort } = require("node:worker_threads");
const { internalBinding } = require("internal/test/binding");

/** What ends or blocks the whole process, or panics because it is asked to. */
const left =
  /^secure_exec_defects\b|\b(abort|reallyExit|causeSegfault|_kill|kill|execve|sleep|spawn|chdir|close|closeSync|internalModuleStat)$/;

function unitsOf(names) {
  const units = [];
  const add = (name, call) => {
    if (!left.test(name)) units.push({ name, call });
  };
  for (const name of names) {
    let binding;
    try {
      binding = internalBinding(name);
    } catch {
      continue;
    }
    for (const key of Object.keys(binding)) {
      const value = binding[key];
      if (typeof value !== "function") continue;
      if (!/^[A-Z]/.test(key)) {
        add(`${name}.${key}`, (args) => value(...args));
        continue;
      }
      add(`${name}.${key}`, (args) => new value(...args));
      for (const method of Object.getOwnPropertyNames(value.prototype ?? {})) {
        if (method === "constructor") continue;
        add(`${name}.${key}#${method}`, (args, made) => {
          const object = made(value);
          const property = object[method];
          if (typeof property === "function") property.apply(object, args);
        });
      }
    }
  }
  return units;
}

function random(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

function argumentsOf(next) {
  const callback = () => JSON.stringify({ a: [1, 2, { b: new Error("x").stack }] });
  const kinds = [
    () => undefined,
    () => null,
    () => true,
    () => 0,
    () => 1,
    () => 64,
    () => -1,
    () => 1.5,
    () => "/tmp/x",
    () => "sha256",
    () => "aes-128-cbc",
    () => "utf8",
    () => "x".repeat(3000),
    () => "1+1",
    () => "export default 1",
    () => "http://user@host/path?q#h",
    () => new Uint8Array(256),
    () => new ArrayBuffer(64),
    () => ({}),
    () => [1, 2, 3],
    () => callback,
    () => ({ toString: callback, valueOf: callback }),
    () => new Proxy({}, { get: callback, has: () => true, ownKeys: () => ["a"] }),
    () => Symbol("x"),
    () => 7n,
    () => new Map([[1, 2]]),
    () => Promise.resolve(1),
    () => new Float64Array(32),
    () => globalThis,
  ];
  return Array.from({ length: Math.floor(next() * 7) }, () =>
    kinds[Math.floor(next() * kinds.length)](),
  );
}

if (isMainThread) main();
else work(workerData.name, workerData.seed, () => parentPort.postMessage("ready"));

async function main() {
  const [binding, rounds, seed] = process.argv.slice(2);
  const next = random(Number(seed));
  const units = unitsOf([binding]);
  if (units.length === 0) return;
  if (Number(rounds) === 0) {
    const { name } = units[Math.floor(next() * units.length)];
    return work(name, Number(seed), () => console.log("ready"));
  }
  let round = Math.floor(next() * units.length);
  const last = round + Number(rounds);
  const chain = async () => {
    while (round < last) {
      const { name } = units[round++ % units.length];
      const workerData = { name, seed: next() * 2 ** 32 };
      const worker = new Worker(__filename, { workerData, stdout: true, stderr: true });
      worker.on("error", () => {});
      const event = (type) => new Promise((done) => worker.once(type, done));
      await Promise.race([event("message"), event("exit")]);
      const wait = next() * 4;
      if (wait > 1) await new Promise((done) => setTimeout(done, wait));
      await worker.terminate();
    }
  };
  await Promise.all([chain(), chain(), chain()]);
  process.exit();
}

function work(unit, seed, ready) {
  const next = random(seed);
  const { call } = unitsOf([unit.split(".")[0]]).find(({ name }) => name === unit);
  const made = (Class) => {
    for (let tries = 0; tries < 4; tries++) {
      try {
        return new Class(...argumentsOf(next));
      } catch {}
    }
    return Object.create(Class.prototype);
  };
  const vm = require("node:vm");
  const microtaskMode = next() < 0.5 ? "afterEvaluate" : undefined;
  const kept = [];
  const inContext = (body) => {
    if (next() < 0.9) return body();
    const context = vm.createContext({ body }, { microtaskMode });
    // Some live until the thread ends, others are garbage by then.
    if (kept.push(context) > 20) kept.length = 0;
    return vm.runInContext("Promise.resolve().then(() => list = [{}]); body()", context);
  };
  ready();
  const turn = () => {
    for (let count = 0; count < 3000; count++) {
      try {
        inContext(() => call(argumentsOf(next), made));
      } catch {}
    }
    setImmediate(turn);
  };
  turn();
}
