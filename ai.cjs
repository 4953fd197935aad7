"use strict";
// The CommonJS entry of what gives models a machine.

// First: it tells a bundle apart before anything is required.
require("./binding.cjs");
const { aiTools } = require("./lib/ai/ai-tools.cjs");
const { forModel } = require("./lib/ai/for-model.cjs");
const { createMcpServer } = require("./lib/mcp/server.cjs");

module.exports = { aiTools, createMcpServer, forModel };
