"use strict";
// Definitions of tools: what may stand in one, and what it becomes.

const { invalidValue } = require("../errors.cjs");
const check = require("../validate.cjs");
const { jsonText } = require("./json.cjs");
const { moduleDeclaration } = require("./module.cjs");
const { inputSchema, outputSchema } = require("./schema.cjs");

/** Names that programs of the machine rely on. */
const reserved = new Set(["bash", "env", "node", "npm", "npx", "sh"]);
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;

const definition = {
  description: check.text,
  inputSchema,
  outputSchema: check.optional(outputSchema),
  handler: check.callback,
  timeoutMs: check.optional(check.milliseconds),
  examples: check.optional(check.list(example), []),
  commandAliases: check.optional(check.list(toolName), []),
};

/** Keys of definitions elsewhere, and what they are called here. */
const elsewhere = {
  execute: "handler",
  func: "handler",
  run: "handler",
  callback: "handler",
  parameters: "inputSchema",
  input_schema: "inputSchema",
  schema: "inputSchema",
  output_schema: "outputSchema",
  returns: "outputSchema",
  timeout: "timeoutMs",
  aliases: "commandAliases",
};

function toolName(value, name) {
  check.cString(value, name);
  if (!namePattern.test(value)) {
    throw invalidValue(name, "must be a name of letters, digits, '_', '.' and '-'", value);
  }
  if (reserved.has(value)) throw invalidValue(name, "is a command that programs rely on", value);
  return value;
}

/** An input to show, by itself or in an object with a description. */
function example(value, name) {
  const wrapped = typeof value === "object" && value !== null && Object.hasOwn(value, "input");
  if (!wrapped) return { input: jsonText(value, name) };
  return {
    description: check.optional(check.text)(value.description, `${name}.description`),
    input: jsonText(value.input, `${name}.input`),
  };
}

function oneDefinition(value, name) {
  if (typeof value === "object" && value !== null) {
    for (const [key, here] of Object.entries(elsewhere)) {
      if (Object.hasOwn(value, key)) {
        throw invalidValue(`${name}.${key}`, `is not a known option: it is called '${here}' here`);
      }
    }
  }
  return check.object(value, name, definition);
}

/** Reads a record of tool definitions. */
function toolDefinitions(value, name) {
  const taken = new Set();
  return check.entries(value, name).map(([key, given]) => {
    const tool = {
      name: toolName(key, `a key of ${name}`),
      ...check.reading(`${name}.${key}`, () => oneDefinition(given, `${name}.${key}`)),
    };
    for (const command of [tool.name, ...tool.commandAliases]) {
      if (taken.has(command)) throw invalidValue(name, `has two tools named '${command}'`);
      taken.add(command);
    }
    return tool;
  });
}

/** For the types alone: the handler's input is inferred from the schema. */
function defineTool(definition) {
  return definition;
}

/** TypeScript's declaration of the module `tools`. */
function toolTypes(tools) {
  return moduleDeclaration(toolDefinitions(tools, "tools"));
}

/** What the VM knows of a tool. */
function forMachine(tool) {
  return {
    name: tool.name,
    description: tool.description,
    schema: tool.inputSchema.text,
    aliases: tool.commandAliases,
    examples: tool.examples,
  };
}

module.exports = { defineTool, forMachine, toolDefinitions, toolTypes, reserved };
