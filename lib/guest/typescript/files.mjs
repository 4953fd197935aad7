// The files that the compiler sees: those of the machine, and where there is one the source that was handed over.

import { statSync } from "node:fs";

/**
 * Reads a file as the compiler does. Only regular files: a FIFO or a device would never end.
 * @returns {string | undefined}
 */
export function readText(compiler, name) {
  try {
    if (!statSync(name).isFile()) return undefined;
  } catch {
    return undefined;
  }
  return compiler.sys.readFile(name);
}

/** What the readers of tsconfig.json files ask for. */
export function configHost(compiler, cwd) {
  return {
    ...compiler.sys,
    readFile: (name) => readText(compiler, name),
    getCurrentDirectory: () => cwd,
  };
}

/**
 * The host of a program.
 * @param {object} options The compiler's options.
 * @param {(name: string, how: object, read: () => string | undefined) => object | undefined} take Gives parsed files.
 * @param {{ filePath: string, sourceText: string }} [source] Stands for the file of that name.
 */
export function programHost(compiler, options, cwd, take, source) {
  const host = compiler.createCompilerHost(options);
  const isSource = (name) => source !== undefined && name === source.filePath;
  const { fileExists, directoryExists, realpath } = host;
  // What is there is asked three times on the average, and does not change while a program is made.
  const isFile = remembered((name) => fileExists(name));
  host.getCurrentDirectory = () => cwd;
  host.fileExists = (name) => isSource(name) || isFile(name);
  host.directoryExists = remembered((name) => directoryExists(name));
  host.readFile = (name) => (isSource(name) ? source.sourceText : readText(compiler, name));
  host.realpath = (path) => (isSource(path) ? path : realpath(path));
  // As tsc does: comments are parsed where JavaScript files have their types in them.
  host.jsDocParsingMode = compiler.JSDocParsingMode?.ParseForTypeErrors;
  host.getSourceFile = (name, how) =>
    // What has just been handed over is new each time.
    isSource(name)
      ? compiler.createSourceFile(name, source.sourceText, how)
      : take(name, how, () => readText(compiler, name));
  return host;
}

function remembered(ask) {
  const answers = new Map();
  return (name) => {
    const known = answers.get(name);
    if (known !== undefined) return known;
    const answer = ask(name);
    answers.set(name, answer);
    return answer;
  };
}
