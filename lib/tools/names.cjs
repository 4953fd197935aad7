"use strict";
// What tools are called in the module `tools`: names of exports, and of the constants behind them.

/** What no constant of a module may be called: words of the language, and what the module itself uses. */
const reservedWords = new Set(
  `Array Object Promise Record exports globalThis module require arguments await break case catch class const continue debugger default delete do else enum eval export extends false
  finally for function if implements import in instanceof interface let new null package private protected public return
  static super switch this throw true try typeof undefined var void while with yield`.split(/\s+/),
);

/**
 * Names that mean something to who imports: a module with an export `then` cannot be imported dynamically, `default` and
 * `module.exports` are the object of all tools, and what has `__esModule` is taken for something compiled.
 */
const notExported = new Set(["__esModule", "default", "module.exports", "then"]);

/**
 * The names of each tool's exports, its own first if it can be one: also `my-tool` is a name that a module may export. A name
 * that is no identifier has a second in camel case, unless another tool has that already or would have it, too.
 *
 * @param {string[]} tools
 * @returns {Map<string, string[]>} By the tool's name.
 */
function exportNames(tools) {
  const taken = new Set(tools.filter((name) => !notExported.has(name)));
  const wanted = tools.map((name) => (isIdentifier(name) ? undefined : identifierOf(name)));
  const once = new Set();
  const twice = new Set();
  for (const name of wanted) (once.has(name) ? twice : once).add(name);
  return new Map(
    tools.map((name, index) => {
      const own = notExported.has(name) ? [] : [name];
      const other = wanted[index];
      const isFree = other !== undefined && !taken.has(other) && !twice.has(other);
      return [name, isFree ? [...own, other] : own];
    }),
  );
}

function isIdentifier(name) {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !notExported.has(name);
}

/** `my-tool` is `myTool`, `7zip` is `_7zip`, `then` is `then_`. */
function identifierOf(name) {
  const camel = camelCase(name);
  if (notExported.has(camel)) return `${camel}_`;
  return /^\d/.test(camel) ? `_${camel}` : camel;
}

function camelCase(name) {
  return name.replace(/[.-]+$/, "").replace(/[.-]+(.)/g, (_, letter) => letter.toUpperCase());
}

/** `MyTool` of `my-tool`. */
function typeNameOf(name) {
  const [, first = "", rest = ""] = /^_*(.?)(.*?)_*$/.exec(camelCase(name));
  const pascal = first.toUpperCase() + rest;
  return /^[A-Za-z]/.test(pascal) ? pascal : `Tool${pascal}`;
}

/** Names that are used once. */
class Names {
  #taken = new Set(reservedWords);

  /** The wanted name, or that with `_` and a number behind it. */
  take(wanted) {
    let name = wanted;
    for (let number = 1; this.#taken.has(name); number += 1) {
      name = `${wanted}_${number === 1 ? "" : number}`;
    }
    this.#taken.add(name);
    return name;
  }
}

module.exports = { Names, exportNames, identifierOf, isIdentifier, typeNameOf };
