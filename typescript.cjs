"use strict";
// The CommonJS entry of the TypeScript tools.

// First: it tells a bundle apart before anything is required.
require("./binding.cjs");
const { createTypeScriptTools } = require("./lib/typescript/tools.cjs");

module.exports = { createTypeScriptTools };
