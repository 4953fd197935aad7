"use strict";
// The package `tools`, by which guests import the host's tools: its program and its types, as text.

const { Names, exportNames, identifierOf, isIdentifier, typeNameOf } = require("./names.cjs");
const { SchemaTypes, commentOf, keyOf } = require("./schema-types.cjs");

/** What guests import. */
const moduleName = "tools";

const manifest = {
  name: moduleName,
  type: "module",
  types: "./index.d.ts",
  main: "./index.js",
  exports: {
    ".": {
      import: { types: "./index.d.ts", default: "./index.js" },
      // One module for both: what it exports as `module.exports` is what `require` gives.
      require: { types: "./index.d.cts", default: "./index.js" },
    },
    "./package.json": "./package.json",
  },
};

/** @typedef {{ name: string, exported: string[], constant: string, tool: object }} Entry */

/** @returns {Entry[]} */
function entriesOf(tools) {
  const names = new Names();
  const exported = exportNames(tools.map(({ name }) => name));
  const entries = [];
  for (const tool of tools) {
    const constant = names.take(identifierOf(tool.name));
    entries.push({ name: tool.name, exported: exported.get(tool.name), constant, tool });
  }
  return Object.assign(entries, { names });
}

/**
 * The files of the package, by name.
 * @param {object[]} tools Checked definitions.
 * @returns {Record<string, string>}
 */
function packageFiles(tools) {
  const entries = entriesOf(tools);
  const types = declarationsOf(entries, "declare ");
  return {
    "package.json": `${JSON.stringify(manifest, null, 2)}\n`,
    "index.js": programOf(entries),
    "index.d.ts": types.module,
    "index.d.cts": types.commonJs,
  };
}

/** The package's types as a module that is declared: for programs that are checked where there is no such package. */
function moduleDeclaration(tools) {
  const { module } = declarationsOf(entriesOf(tools), "");
  const body = module.replaceAll(/^(?=.)/gm, "  ");
  return `declare module ${JSON.stringify(moduleName)} {\n${body}}\n`;
}

/** How a name stands in a list of exports. */
const shown = (name) => (isIdentifier(name) ? name : JSON.stringify(name));

function programOf(entries) {
  const call = entries.names.take("call");
  const all = entries.names.take("all");
  const functions = [];
  const members = [];
  const exports = [];
  for (const { name, constant, exported } of entries) {
    const text = JSON.stringify(name);
    functions.push(
      `const ${constant} = { [${text}]: (input) => ${call}(${text}, input) }[${text}];`,
    );
    // In brackets, so that `__proto__` is a name like others.
    for (const each of exported) members.push(`  [${JSON.stringify(each)}]: ${constant},`);
    exports.push(...exported.map((each) => `${constant} as ${shown(each)}`));
  }
  exports.push(`${all} as default`, `${all} as "module.exports"`);
  return [
    "// The host's tools. Each is called as callTool(name, input) is.",
    // The global is the program's own to change; nothing of that reaches what has been imported.
    `const ${call} = globalThis.callTool;`,
    ...functions,
    `const ${all} = Object.freeze({\n  __proto__: null,\n${members.join("\n")}\n});`,
    `export {\n${exports.map((each) => `  ${each},\n`).join("")}};`,
    "",
  ].join("\n");
}

/** @param {string} declare What stands before a declaration. */
function declarationsOf(entries, declare) {
  const typeNames = new Names();
  const functions = [];
  const types = [];
  const members = [];
  for (const { tool, exported, constant } of entries) {
    const { aliases, signature } = typesOf(tool, typeNames);
    types.push(...aliases);
    const comment = commentOf(tool.description, "");
    const isExported = exported.includes(constant) ? "export " : "";
    functions.push(`${comment}${isExported}${declare}function ${constant}${signature};`);
    const others = exported.filter((name) => name !== constant);
    if (others.length > 0) {
      functions.push(
        `export { ${others.map((name) => `${constant} as ${shown(name)}`).join(", ")} };`,
      );
    }
    for (const name of exported) members.push(`  readonly ${keyOf(name)}: typeof ${constant};`);
  }
  const all = entries.names.take("all");
  const aliases = types.map(({ name, text, about }) => ({
    comment: commentOf(about, ""),
    text: `type ${name} = ${text};`,
  }));
  const head = "// The host's tools: made from their schemas.\n";
  const object = `${declare}const ${all}: {\n${members.join("\n")}\n};`;
  const body = aliases.map(({ comment, text }) => `${comment}export ${text}`);
  const module = [
    head,
    ...body,
    ...functions,
    "/** All of them. */",
    object,
    `export default ${all};`,
  ];
  const inner = aliases.map(({ text }) => text);
  const bare = functions.filter((text) => !text.startsWith("export {"));
  const commonJs = [
    head,
    ...inner,
    ...bare.map((text) => text.replace(/^export /m, "")),
    object,
    `export = ${all};`,
  ];
  return { module: `${module.join("\n")}\n`, commonJs: `${commonJs.join("\n")}\n` };
}

/** The types of a tool's input and result, and how it is called. */
function typesOf({ name, inputSchema, outputSchema }, names) {
  const base = typeNameOf(name);
  const schema = JSON.parse(inputSchema.text);
  const input = new SchemaTypes(schema, "input", `${base}Input`, names);
  const output = outputSchema
    ? new SchemaTypes(JSON.parse(outputSchema.text), "output", `${base}Output`, names)
    : undefined;
  const given = mayBeEmpty(schema) ? "input?" : "input";
  return {
    aliases: [...input.aliases, ...(output?.aliases ?? [])],
    signature: `(${given}: ${input.name}): Promise<${output?.name ?? "any"}>`,
  };
}

/** Whether the tool may be called without an input, which is `{}` then. */
function mayBeEmpty({
  type,
  required = [],
  properties = {},
  anyOf,
  oneOf,
  allOf,
  $ref,
  minProperties,
}) {
  if (type !== undefined && type !== "object") return false;
  if (anyOf ?? oneOf ?? allOf ?? $ref ?? minProperties) return false;
  return required.every((name) => Object.hasOwn(properties[name] ?? {}, "default"));
}

module.exports = { moduleDeclaration, moduleName, packageFiles };
