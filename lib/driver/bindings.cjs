"use strict";
// Functions of the host as a tree: each becomes a tool by the name of its place, as `db.query`.

const { invalidType, invalidValue } = require("../errors.cjs");
const { toolDefinitions } = require("../tools/definitions.cjs");
const check = require("../validate.cjs");

const deepest = 8;
const namePattern = /^[A-Za-z0-9_$-]+$/;

/**
 * A checker of options.
 * @returns {{ tools: object[], names: string[] }} The tools, and which of them are plain functions, for the tree that guests see.
 */
function bindings(value, name) {
  // Methods of a class are not its instances' own.
  if (check.entries(value, name).length === 0 && !check.isPlainObject(value)) {
    throw invalidType(name, "a plain object of functions", value);
  }
  const found = {};
  const names = [];
  gather(value, name, [], (words, leaf) => {
    const own = words.join(".");
    if (typeof leaf === "function") names.push(own);
    found[own] = typeof leaf === "function" ? definitionOf(own, leaf) : leaf;
  });
  return { tools: toolDefinitions(found, name), names };
}

function gather(tree, name, words, take) {
  if (words.length > deepest) throw invalidValue(name, `must not be deeper than ${deepest}`);
  for (const [key, leaf] of check.entries(tree, name)) {
    const place = `${name}.${key}`;
    if (!namePattern.test(key)) throw invalidValue(place, "must be a name of letters and digits");
    const isTool = typeof leaf === "function" || check.attempt(place, () => isDefinition(leaf));
    if (isTool) take([...words, key], leaf);
    else if (check.isPlainObject(leaf)) gather(leaf, place, [...words, key], take);
    else throw invalidType(place, "a function, a tool or an object of these", leaf);
  }
}

function isDefinition(value) {
  return check.isPlainObject(value) && typeof value.handler === "function";
}

function definitionOf(name, callback) {
  return {
    description: `Calls ${name} of the host.`,
    inputSchema: {
      type: "object",
      properties: { args: { type: "array", items: {}, default: [] } },
      additionalProperties: false,
    },
    handler: async ({ args }) => {
      const value = await callback(...args);
      return value === undefined ? {} : { value };
    },
  };
}

module.exports = { bindings };
