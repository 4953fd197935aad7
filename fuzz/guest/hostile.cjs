"use strict";
// Values that natives do not expect, and values that do something while a native looks at them.

const { edges } = require("./input.cjs");

const texts = [
  "",
  "a",
  "/tmp/x",
  "/",
  "..",
  "\0",
  "a\0b",
  "x".repeat(70_000),
  "\ud800",
  "日本\u{1f600}",
  "utf8",
  "hex",
  "latin1",
  "sha256",
  "aes-128-gcm",
  "aes-256-cbc",
  "P-256",
  "x25519",
  "node:fs",
  "internal/util",
  "%s%n",
  "1e999",
  "{}",
  "http://a:b@c/d?e#f",
  "__proto__",
  "constructor",
  "then",
  "export * from 'x'",
  "for (;;) break",
  "line\nline",
  "-----BEGIN PUBLIC KEY-----\nAA==",
  '{"id":1,"method":"Debugger.enable"}',
  '{"id":2,"method":"Runtime.evaluate","params":{"expression":"gc()"}}',
  '{"id":3,"method":"Debugger.pause"}',
];

const bigints = [0n, -1n, 10n, 2n ** 63n, 2n ** 64n, -(2n ** 70n)];

const keys = [
  "a",
  "length",
  "type",
  "fd",
  "file",
  "args",
  "env",
  "cwd",
  "stdio",
  "handle",
  "transfer",
  "name",
  "value",
  "hash",
  "format",
  "size",
  "data",
  "input",
  "code",
  "message",
  "stack",
  "encoding",
  "buffer",
  "oncomplete",
  "onread",
  "callback",
  "detached",
  "envPairs",
  "timeout",
  "maxBuffer",
  "signal",
  "key",
  "iv",
  "publicExponent",
  "modulusLength",
];

/** Buffers that the values share, so that one can be taken away while another is read. */
class Buffers {
  plain = new ArrayBuffer(4096);
  resizable = new ArrayBuffer(65_536, { maxByteLength: 1 << 20 });
  shared = new SharedArrayBuffer(64, { maxByteLength: 4096 });

  detach() {
    structuredClone(this.plain, { transfer: [this.plain] });
    this.plain = new ArrayBuffer(4096);
  }
}

/** Makes values out of an input. `things` are objects of natives that exist already. */
class Hostile {
  constructor(input, things) {
    this.input = input;
    this.things = things;
    this.buffers = new Buffers();
  }

  /** Something to do at a bad moment. */
  disturbance() {
    const { buffers, things } = this;
    return this.input.pick([
      () => buffers.detach(),
      () => buffers.resizable.resize(0),
      () => buffers.resizable.resize(1 << 20),
      () => buffers.shared.grow(4096),
      () => globalThis.gc(),
      () => {
        for (const thing of things.splice(0, 4)) thing?.close?.();
      },
      () => {
        throw new Error("from within");
      },
    ]);
  }

  list(most = 7) {
    return this.input.list(most, () => this.value(2));
  }

  value(depth = 2) {
    const { input } = this;
    const kinds = depth > 0 ? this.#deep : this.#flat;
    const kind = input.below(kinds.length);
    try {
      return kinds[kind].call(this, input, depth - 1);
    } catch {
      return undefined;
    }
  }

  #flat = [
    () => undefined,
    () => null,
    (input) => input.onceIn(2),
    (input) => input.number(),
    (input) => input.pick(edges),
    (input) => input.below(12),
    (input) => input.pick(texts),
    (input) => input.pick(texts),
    (input) => input.pick(bigints),
    (input) => input.pick([Symbol("s"), Symbol.iterator, Symbol.for("nodejs.util.inspect.custom")]),
    (input) => this.#view(input),
    (input) => this.#view(input),
    (input) => input.pick([this.buffers.plain, this.buffers.resizable, this.buffers.shared]),
    (input) => (this.things.length > 0 ? input.pick(this.things) : {}),
    (input) => (this.things.length > 0 ? input.pick(this.things) : []),
    (input) => this.#callable(input),
  ];

  #deep = [
    ...this.#flat,
    (input, depth) => input.list(5, () => this.value(depth)),
    (input, depth) => this.#object(input, depth),
    (input, depth) => this.#object(input, depth),
    (input, depth) => this.#watched(input, depth),
    (input) => this.#converting(input),
    (input) =>
      input.pick([
        new Map([[1, 2]]),
        new Date(Number.NaN),
        /x/g,
        Promise.resolve(),
        new Error("e"),
        globalThis,
      ]),
  ];

  #view(input) {
    const { plain, resizable, shared } = this.buffers;
    const gone = new Uint8Array(8);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    return input.pick([
      new Uint8Array(plain),
      new Uint8Array(plain, 100, 50),
      new Uint8Array(resizable),
      new Uint32Array(resizable, 32, 4),
      new Uint8Array(shared),
      new Uint8Array(0),
      Buffer.from("hello world"),
      new Float64Array(4),
      new BigInt64Array(3),
      new DataView(plain, 1, 3),
      new Uint16Array(3),
      gone,
      gone.buffer,
    ]);
  }

  #callable(input) {
    const act = this.disturbance();
    return input.pick([
      () => {},
      () => act(),
      function () {
        return this;
      },
      async () => 1,
      class Some {},
      Object,
      Array,
      Function.prototype,
    ]);
  }

  #object(input, depth) {
    const made = input.onceIn(4) ? Object.create(null) : {};
    for (let count = input.below(6); count > 0; count -= 1) {
      const key = input.pick(keys);
      if (input.onceIn(4)) {
        const act = this.disturbance();
        const value = input.number();
        const get = () => {
          act();
          return value;
        };
        Object.defineProperty(made, key, { get, enumerable: true, configurable: true });
      } else made[key] = this.value(depth);
    }
    return made;
  }

  /** A proxy that does something when it is looked at. */
  #watched(input, depth) {
    const inner = this.value(depth);
    const target = Object(inner) === inner ? inner : {};
    if (input.onceIn(8)) {
      const { proxy, revoke } = Proxy.revocable(target, {});
      revoke();
      return proxy;
    }
    const handler = {};
    for (const trap of [
      "get",
      "has",
      "ownKeys",
      "getPrototypeOf",
      "getOwnPropertyDescriptor",
      "set",
      "apply",
    ]) {
      if (!input.onceIn(3)) continue;
      const act = this.disturbance();
      handler[trap] = (...args) => {
        act();
        return Reflect[trap](...args);
      };
    }
    return new Proxy(target, handler);
  }

  /** An object that does something when it is made a number or a text. */
  #converting(input) {
    const act = this.disturbance();
    const result = input.onceIn(2) ? input.number() : input.pick(texts);
    return {
      [Symbol.toPrimitive]: () => {
        act();
        return result;
      },
      get length() {
        act();
        return 5;
      },
    };
  }
}

module.exports = { Hostile };
