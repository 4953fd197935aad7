"use strict";
// The SDK of the Model Context Protocol that the host has installed: an optional dependency.

/** @returns {{ Server: Function, StdioServerTransport: Function, types: object }} */
function sdk() {
  const load = (part) => require(resolved(`@modelcontextprotocol/sdk/${part}.js`));
  try {
    const { Server } = load("server/index");
    const { StdioServerTransport } = load("server/stdio");
    return { Server, StdioServerTransport, types: load("types") };
  } catch (cause) {
    if (cause.code !== "MODULE_NOT_FOUND") throw cause;
    const message =
      "The SDK of the Model Context Protocol is not installed: npm install @modelcontextprotocol/sdk";
    throw Object.assign(new Error(message, { cause }), { code: "ERR_MODULE_NOT_FOUND" });
  }
}

/** Beside this package, or from the working directory. */
function resolved(request) {
  return require.resolve(request, { paths: [__dirname, process.cwd()] });
}

module.exports = { sdk };
