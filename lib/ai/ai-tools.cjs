"use strict";
// A machine as tools of the Vercel AI SDK, and of whatever else takes tools with Standard Schemas.

const { invalidType } = require("../errors.cjs");
const check = require("../validate.cjs");
const { maxChars, usualChars } = require("./for-model.cjs");
const { MachineTools } = require("./machine-tools.cjs");
const { SandboxMachine } = require("./sandbox-machine.cjs");

const optionCheckers = {
  maxChars: check.optional(maxChars, usualChars),
  timeoutMs: check.optional(check.milliseconds, 60_000),
  cwd: check.optional(check.absolutePath, "/workspace"),
};

/** The options of everything that gives models a machine. */
function modelOptions(value) {
  return check.object(value, "options", optionCheckers);
}

/** The runtime of a sandbox, the runtime itself, or what does the same at the other end of a network. */
function runtimeOf(value) {
  return check.reading("runtime", () => runtimeIn(value));
}

function runtimeIn(value) {
  const runtime = value?.runtime ?? value;
  if (typeof runtime?.exec === "function" && typeof runtime.shell === "function") return runtime;
  if (typeof value?.exec?.run === "function" && typeof value.exec.shell === "function") {
    return new SandboxMachine(value);
  }
  throw invalidType("runtime", "a NodeRuntime or a Sandbox", value);
}

function aiTools(target, given) {
  const runtime = runtimeOf(target);
  const machine = new MachineTools(runtime, modelOptions(given));
  const tools = {};
  for (const { name, description, schema } of machine.definitions) {
    tools[name] = {
      description,
      inputSchema: standardSchema(schema, (value) => machine.check(name, value)),
      execute: async (input, { abortSignal } = {}) => {
        const { text, picture } = await machine.call(name, input, { signal: abortSignal });
        return picture ? { text, ...encoded(picture) } : text;
      },
      ...(name === "readFile" && { toModelOutput }),
    };
  }
  return tools;
}

function encoded({ data, mediaType }) {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  return { mediaType, data: bytes.toString("base64") };
}

/** A picture is shown to the model as one. */
function toModelOutput({ output }) {
  if (typeof output === "string") return { type: "text", value: output };
  const { text, data, mediaType } = output;
  return {
    type: "content",
    value: [
      { type: "text", text },
      { type: "image-data", data, mediaType },
    ],
  };
}

/** https://standardschema.dev, with JSON Schema. */
function standardSchema(schema, checked) {
  const jsonSchema = () => structuredClone(schema);
  return {
    "~standard": {
      version: 1,
      vendor: "secure-exec",
      jsonSchema: { input: jsonSchema, output: jsonSchema },
      validate: async (input) => {
        const { value, wrong } = await checked(input);
        return wrong === undefined ? { value } : { issues: [{ message: wrong }] };
      },
    },
  };
}

module.exports = { aiTools, modelOptions, runtimeOf };
