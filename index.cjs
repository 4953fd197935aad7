"use strict";
// The CommonJS entry.

// First: it tells a bundle apart before anything is required.
require("./binding.cjs");
const { ToolError, VmError } = require("./lib/errors.cjs");
const { NodeRuntime } = require("./lib/node-runtime.cjs");
const { defineTool } = require("./lib/tools/definitions.cjs");

module.exports = { NodeRuntime, defineTool, ToolError, VmError };
