"use strict";
// The CommonJS entry: the tools of secure-exec, with the compiler that this package depends on.

const tools = require("secure-exec/typescript");

// Package managers may put the compiler where only this package finds it.
const createTypeScriptTools = (options) =>
  tools.createTypeScriptTools(options, { resolve: require.resolve });

module.exports = { createTypeScriptTools };
