"use strict";
// The schemas of a tool's input and result: JSON Schema, or an object of a library that speaks Standard Schema.

const binding = require("../../binding.cjs");
const { invalidType, invalidValue } = require("../errors.cjs");
const { jsonText, stringify } = require("./json.cjs");

/** What a value is, behind its schema. @typedef {{ value: unknown } | { wrong: string }} Checked */

/** JSON Schema, checked by the addon on a thread of its own. */
class JsonSchema {
  #compiled;

  /** @param {string} text The schema as JSON. */
  constructor(text) {
    this.text = text;
    this.#compiled = new binding.Schema(text);
  }

  /** @param {string} json @returns {Promise<Checked>} */
  async check(json) {
    const { refused, errors, defaults } = await this.#compiled.check(json);
    if (refused) return { wrong: refused };
    if (errors.length > 0) return { wrong: errors.join("; ") };
    const value = JSON.parse(json);
    return { value: defaults ? withDefaults(value, JSON.parse(defaults)) : value };
  }

  /** As `check`, of what a handler has given back. @returns {Promise<Checked>} */
  async checkResult(result) {
    return await this.check(stringify(result, "the result"));
  }
}

/** Puts in what is listed as path and value, in this order. */
function withDefaults(value, defaults) {
  for (const [path, given] of defaults) {
    const name = path.pop();
    const holder = path.reduce((inner, step) => inner[step], value);
    // Not by assignment: the name may be `__proto__`.
    Object.defineProperty(holder, name, {
      value: given,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return value;
}

/** An object with `~standard`: its library checks, and what that gives out is the input, or the result. */
class StandardSchema {
  #standard;
  #bounds;

  constructor(standard, jsonSchema) {
    this.#standard = standard;
    // The library runs on the host's main thread and knows no bound. What it may see is bounded before.
    this.#bounds = new binding.Schema(jsonSchema ?? "{}");
    this.text = jsonSchema ?? "{}";
  }

  /** @param {string} json @returns {Promise<Checked>} */
  async check(json) {
    const { refused } = await this.#bounds.check(json);
    if (refused) return { wrong: refused };
    return await this.checkResult(JSON.parse(json));
  }

  /** What a handler has given back is the host's own and need not be JSON yet. @returns {Promise<Checked>} */
  async checkResult(result) {
    const { issues, value } = await this.#standard.validate(result);
    return issues ? { wrong: told(issues) } : { value };
  }
}

/** How many issues are told. */
const mostIssues = 5;

function told(issues) {
  const texts = Array.from(issues).slice(0, mostIssues);
  return texts.map(({ message, path }) => `${pointer(path)}${message}`).join("; ");
}

/** `/a/0: `, as JSON Schema's errors have it. */
function pointer(path) {
  if (!path?.length) return "";
  const keys = path.map((step) => (typeof step === "object" && step !== null ? step.key : step));
  return `/${keys.map(String).join("/")}: `;
}

/**
 * JSON Schema of what a Standard Schema takes or gives out, where its library can say it: by the Standard JSON Schema
 * interface, or by a method of the object.
 * @param {"input" | "output"} io
 */
function jsonSchemaOf(schema, io) {
  const standard = (target) => schema["~standard"].jsonSchema?.[io]({ target });
  const ways = [
    () => standard("draft-2020-12"),
    () => standard("draft-07"),
    () => schema.toJSONSchema?.({ io, unrepresentable: "any" }),
    () => schema.toJsonSchema?.(),
  ];
  for (const way of ways) {
    try {
      const text = JSON.stringify(way());
      if (text === undefined) continue;
      new binding.Schema(text);
      return text;
    } catch {
      // A schema that JSON Schema cannot express has no flags; it checks all the same.
    }
  }
}

/** Keywords of which a JSON Schema has one. */
const keywords = new Set(
  `$schema $id $ref $dynamicRef $recursiveRef $defs $comment definitions title description default deprecated examples
  readOnly writeOnly type enum const properties patternProperties additionalProperties propertyNames required
  dependentRequired dependentSchemas dependencies unevaluatedProperties minProperties maxProperties items prefixItems
  additionalItems contains minContains maxContains uniqueItems unevaluatedItems minItems maxItems minLength maxLength
  pattern format contentEncoding contentMediaType contentSchema minimum maximum exclusiveMinimum exclusiveMaximum
  multipleOf allOf anyOf oneOf not if then else nullable`.split(/\s+/),
);

const isObject = (value) =>
  (typeof value === "object" && value !== null) || typeof value === "function";

/** The Standard Schema interface of a value, if it has it. */
function standardOf(value) {
  const standard = isObject(value) ? value["~standard"] : undefined;
  return isObject(standard) && typeof standard.validate === "function" ? standard : undefined;
}

/** Why a value is no schema, and what to give instead. */
function hint(value) {
  if (isObject(value) && ("_def" in value || "_zod" in value)) {
    return "is a schema of a Zod that does not speak Standard Schema: use Zod 3.24 or later";
  }
  if (typeof value === "function") {
    return "is a function: give JSON Schema, or a schema of Zod, Valibot or ArkType";
  }
  const prototype = Object.getPrototypeOf(value);
  // Plain objects of other contexts too, as test runners make them.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return "is an instance of a class without '~standard': give JSON Schema, or a schema of Zod 3.24, Valibot or ArkType";
  }
  if ("execute" in value || "parameters" in value || "handler" in value) {
    return "is a whole tool: give its parameters as 'inputSchema' and its function as 'handler'";
  }
  if (isObject(value.jsonSchema)) return "wraps a schema: give its 'jsonSchema'";
  if (Object.values(value).some(standardOf)) {
    return "is a record of schemas: make one of them, such as z.object({ ... })";
  }
  const names = Object.keys(value);
  if (names.length > 0 && !names.some((name) => keywords.has(name) || name.startsWith("x-"))) {
    return `has no keyword of JSON Schema: properties like '${names[0].slice(0, 40)}' belong under 'properties'`;
  }
}

/** Reads the option `inputSchema`. */
const inputSchema = (value, name) => readSchema(value, name, "input");

/** Reads the option `outputSchema`. */
const outputSchema = (value, name) => readSchema(value, name, "output");

function readSchema(value, name, io) {
  const standard = standardOf(value);
  if (standard) return new StandardSchema(standard, jsonSchemaOf(value, io));
  if (!isObject(value) || Array.isArray(value)) throw invalidType(name, "an object", value);
  const wrong = hint(value);
  if (wrong) throw invalidValue(name, wrong);
  const text = jsonText(value, name);
  try {
    return new JsonSchema(text);
  } catch (cause) {
    throw Object.assign(invalidValue(name, notSchema(cause.message)), { cause });
  }
}

function notSchema(message) {
  const foreign = /^Resource '(.*?)' is not present in a registry/s.exec(message)?.[1];
  if (foreign === undefined) return `is no JSON Schema: ${message}`;
  return `refers to another document, '${foreign}', and nothing is fetched: put what it means under '$defs' and refer to that`;
}

module.exports = { inputSchema, outputSchema };
