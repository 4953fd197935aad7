"use strict";
// What is handed to callers. An answer is a guest's: nothing is taken of it but the fields that there are, where they
// are what they have to be.

const categories = new Set(["error", "warning", "suggestion", "message"]);

/** What each kind of call has besides `success` and `diagnostics`. */
const rest = {
  typecheckSource: () => ({}),
  typecheckProject: () => ({}),
  compileSource: ({ outputText, sourceMapText }) => ({
    ...(typeof outputText === "string" && { outputText }),
    ...(typeof sourceMapText === "string" && { sourceMapText }),
  }),
  compileProject: ({ emitSkipped, emittedFiles }) => ({
    emitSkipped: emitSkipped !== false,
    emittedFiles: listOf(emittedFiles).filter((path) => typeof path === "string"),
  }),
};

function result(kind, answer) {
  const { success, diagnostics, omittedDiagnostics } = answer;
  return {
    success: success === true,
    diagnostics: listOf(diagnostics).map(diagnostic),
    ...(isCount(omittedDiagnostics) && { omittedDiagnostics }),
    ...rest[kind](answer),
  };
}

/** The result of a call whose compiler has come to no answer. */
function failed(kind, message) {
  return {
    success: false,
    diagnostics: [{ code: 0, category: "error", message }],
    ...rest[kind]({}),
  };
}

function diagnostic(told) {
  const { code, category, message, filePath, line, column } = told ?? {};
  return {
    code: Number.isSafeInteger(code) ? code : 0,
    category: categories.has(category) ? category : "error",
    message: typeof message === "string" ? message : "",
    ...(typeof filePath === "string" && { filePath }),
    ...(isCount(line) && { line }),
    ...(isCount(column) && { column }),
  };
}

function listOf(value) {
  return Array.isArray(value) ? value : [];
}

function isCount(value) {
  return Number.isSafeInteger(value) && value > 0;
}

module.exports = { failed, result };
