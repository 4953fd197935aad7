"use strict";
// The CommonJS entry.

const { VmError } = require("./lib/errors.cjs");
const { NodeRuntime } = require("./lib/node-runtime.cjs");

module.exports = { NodeRuntime, VmError };
