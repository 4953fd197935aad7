"use strict";
// Where the runtimes of the driver API run.

const { invalidType } = require("../errors.cjs");
const check = require("../validate.cjs");
const { v8Runtime } = require("./dedicated-process.cjs");

class NodeRuntimeDriverFactory {
  name = "node";
  #v8Runtime;

  constructor({ v8Runtime: own }) {
    this.#v8Runtime = own;
  }

  /** Not what only looks like one. */
  static isOne(value) {
    return #v8Runtime in value;
  }

  /** The process of its own, or undefined for the one that runtimes share. */
  static v8RuntimeOf(factory) {
    return factory.#v8Runtime;
  }
}

/** @param {{ v8Runtime?: import("./dedicated-process.cjs").V8Runtime }} [given] */
function createNodeRuntimeDriverFactory(given) {
  const keys = { v8Runtime: check.optional(v8Runtime) };
  return new NodeRuntimeDriverFactory(check.object(given, "options", keys));
}

/** A checker of options. */
function runtimeDriverFactory(value, name) {
  const isObject = typeof value === "object" && value !== null;
  if (!isObject || !NodeRuntimeDriverFactory.isOne(value)) {
    throw invalidType(name, "what createNodeRuntimeDriverFactory() gives back", value);
  }
  return value;
}

module.exports = { NodeRuntimeDriverFactory, createNodeRuntimeDriverFactory, runtimeDriverFactory };
