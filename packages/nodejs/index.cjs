"use strict";
// The CommonJS entry: objects of secure-exec, the same as that package exports.

const {
  createNodeDriver,
  createNodeRuntime,
  createNodeRuntimeDriverFactory,
  createV8Runtime,
  NodeRuntime,
} = require("secure-exec");

module.exports = {
  createNodeDriver,
  createNodeRuntime,
  createNodeRuntimeDriverFactory,
  createV8Runtime,
  NodeRuntime,
};
