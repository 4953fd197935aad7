"use strict";
// The CommonJS entry.

// First: it tells a bundle apart before anything is required.
require("./binding.cjs");
const { VmError } = require("./lib/errors.cjs");
const { NodeRuntime } = require("./lib/node-runtime.cjs");

module.exports = { NodeRuntime, VmError };
