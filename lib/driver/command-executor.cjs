"use strict";
// `commandExecutor`: an object of the user's runs what guests start. In the machine a program of ours (lib/guest/command.mjs) stands
// for each such command: it feeds the command, shows what that writes, and ends as it ends, by calls of one tool.

const { ToolError, invalidType } = require("../errors.cjs");
const { guestCode } = require("../guest-code.cjs");
const { toolDefinitions } = require("../tools/definitions.cjs");
const check = require("../validate.cjs");

const toolName = "commandExecutor";
const place = "/usr/libexec/secure-exec/command.mjs";
/** Output that a command may have written before the guest takes it. */
const mostWaiting = 16 * 1024 * 1024;
/** Of one answer. */
const longestPiece = 192 * 1024;
const longestTimeout = 2 ** 31 - 1;
/** A shell's status for a command that does not exist. */
const notFound = 127;
const SIGKILL = 9;
const SIGTERM = 15;

/** A checker of options. */
function commandExecutor(value, name) {
  if (!check.hasMethods(value, ["spawn"], name)) {
    throw invalidType(name, "an object with the method spawn", value);
  }
  return value;
}

const text = { type: "string" };
const inputSchema = {
  type: "object",
  properties: {
    action: { enum: ["begin", "write", "close", "read", "kill"] },
    id: { type: "integer" },
    command: text,
    args: { type: "array", items: text },
    cwd: text,
    env: { type: "object", additionalProperties: text },
    data: text,
    signal: { type: "integer" },
  },
  required: ["action"],
  additionalProperties: false,
};

/**
 * What a machine needs for it.
 * @param {object} executor
 * @param {boolean} asks Only what a permission has allowed may be run.
 */
function executorParts(executor, asks) {
  const commands = new Commands(executor, asks);
  const [tool] = toolDefinitions(
    {
      [toolName]: {
        description: "Runs what programs start.",
        inputSchema,
        handler: (input, { signal }) => commands.act(input, signal),
        timeoutMs: longestTimeout,
      },
    },
    "commandExecutor",
  );
  return {
    tool: { ...tool, isOurs: true },
    starter: ["/usr/bin/node", place],
    file: { path: place, data: Buffer.from(guestCode(["command.mjs"])), uid: 0, gid: 0 },
    onAllowed: (request) => commands.allow(request),
  };
}

class Commands {
  #executor;
  #asks;
  #last = 0;
  /** @type {Map<number, Command>} */
  #running = new Map();
  /** What has been allowed and not begun, by what it is. */
  #allowed = new Map();

  constructor(executor, asks) {
    this.#executor = executor;
    this.#asks = asks;
  }

  allow({ command, args, cwd }) {
    const key = JSON.stringify([command, args, cwd]);
    this.#allowed.set(key, (this.#allowed.get(key) ?? 0) + 1);
  }

  async act(input, signal) {
    if (input.action === "begin") return { id: this.#begin(input) };
    const command = this.#running.get(input.id);
    if (!command) throw new ToolError("there is no such command");
    if (input.action === "read") return await this.#read(input.id, command, signal);
    if (input.action === "write") await command.write(Buffer.from(input.data ?? "", "base64"));
    if (input.action === "close") await command.close();
    if (input.action === "kill") command.kill(input.signal ?? SIGTERM);
    return {};
  }

  #begin({ command = "", args = [], cwd, env = {} }) {
    if (this.#asks) this.#take(JSON.stringify([command, args, cwd]));
    this.#last += 1;
    const id = this.#last;
    this.#running.set(id, new Command(this.#executor, command, args, { cwd, env }));
    return id;
  }

  #take(key) {
    const count = this.#allowed.get(key);
    if (count === undefined) throw new ToolError("it has not been allowed");
    if (count > 1) this.#allowed.set(key, count - 1);
    else this.#allowed.delete(key);
  }

  async #read(id, command, signal) {
    // Who was killed while it waited has left the command behind.
    const leave = () => {
      command.kill(SIGKILL);
      this.#running.delete(id);
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      const told = await command.read();
      if (told.exitCode !== undefined) this.#running.delete(id);
      return told;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }
}

class Command {
  #process;
  #waiting = [];
  #bytes = 0;
  #exitCode;
  #failure;
  #wake;

  constructor(executor, command, args, { cwd, env }) {
    this.#process = executor.spawn(command, args, {
      cwd,
      env,
      onStdout: (data) => this.#take("stdout", data),
      onStderr: (data) => this.#take("stderr", data),
    });
    const ended = Promise.resolve(this.#process.wait());
    ended.then(
      (code) => this.#end(Number.isInteger(code) ? code & 0xff : 1),
      (error) => {
        if (error?.code === "ENOENT") {
          this.#take("stderr", `${command}: command not found\n`);
          return this.#end(notFound);
        }
        this.#failure = error;
        this.#end(1);
      },
    );
  }

  async write(data) {
    await this.#process.writeStdin(data);
  }

  async close() {
    await this.#process.closeStdin();
  }

  kill(signal) {
    if (this.#exitCode === undefined) this.#process.kill(signal);
  }

  /** What has come since, or how it ended once there is nothing more. */
  async read() {
    while (this.#waiting.length === 0 && this.#exitCode === undefined) {
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
    const [channel, data] = this.#waiting.shift() ?? [];
    if (channel === undefined) {
      if (this.#failure !== undefined) throw this.#failure;
      return { exitCode: this.#exitCode };
    }
    this.#bytes -= data.length;
    if (data.length > longestPiece) {
      const rest = data.subarray(longestPiece);
      this.#waiting.unshift([channel, rest]);
      this.#bytes += rest.length;
    }
    return { [channel]: data.subarray(0, longestPiece).toString("base64") };
  }

  #take(channel, data) {
    if (this.#exitCode !== undefined) return;
    const bytes = Buffer.from(check.bytes(data, channel));
    if (bytes.length === 0) return;
    this.#waiting.push([channel, bytes]);
    this.#bytes += bytes.length;
    this.#wake?.();
    if (this.#bytes > mostWaiting) {
      this.#failure = new ToolError(`more than ${mostWaiting} bytes of output wait to be taken`);
      this.kill(SIGKILL);
      this.#end(1);
    }
  }

  #end(code) {
    this.#exitCode ??= code;
    this.#wake?.();
  }
}

module.exports = { commandExecutor, executorParts };
