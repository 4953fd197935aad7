"use strict";
// Files of a sandbox, as clients at the other end of a network call for them.

const { uploadTarget } = require("../node-runtime.cjs");
const { fileAttributes, placeOptions } = require("../upload-target.cjs");
const check = require("../validate.cjs");
const { ByteStream, linesOf, sourceOf } = require("./byte-stream.cjs");

/** Those that take a path and perhaps options, and give back a value. */
const ofPath = ["exists", "mkdir", "readDir", "readDirWithTypes", "remove", "stat"];

/** @type {Record<string, (call: import("./methods.cjs").Call) => Promise<void>>} */
const fileMethods = {
  "files.readFile": async ({ hosted, operation, params }) => {
    const data = await hosted.sandbox.files.readFile(params.path);
    operation.answer(null, [Buffer.from(data.buffer, data.byteOffset, data.length)]);
  },
  "files.writeFile": async ({ hosted, operation, params, body }) => {
    await hosted.sandbox.files.writeFile(params.path, body ?? "");
    operation.answer(null);
  },
  "files.appendFile": async ({ hosted, operation, params, body }) => {
    await hosted.sandbox.files.appendFile(params.path, body ?? "");
    operation.answer(null);
  },
  "files.rename": async ({ hosted, operation, params }) => {
    await hosted.sandbox.files.rename(params.from, params.to);
    operation.answer(null);
  },
  "files.cp": async ({ hosted, operation, params }) => {
    await hosted.sandbox.files.cp(params.from, params.to, params.options);
    operation.answer(null);
  },
  "files.chmod": async ({ hosted, operation, params }) => {
    await hosted.sandbox.files.chmod(params.path, params.mode);
    operation.answer(null);
  },
  "files.symlink": async ({ hosted, operation, params }) => {
    await hosted.sandbox.files.symlink(params.target, params.path);
    operation.answer(null);
  },
  "files.place": async ({ hosted, operation, params, body }) => {
    const { path, ...given } = params;
    const target = check.absolutePath(path, "path");
    const options = placeOptions(given);
    await uploadTarget(hosted.sandbox.runtime).put(target, body ?? Buffer.alloc(0), options);
    operation.answer(null);
  },
  "files.attributes": async ({ hosted, operation, params }) => {
    const { path, ...given } = params;
    const target = check.absolutePath(path, "path");
    await uploadTarget(hosted.sandbox.runtime).attributes(target, fileAttributes(given));
    operation.answer(null);
  },
  "files.download": async ({ hosted, operation, params }) => {
    await streamed(hosted, operation, async () =>
      sourceOf(await hosted.sandbox.files.download(params.path)),
    );
  },
  "files.watch": async ({ hosted, operation, params }) => {
    await streamed(hosted, operation, async () => {
      const watcher = hosted.sandbox.files.watch(params.path, params.options);
      await watcher.ready;
      return linesOf(watcher);
    });
  },
};

for (const name of ofPath) {
  fileMethods[`files.${name}`] = async ({ hosted, operation, params }) => {
    const { path, options } = params;
    const given = options === undefined ? [path] : [path, options];
    operation.answer((await hosted.sandbox.files[name](...given)) ?? null);
  };
}

/** Answers, and sends what comes of a source behind that. */
async function streamed(hosted, operation, open) {
  const giveBack = hosted.admitStream();
  let stream;
  try {
    stream = new ByteStream(operation, await open());
  } catch (error) {
    giveBack();
    throw error;
  }
  operation.release = () => {
    giveBack();
    stream.leave();
  };
  operation.answer(null, [], { goesOn: true });
  await operation.streamTo(stream);
}

module.exports = { fileMethods };
