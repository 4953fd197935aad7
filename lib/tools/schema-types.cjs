"use strict";
// TypeScript's types of what JSON Schemas describe, as text.

const { isIdentifier, typeNameOf } = require("./names.cjs");

/** Schemas that are nested deeper are `any`, and so are references beyond so many. */
const deepest = 64;
const mostAliases = 500;
/** Schemas that are looked at for one that is nothing but another. */
const longestWay = 100;

/** @typedef {{ name: string, text: string, about: string }} Alias */

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const lists = ["anyOf", "oneOf", "allOf"];

/**
 * The types of one schema. What it refers to by `$ref` gets types of its own, so that schemas may refer to themselves; a
 * reference to another document or by `$anchor`, and what no type can say, is `any`.
 */
class SchemaTypes {
  /** @type {Alias[]} */
  aliases = [];
  #root;
  #io;
  #base;
  #names;
  /** Names of types by the pointers that lead to their schemas. */
  #byPointer = new Map();

  /**
   * @param {object} root
   * @param {"input" | "output"} io An input may leave out what has a default, a result has it.
   * @param {string} base Begins the names of the types.
   * @param {import("./names.cjs").Names} names
   */
  constructor(root, io, base, names) {
    this.#root = root;
    this.#io = io;
    this.#base = base;
    this.#names = names;
    this.#alias("#", root, base);
  }

  /** The name of the type of the whole. */
  get name() {
    return this.#byPointer.get("#");
  }

  #alias(pointer, schema, wanted) {
    const name = this.#names.take(wanted);
    this.#byPointer.set(pointer, name);
    const alias = { name, text: "", about: about(schema) };
    this.aliases.push(alias);
    alias.text = this.#type(schema, { indent: "", depth: 0, pointer, direct: true });
    return name;
  }

  /** @param {{ indent: string, depth: number, pointer: string, direct: boolean }} at The alias that is written, and whether nothing is between it and this. */
  #type(schema, at) {
    if (schema === false) return "never";
    if (!isObject(schema) || at.depth > deepest) return "any";
    const deeper = { ...at, depth: at.depth + 1 };
    const parts = [];
    if (typeof schema.$ref === "string") parts.push(this.#reference(schema.$ref, at));
    if (Object.hasOwn(schema, "const")) return literal(schema.const);
    if (Array.isArray(schema.enum)) return union(schema.enum.map((each) => literal(each)));
    for (const keyword of ["anyOf", "oneOf"]) {
      if (Array.isArray(schema[keyword])) {
        parts.push(union(schema[keyword].map((each) => this.#type(each, deeper))));
      }
    }
    if (Array.isArray(schema.allOf)) {
      for (const each of schema.allOf) parts.push(this.#type(each, deeper));
    }
    const own = this.#own(schema, deeper);
    if (own !== undefined) parts.push(own);
    return intersection(parts);
  }

  /** What `type` and the keywords beside it say; nothing where they say nothing. */
  #own(schema, at) {
    const types = typesOf(schema);
    if (types === undefined) return undefined;
    const below = { ...at, direct: false };
    return union(types.map((type) => this.#ofType(type, schema, below)));
  }

  #ofType(type, schema, at) {
    switch (type) {
      case "string":
      case "boolean":
      case "null":
      case "number":
        return type;
      case "integer":
        return "number";
      case "array":
        return this.#array(schema, at);
      case "object":
        return this.#object(schema, at);
      default:
        return "any";
    }
  }

  #array({ items, prefixItems, additionalItems }, at) {
    // Until draft 2019-09 a list in `items` was what `prefixItems` is.
    const first = prefixItems ?? (Array.isArray(items) ? items : undefined);
    if (!Array.isArray(first)) return list(this.#type(items ?? true, at));
    const rest = prefixItems === undefined ? additionalItems : items;
    const members = first.map((each) => this.#type(each, at));
    if (rest !== undefined && rest !== false) members.push(`...${list(this.#type(rest, at))}`);
    return `[${members.join(", ")}]`;
  }

  #object(schema, at) {
    const { properties = {}, patternProperties, additionalProperties } = schema;
    const required = new Set(Array.isArray(schema.required) ? schema.required : []);
    const below = { ...at, indent: `${at.indent}  ` };
    const members = [];
    const types = [];
    for (const [key, property] of Object.entries(properties)) {
      const type = this.#type(property, below);
      const filled = this.#io === "output" && isObject(property) && "default" in property;
      const isThere = required.has(key) || filled;
      types.push(isThere ? type : `${type} | undefined`);
      const comment = commentOf(about(property), below.indent);
      members.push(`${comment}${below.indent}${keyOf(key)}${isThere ? "" : "?"}: ${type};`);
    }
    for (const key of required) {
      if (typeof key !== "string" || Object.hasOwn(properties, key)) continue;
      types.push("any");
      members.push(`${below.indent}${keyOf(key)}: any;`);
    }
    const more = this.#moreProperties(
      members.length === 0,
      { patternProperties, additionalProperties },
      below,
    );
    if (more !== undefined) {
      members.push(`${below.indent}[name: string]: ${union([more, ...types])};`);
    }
    return members.length === 0
      ? "Record<string, never>"
      : `{\n${members.join("\n")}\n${at.indent}}`;
  }

  /** The type of properties that have no name in the schema, if there may be any. */
  #moreProperties(isOpen, { patternProperties, additionalProperties }, at) {
    const types = Object.values(patternProperties ?? {}).map((each) => this.#type(each, at));
    if (additionalProperties === true) types.push("any");
    else if (isObject(additionalProperties)) types.push(this.#type(additionalProperties, at));
    else if (additionalProperties === undefined && isOpen) types.push("any");
    return types.length === 0 ? undefined : union(types);
  }

  #reference(pointer, at) {
    const schema = this.#find(pointer);
    if (schema === undefined) return "any";
    // A type that is itself, or one of several of which it is one, is none.
    if (at.direct && this.#leadsTo(schema, at.pointer)) return "any";
    const known = this.#byPointer.get(normal(pointer));
    if (known !== undefined) return known;
    if (this.aliases.length >= mostAliases) return "any";
    const last = normal(pointer)
      .split("/")
      .at(-1)
      .replace(/[^A-Za-z0-9_.-]/g, "-");
    return this.#alias(normal(pointer), schema, this.#base + typeNameOf(last || "part"));
  }

  /** Whether a schema is, with nothing between them, the one that a pointer leads to; or it is a long way to know that. */
  #leadsTo(schema, pointer) {
    const wanted = this.#find(pointer);
    const seen = new Set([schema]);
    // What is added meanwhile comes, too.
    for (const each of seen) {
      if (each === wanted || seen.size > longestWay) return true;
      if (!isObject(each)) continue;
      for (const keyword of lists) {
        if (Array.isArray(each[keyword])) for (const part of each[keyword]) seen.add(part);
      }
      if (typeof each.$ref === "string") seen.add(this.#find(each.$ref));
    }
    return false;
  }

  /** The schema that a pointer leads to (RFC 6901). */
  #find(pointer) {
    if (!/^#(\/|$)/.test(pointer)) return undefined;
    let found = this.#root;
    for (const step of normal(pointer).split("/").slice(1)) {
      const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof found !== "object" || found === null || !Object.hasOwn(found, key))
        return undefined;
      found = found[key];
    }
    return found;
  }
}

/** Without percent encoding; `#/` is written `#` by some. */
function normal(pointer) {
  try {
    return decodeURIComponent(pointer);
  } catch {
    return pointer;
  }
}

/** What a schema allows, or undefined where it does not say. */
function typesOf({ type, properties, items, prefixItems, additionalProperties }) {
  if (type !== undefined) return Array.isArray(type) ? type : [type];
  if (isObject(properties) || isObject(additionalProperties)) return ["object"];
  if (items !== undefined || prefixItems !== undefined) return ["array"];
  return undefined;
}

/** How a property's name stands in a type. */
function keyOf(name) {
  return isIdentifier(name) ? name : JSON.stringify(name);
}

function literal(value, depth = 0) {
  if (depth > deepest) return "any";
  const within = (each) => literal(each, depth + 1);
  if (Array.isArray(value)) return `[${value.map(within).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, each]) => `${keyOf(key)}: ${within(each)}`);
  return `{ ${members.join("; ")} }`;
}

function union(types) {
  const each = [...new Set(types)];
  if (each.length === 0) return "never";
  return each.includes("any")
    ? "any"
    : each.filter((type) => type !== "never" || each.length === 1).join(" | ");
}

function intersection(types) {
  const each = [...new Set(types)].filter((type) => type !== "any");
  if (each.length === 0) return "any";
  if (each.length === 1) return each[0];
  return each.map((type) => (isWord(type) ? type : `(${type})`)).join(" & ");
}

function list(type) {
  return isWord(type) ? `${type}[]` : `Array<${type}>`;
}

function isWord(type) {
  return /^\w+$/.test(type);
}

/** What a schema says of its values, in lines. */
function about(schema) {
  if (!isObject(schema)) return "";
  const lines = [];
  for (const key of ["title", "description"]) {
    if (typeof schema[key] === "string" && schema[key] !== "") lines.push(schema[key]);
  }
  for (const key of told) {
    if (schema[key] !== undefined) lines.push(`@${key} ${JSON.stringify(schema[key])}`);
  }
  if (schema.deprecated === true) lines.push("@deprecated");
  return lines.join("\n");
}

/** What types cannot say. */
const told = [
  ...[
    "default",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
  ],
  ...["exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems"],
];

/** A comment for a line below it, or nothing. */
function commentOf(text, indent) {
  // Nothing of it may end the comment.
  const lines = text.replaceAll("*/", "*\\/").split(/[\r\n\u2028\u2029]+/);
  if (lines.length === 1) return lines[0] === "" ? "" : `${indent}/** ${lines[0]} */\n`;
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */\n`].join(
    "\n",
  );
}

module.exports = { SchemaTypes, commentOf, keyOf };
