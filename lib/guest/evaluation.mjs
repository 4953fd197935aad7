// Code as a REPL takes it: what it declares stays for the next, and its last expression has a value.

import vm from "node:vm";

/**
 * Compiles code. Declarations of its top level become variables of the global scope, which can be declared again;
 * imports become dynamic ones.
 * @param {(name: string) => any} internal Loads modules of Node's own.
 * @returns `run`, which the engine can call by itself, and whether that gives a promise of `{ value }` or of nothing.
 */
export function compile(code, filename, importModuleDynamically, internal) {
  const { source, awaits } = translate(code, filename, internal);
  const script = new vm.Script(source, { filename, importModuleDynamically });
  return { run: script.runInThisContext.bind(script, { displayErrors: false }), awaits };
}

function translate(code, filename, internal) {
  const { parse } = internal("internal/deps/acorn/acorn/dist/acorn");
  const { processTopLevelAwait } = internal("internal/repl/await");
  // As a REPL has it: what follows the code must not become part of a comment at its end.
  const text = asExpression(code, parse) ?? `${withoutHashBang(code)}\n`;
  let program;
  try {
    program = parse(text, grammar);
  } catch {
    // The engine knows better what is wrong, and whether anything is.
    new vm.SourceTextModule(code, { identifier: filename });
    return { source: code, awaits: false };
  }
  refuseExports(program);
  const edits = program.body.flatMap((statement) => edit(statement, text));
  const edited = apply(text, edits);
  const awaited = processTopLevelAwait(edited);
  return { source: awaited ?? edited, awaits: awaited !== null };
}

const grammar = {
  ecmaVersion: "latest",
  sourceType: "script",
  allowAwaitOutsideFunction: true,
  allowImportExportEverywhere: true,
  allowHashBang: true,
};

/** Its line stays, as a comment. */
function withoutHashBang(code) {
  return code.startsWith("#!") ? `//${code.slice(2)}` : code;
}

/** `{ a: 1 }` is an object, as in Node's REPL, unless it ends like a statement. */
function asExpression(code, parse) {
  if (!/^\s*\{/.test(code) || /;\s*$/.test(code)) return undefined;
  const wrapped = `(${code.trim()}\n)`;
  try {
    const { body } = parse(wrapped, grammar);
    return body.length === 1 ? wrapped : undefined;
  } catch {
    return undefined;
  }
}

function refuseExports({ body }) {
  if (!body.some(({ type }) => /^Export/.test(type))) return;
  throw new SyntaxError("evaluate() takes no export: later snippets have what a snippet declares");
}

/** What changes in a statement of the top level: replacements of ranges. */
function edit(statement, text) {
  switch (statement.type) {
    case "ImportDeclaration":
      return [[statement.start, statement.end, importing(statement, text)]];
    case "ClassDeclaration":
      return [
        [statement.start, statement.start, `var ${statement.id.name} = `],
        [statement.end, statement.end, ";"],
      ];
    case "VariableDeclaration":
      return statement.kind === "let" || statement.kind === "const" ? variables(statement) : [];
    default:
      return [];
  }
}

/** As long as the keyword was, so that columns stay. */
function variables({ start, kind, declarations }) {
  const undefinedAgain = declarations
    .filter(({ init }) => !init)
    .map(({ id }) => [id.end, id.end, " = void 0"]);
  return [[start, start + kind.length, "var".padEnd(kind.length)], ...undefinedAgain];
}

function importing({ start, end, source, specifiers, attributes }, text) {
  const given = (attributes ?? []).map(({ key, value }) => {
    return `${JSON.stringify(key.name ?? key.value)}: ${value.raw}`;
  });
  const options = given.length > 0 ? `, { with: { ${given.join(", ")} } }` : "";
  const imported = `await import(${source.raw}${options})`;
  const names = [];
  const statements = [];
  for (const { type, imported: name, local } of specifiers) {
    if (type === "ImportNamespaceSpecifier") statements.push(`var ${local.name} = ${imported};`);
    else if (type === "ImportDefaultSpecifier") names.push(`default: ${local.name}`);
    else names.push(`${JSON.stringify(name.name ?? name.value)}: ${local.name}`);
  }
  if (names.length > 0) statements.unshift(`var { ${names.join(", ")} } = ${imported};`);
  if (statements.length === 0) statements.push(`${imported};`);
  // What follows stays on its line.
  return statements.join(" ") + text.slice(start, end).replace(/[^\n]/g, "");
}

function apply(text, edits) {
  let result = "";
  let done = 0;
  for (const [start, end, replacement] of edits) {
    result += text.slice(done, start) + replacement;
    done = end;
  }
  return result + text.slice(done);
}
