"use strict";
// Files in memory, one object for the host and for machines.

const binding = require("../../binding.cjs");
const check = require("../validate.cjs");
const { NativeFileSystem } = require("./native-file-system.cjs");

const bytes = check.integer(4096, { maximum: 2 ** 40 });

const optionCheckers = {
  maxFilesystemBytes: check.optional(bytes, 64 * 1024 * 1024),
  maxInodeCount: check.optional(check.integer(16, { maximum: 2 ** 32 }), 16384),
  maxFileBytes: check.optional(bytes, undefined),
};

class InMemoryFileSystem extends NativeFileSystem {
  constructor(given) {
    const limits = check.object(given, "options", optionCheckers);
    const files = new binding.NativeFiles({
      maxBytes: limits.maxFilesystemBytes,
      maxInodes: limits.maxInodeCount,
      maxFileBytes: limits.maxFileBytes ?? limits.maxFilesystemBytes,
    });
    super(files, "createInMemoryFileSystem(options)");
  }
}

function createInMemoryFileSystem(options) {
  return new InMemoryFileSystem(options);
}

module.exports = { InMemoryFileSystem, createInMemoryFileSystem };
