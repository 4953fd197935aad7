"use strict";
// The compiler that the host has installed, and where a guest finds it.

const { dirname } = require("node:path");

/** Where npm has what is installed for a whole machine. */
const guestFolder = "/usr/lib/node_modules/typescript";

/**
 * The folder of the host's package.
 * @param {(request: string, options?: { paths: string[] }) => string} [resolve] Of the module that depends on it.
 * @returns {string}
 */
function compilerFolder(resolve = ownResolve) {
  try {
    return dirname(resolve("typescript/package.json"));
  } catch (cause) {
    const message =
      "The TypeScript compiler is not installed: npm install typescript, or name it with compilerSpecifier";
    throw Object.assign(new Error(message, { cause }), { code: "ERR_MODULE_NOT_FOUND" });
  }
}

function ownResolve(request) {
  return require.resolve(request, { paths: [__dirname, process.cwd()] });
}

module.exports = { compilerFolder, guestFolder };
