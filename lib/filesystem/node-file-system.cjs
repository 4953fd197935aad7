"use strict";
// A directory of the host's with the methods of every filesystem.

const { resolve } = require("node:path");
const binding = require("../../binding.cjs");
const { invalidValue } = require("../errors.cjs");
const check = require("../validate.cjs");
const { NativeFileSystem } = require("./native-file-system.cjs");

const optionCheckers = { root: check.program, readOnly: check.optional(check.boolean, false) };

class NodeFileSystem extends NativeFileSystem {
  constructor(given) {
    const { root, readOnly } = check.object(given, "options", optionCheckers);
    super(directory(resolve(root), readOnly), "the host");
  }
}

function directory(root, readOnly) {
  try {
    return binding.NativeFiles.directory(root, !readOnly);
  } catch (cause) {
    const [, , why = cause.message] = /^(-\d+) (E\w+) /.exec(cause.message) ?? [];
    throw invalidValue("options.root", `cannot be used (${why})`, root);
  }
}

module.exports = { NodeFileSystem };
