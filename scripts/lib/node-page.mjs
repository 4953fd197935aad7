// docs/node.md and docs/node-options.md: what a guest's Node.js has, found by using it.

import { features, program } from "./node-features.mjs";
import { pinnedNode } from "./paths.mjs";
import { capture, StepError } from "./steps.mjs";

/** Lists the exports of every public module; runs unchanged on the host and in a guest. */
const probe = `
  import { builtinModules, createRequire } from "node:module";
  const require = createRequire("/");
  const modules = {};
  for (const name of builtinModules.filter((name) => !name.startsWith("_"))) {
    try {
      modules[name] = Object.keys(require(name)).sort();
    } catch (error) {
      modules[name] = String(error.message);
    }
  }
  const globals = Object.getOwnPropertyNames(globalThis).filter((name) => name !== "__return").sort();
  const answer = JSON.stringify({ modules, globals });
`;

/** The pages by name. */
export async function nodePages(generated) {
  const { NodeRuntime } = await import("secure-exec");
  const runtime = await NodeRuntime.create();
  try {
    return {
      "node.md": await modulesPage(generated, runtime),
      "node-options.md": await optionsPage(generated, runtime),
    };
  } finally {
    await runtime.dispose();
  }
}

async function modulesPage(generated, runtime) {
  const host = await onHost();
  const guest = await inGuest(runtime);
  const rows = Object.entries(host.modules).map(([name, exports]) => {
    return `| \`${name}\` | ${exports.length} | ${difference(exports, guest.modules[name])} |`;
  });
  const missing = host.globals.filter((name) => !guest.globals.includes(name));
  return `${generated}

# Node.js in a guest

A guest runs the JavaScript library of Node.js ${await version()} on this project's native bindings. How
modules behave is measured with Node.js's own tests: [conformance.md](conformance.md); what options of the
command line do is in [node-options.md](node-options.md).

## What works and what throws

Each line was tried in a guest of its own.

| module | feature | in a guest |
|---|---|---|
${(await featureRows(runtime)).join("\n")}

## Locales and time zones

\`LC_ALL\`, else \`LC_MESSAGES\`, else \`LANG\`, as they are when a program starts, name its default locale. \`TZ\` names its time
zone, also while it runs; programs of one machine that run at the same time with different zones see each other's in
\`Intl\`, not in \`Date\`. ICU's data lacks some languages that Node.js has (\`cy\`, \`hy\`, \`ka\`, \`zu\`):
\`Intl.NumberFormat.supportedLocalesOf\` tells.

## Exports

The exports of every public module, compared with that Node.js.

| module | exports | missing in a guest |
|---|---:|---|
${rows.join("\n")}

Globals of Node.js that a guest lacks: ${missing.map((name) => `\`${name}\``).join(", ") || "none"}.
`;
}

async function featureRows(runtime) {
  const rows = [];
  for (const [module, snippets] of Object.entries(features)) {
    for (const [feature, body] of Object.entries(snippets)) {
      const told = await tried(runtime, body);
      rows.push(`| ${module === "globals" ? "globals" : `\`${module}\``} | ${feature} | ${told} |`);
    }
  }
  return rows;
}

async function tried(runtime, body) {
  const { value, stderr } = await runtime.run(program(body), { timeout: 20_000 });
  if (value === undefined) throw new StepError(`a feature came to no end: ${body}\n${stderr}`);
  if (value.length === 1) return value[0];
  const [code, message] = value;
  const text = message.replaceAll("|", "\\|").replace(/\s+/g, " ");
  return `throws ${code ? `\`${code}\`: ` : ""}${text}`;
}

/** Every option of the table, given with another value than its default. */
async function optionsPage(generated, runtime) {
  const { taken, refused } = await options(runtime);
  return `${generated}

# Options of \`node\` in a guest

The options of Node.js ${await version()}. Each does what it does in Node.js, or is refused by name with
status 9; none is taken and ignored. A boolean that asks for what is there anyway is always taken.
\`NODE_OPTIONS\` has no effect in a guest, but that a child has the permission model of its parent.

Flags of V8 belong to all programs of a machine at once. \`--expose-gc\`, \`--max-old-space-size\`,
\`--stack-trace-limit\`, \`--abort-on-uncaught-exception\` and \`--disallow-code-generation-from-strings\` are those of one program; so is every
flag that asks for V8's default. All others are refused, as is \`v8.setFlagsFromString\`.

## Refused

| option | reason |
|---|---|
${refused.map(([name, reason]) => `| \`${name}\` | ${reason} |`).join("\n")}

## Taken

${taken.map((name) => `\`${name}\``).join(", ")}.
`;
}

async function options(runtime) {
  const taken = [];
  const refused = [];
  for (const { name, argument } of await table()) {
    const { stderr } = await runtime.execCommand("node", [argument, "-e", "0"], {
      timeout: 20_000,
    });
    const reason = / is not available in this machine: (.*)$/m.exec(stderr)?.[1];
    if (reason) refused.push([name, reason]);
    else taken.push(name);
  }
  return { taken: taken.sort(), refused: refused.sort(([one], [other]) => (one < other ? -1 : 1)) };
}

/** The options of the reference, and how each is written to ask for something else than its default. */
async function table() {
  const code = `
    const { internalBinding } = require("internal/test/binding");
    const binding = internalBinding("options");
    const { kNoOp, kV8Option, kBoolean } = binding.types;
    const values = binding.getCLIOptionsValues();
    const rows = [...binding.getCLIOptionsInfo().options].filter(([name]) => name.startsWith("-"));
    JSON.stringify(rows.map(([name, { type }]) => {
      const flag = values[name] === true ? name.replace("--", "--no-") : name;
      const argument = [kNoOp, kV8Option].includes(type) ? name : name + "=1";
      return { name, argument: type === kBoolean ? flag : argument };
    }))`;
  const output = await capture(pinnedNode, ["--expose-internals", "--no-warnings", "-p", code]);
  if (!output) throw new StepError("the reference Node.js did not list its options");
  // As on a command line without those two.
  const own = { "--expose-internals": "--expose-internals", "--warnings": "--no-warnings" };
  return JSON.parse(output).map((row) => ({ ...row, argument: own[row.name] ?? row.argument }));
}

function difference(exports, found) {
  if (!Array.isArray(found)) return `does not load: ${found ?? "unknown module"}`;
  const missing = exports.filter((name) => !found.includes(name));
  return missing.map((name) => `\`${name}\``).join(", ") || "none";
}

async function onHost() {
  const code = `${probe} console.log(answer);`;
  const output = await capture(pinnedNode, ["--no-warnings", "--input-type=module", "-e", code]);
  if (!output) throw new StepError("the reference Node.js did not run the probe");
  return JSON.parse(output);
}

async function inGuest(runtime) {
  const { value, stderr } = await runtime.run(`${probe} globalThis.__return(answer);`);
  if (value === undefined) throw new StepError(`the probe failed in the guest: ${stderr}`);
  return JSON.parse(value);
}

async function version() {
  return (await capture(pinnedNode, ["--version"])).trim();
}
