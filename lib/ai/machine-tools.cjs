"use strict";
// What models do in a machine: run code, a shell that keeps its state, files. Every call has an answer of bounded length,
// however it ends.

const { posix } = require("node:path");
const { isOurs } = require("../errors.cjs");
const { inputSchema } = require("../tools/schema.cjs");
const { clip, folded } = require("./for-model.cjs");
const { Turns } = require("../turns.cjs");

const newShell = "[this is a new shell: directory and variables are as at first]\n";
/** Programs of `run` at once. Others wait, and their time begins with their turn. */
const mostPrograms = 16;
/** Bytes that are kept of what a program writes: more than any answer shows. */
const mostKept = 1024 * 1024;
/** Names of a directory that an answer lists. */
const mostNames = 1000;
/** Bytes of a picture that an answer holds. */
const largestPicture = 4 * 1024 * 1024;

const pictures = new Map([
  [".gif", "image/gif"],
  [".jpeg", "image/jpeg"],
  [".jpg", "image/jpeg"],
  [".png", "image/png"],
  [".webp", "image/webp"],
]);

const path = {
  type: "string",
  minLength: 1,
  description: "Absolute, or from the working directory",
};
const timeoutMs = {
  type: "integer",
  minimum: 1,
  description: "Milliseconds after which it is killed",
};

const object = (properties, required) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

/** @typedef {{ text: string, isError: boolean, picture?: { data: Uint8Array, mediaType: string } }} Answer */
/** @typedef {{ signal?: AbortSignal, onOutput?: (text: string) => unknown }} CallSettings */

/** By the names that they have in JavaScript. */
const schemas = {
  run: object({ code: { type: "string" }, timeoutMs }, ["code"]),
  shell: object({ command: { type: "string", minLength: 1 }, timeoutMs }, ["command"]),
  readFile: object(
    {
      path,
      offset: { type: "integer", minimum: 0, default: 0, description: "Characters to leave out" },
    },
    ["path"],
  ),
  writeFile: object(
    { path, content: { type: "string" }, encoding: { enum: ["utf8", "base64"], default: "utf8" } },
    ["path", "content"],
  ),
  listFiles: object({ path: { ...path, default: "." } }, []),
};

const descriptions = {
  run: "Runs JavaScript or TypeScript (ES modules, top-level await, Node.js's modules) in a new process of the sandbox, and gives back what it prints. There is no network.",
  shell:
    "Runs a line of bash in the sandbox. Directory, variables and functions stay for the next line; so do files.",
  readFile: "Reads a text file of the sandbox, or shows a picture.",
  writeFile: "Writes a file of the sandbox, and makes the directories on the way to it.",
  listFiles: "Lists a directory of the sandbox, with sizes.",
};

class MachineTools {
  #rt;
  #settings;
  /** Once there is one. @type {Promise<import("../shell-session.cjs").ShellSession> | undefined} */
  #shell;
  #programs = new Turns(mostPrograms);
  #checks = new Map();

  /**
   * @param {import("../node-runtime.cjs").NodeRuntime} rt
   * @param {{ maxChars: number, timeoutMs: number, cwd: string }} settings
   */
  constructor(rt, settings) {
    this.#rt = rt;
    this.#settings = settings;
    for (const [name, schema] of Object.entries(schemas)) {
      this.#checks.set(name, inputSchema(schema, name));
    }
  }

  /** The tools by name, as JSON Schema and a text for the model. */
  get definitions() {
    return Object.keys(schemas).map((name) => ({
      name,
      description: descriptions[name],
      schema: schemas[name],
    }));
  }

  /** @returns {Promise<import("../tools/schema.cjs").Checked>} */
  check(name, input) {
    return this.#checks.get(name).check(JSON.stringify(input ?? {}));
  }

  /**
   * Does what a model asks for. Rejects for an abort of `signal`, and for mistakes of the host's.
   * @param {keyof typeof schemas} name
   * @param {CallSettings} [given]
   * @returns {Promise<Answer>}
   */
  async call(name, input, given = {}) {
    const { value, wrong } = await this.check(name, input);
    if (wrong !== undefined) return { text: `[invalid input: ${wrong}]`, isError: true };
    given.signal?.throwIfAborted();
    try {
      return await this.#answered(name, value, given);
    } catch (error) {
      given.signal?.throwIfAborted();
      // Only what the model has given can be wrong here: text with a null byte, for one.
      if (isOurs(error) && /^ERR_(INVALID_ARG|OUT_OF_RANGE)/.test(error.code)) {
        return { text: `[invalid input: ${error.message}]`, isError: true };
      }
      return { text: folded(error, this.#settings.maxChars), isError: true };
    }
  }

  /** Ends the shell. The machine belongs to who made it. */
  async close() {
    const shell = this.#shell;
    this.#shell = undefined;
    await shell?.then(
      (each) => each.close(),
      () => {},
    );
  }

  async #answered(name, input, given) {
    switch (name) {
      case "run":
        return this.#ended(await this.#run(input, given));
      case "shell":
        return await this.#line(input, given);
      case "readFile":
        return await this.#read(input);
      case "writeFile":
        return await this.#write(input);
      default:
        return await this.#list(input);
    }
  }

  #run({ code, timeoutMs }, given) {
    const options = { ...this.#options(timeoutMs, given), cwd: this.#settings.cwd };
    return this.#programs.take(given.signal, () => this.#rt.exec(code, options));
  }

  async #line({ command, timeoutMs }, given) {
    const options = this.#options(timeoutMs, given);
    const known = this.#shell;
    try {
      return this.#ended(await this.#lineIn(await this.#opened(), command, options));
    } catch (error) {
      // A shell may end between lines, with its machine or by a signal. The line has not run.
      if (known === undefined || error.code !== "ERR_SHELL_CLOSED") throw error;
    }
    if (this.#shell === known) this.#shell = undefined;
    const { text, isError } = this.#ended(
      await this.#lineIn(await this.#opened(), command, options),
      newShell.length,
    );
    return { text: `${newShell}${text}`, isError };
  }

  #opened() {
    this.#shell ??= this.#rt.shell({ cwd: this.#settings.cwd });
    const opening = this.#shell;
    // One that cannot be started is tried again.
    opening.catch(() => {
      if (this.#shell === opening) this.#shell = undefined;
    });
    return opening;
  }

  async #lineIn(shell, command, options) {
    const opening = this.#shell;
    try {
      return await shell.run(command, options);
    } finally {
      if (shell.closed && this.#shell === opening) this.#shell = undefined;
    }
  }

  #options(asked, { signal, onOutput }) {
    const timeout = Math.min(asked ?? this.#settings.timeoutMs, this.#settings.timeoutMs);
    const options = { timeout, maxOutputBytes: mostKept, ...(signal && { signal }) };
    if (!onOutput) return options;
    const shown = this.#shown(onOutput);
    return { ...options, onStdout: shown, onStderr: shown };
  }

  /** Shows output as it comes, no more than an answer has. */
  #shown(onOutput) {
    const decoder = new TextDecoder();
    let left = this.#settings.maxChars;
    return (chunk) => {
      const text = decoder.decode(chunk, { stream: true }).slice(0, left);
      left -= text.length;
      return text === "" ? undefined : onOutput(text);
    };
  }

  /** @param {number} [taken] Characters of the answer that are not for the result. */
  #ended(result, taken = 0) {
    const text = folded(result, this.#settings.maxChars - taken);
    return { text, isError: result.exitCode !== 0 };
  }

  #path(given) {
    return posix.resolve(this.#settings.cwd, given);
  }

  async #read({ path: given, offset }) {
    const at = this.#path(given);
    const data = await this.#rt.readFile(at);
    const mediaType = pictures.get(posix.extname(at).toLowerCase());
    if (mediaType !== undefined && data.length <= largestPicture) {
      return {
        text: `[${mediaType}, ${data.length} bytes]`,
        isError: false,
        picture: { data, mediaType },
      };
    }
    const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString("utf8");
    if (text.includes("\0")) {
      return { text: `[binary data, ${data.length} bytes: read it by a program]`, isError: true };
    }
    const most = this.#settings.maxChars - 100;
    const part = text.slice(offset, offset + most);
    const isWhole = offset === 0 && part.length === text.length;
    const note = `\n[characters ${offset} to ${offset + part.length} of ${text.length}]`;
    return { text: isWhole ? part || "[an empty file]" : part + note, isError: false };
  }

  async #write({ path: given, content, encoding }) {
    const at = this.#path(given);
    const data = Buffer.from(content, encoding);
    await this.#rt.mkdir(posix.dirname(at), { recursive: true });
    await this.#rt.writeFile(at, data);
    return { text: `[wrote ${data.length} bytes to ${at}]`, isError: false };
  }

  async #list({ path: given }) {
    const at = this.#path(given);
    const entries = await this.#rt.readDirWithTypes(at);
    const lines = [];
    for (const { name, isFile, isDirectory } of entries.slice(0, mostNames)) {
      if (isDirectory) lines.push(`${name}/`);
      else lines.push(isFile ? `${name} (${await sizeOf(this.#rt, posix.join(at, name))})` : name);
    }
    if (entries.length > mostNames) lines.push(`[${entries.length} names, ${mostNames} are shown]`);
    const text = lines.length === 0 ? "[an empty directory]" : lines.join("\n");
    return { text: clip(text, this.#settings.maxChars), isError: false };
  }
}

/** It may have gone since the directory was read. */
async function sizeOf(rt, file) {
  try {
    const { size } = await rt.stat(file);
    return `${size} bytes`;
  } catch (error) {
    if (error.syscall === undefined) throw error;
    return "gone";
  }
}

module.exports = { MachineTools };
