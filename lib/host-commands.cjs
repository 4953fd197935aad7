"use strict";
// Commands of a machine that functions of the host's are: a program of ours in the machine asks for one as it would call a
// tool, and carries its streams over connections to a local socket of its own.

const { Readable, Writable } = require("node:stream");
const { invalidType, invalidValue, outOfRange } = require("./errors.cjs");
const { GuestSocket } = require("./net/guest-socket.cjs");
const { reserved } = require("./tools/definitions.cjs");
const check = require("./validate.cjs");

/** What a connection says first: which stream it carries. */
const [stdin, stdout, stderr] = [0, 1, 2];

/** Longest that a timer of the host's takes: a command has no time of its own. */
const longest = 2 ** 31 - 1;

const namePattern = /^[A-Za-z0-9_[][A-Za-z0-9_.+\][-]{0,63}$/;

/** Reads a record of commands. */
function hostCommands(value, name) {
  return check.entries(value, name).map(([command, handler]) => {
    if (!namePattern.test(command)) {
      throw invalidValue(`a key of ${name}`, "must be the name of a command", command);
    }
    if (reserved.has(command)) {
      throw invalidValue(`a key of ${name}`, "is a command that programs rely on", command);
    }
    return { name: command, handler: check.callback(handler, `${name}.${command}`) };
  });
}

/** What the machine knows of a command. */
function forMachine({ name }) {
  const tool = { name: `command:${name}`, description: "", schema: "{}", examples: [] };
  return { ...tool, aliases: [name], isCommand: true };
}

/** A command as a tool of the machine's toolbox. */
function asTool({ name, handler }, machine) {
  return {
    name: `command:${name}`,
    inputSchema: { check: async (text) => checked(text) },
    handler: (input, { signal, pid }) => run(machine, handler, { ...input, signal, pid }),
    unknownFailure: "the command failed",
    timeoutMs: longest,
    isOurs: true,
  };
}

/** What comes is a guest's: it may have called as it likes. */
function checked(text) {
  const { argv, env, cwd, socket } = JSON.parse(text);
  const isText = (value) => typeof value === "string";
  const isRecord = typeof env === "object" && env !== null && Object.values(env).every(isText);
  const isRight = Array.isArray(argv) && argv.every(isText) && isRecord && isText(cwd);
  if (!isRight || !/^secure-exec-[0-9a-f]{32}$/.test(socket)) return { wrong: "no command line" };
  return { value: { argv, env, cwd, socket } };
}

async function run(machine, handler, { argv, env, cwd, socket, signal, pid }) {
  const connect = (kind) => {
    const target = { path: `\0${socket}` };
    const connection = new GuestSocket(machine, target, {
      allowHalfOpen: true,
      explain: (error) => error,
    });
    connection.unref();
    connection.write(Uint8Array.of(kind));
    return connection;
  };
  const input = inputOf(() => connect(stdin));
  const outputs = [stdout, stderr].map((kind) => outputTo(() => connect(kind)));
  const abort = () => {
    for (const stream of [input, ...outputs]) stream.destroy(signal.reason);
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    const [out, err] = outputs;
    const told = await handler({
      argv,
      env,
      cwd,
      stdin: input,
      stdout: out,
      stderr: err,
      signal,
      pid,
    });
    const status = statusOf(told);
    await Promise.all(outputs.map(finished));
    return status;
  } finally {
    signal.removeEventListener("abort", abort);
    for (const stream of [input, ...outputs]) stream.destroy();
  }
}

function statusOf(told) {
  if (told === undefined) return 0;
  if (typeof told !== "number") throw invalidType("status", "of type number", told);
  if (!Number.isInteger(told) || told < 0 || told > 255) {
    throw outOfRange("status", ">= 0 && <= 255", told);
  }
  return told;
}

/** Resolves when the guest has taken everything, or cannot any more. */
function finished(output) {
  if (output.destroyed) return undefined;
  return new Promise((resolve) => {
    output.once("close", resolve);
    output.end();
  });
}

/** Standard input: nothing is read of the guest's before this is. */
function inputOf(connect) {
  let connection;
  const stream = new Readable({
    highWaterMark: 64 * 1024,
    read() {
      if (!connection) {
        connection = connect();
        connection.on("data", (chunk) => {
          if (!stream.push(chunk)) connection.pause();
        });
        connection.on("end", () => stream.push(null));
        connection.on("error", (error) => stream.destroy(error));
      }
      connection.resume();
    },
    destroy(error, done) {
      connection?.destroy();
      done(error);
    },
  });
  // What nobody listens for must not end the host.
  stream.on("error", () => {});
  return stream;
}

/** Standard output or error: the connection is made for the first bytes. It closes when the guest has written all of them. */
function outputTo(connect) {
  let connection;
  let waiting;
  const settle = (error) => {
    const done = waiting;
    waiting = undefined;
    done?.(error);
  };
  const open = () => {
    if (connection) return connection;
    connection = connect();
    connection.on("error", (error) => stream.destroy(error));
    connection.resume();
    connection.on("end", () => {
      if (!stream.writableEnded) stream.destroy(brokenPipe());
    });
    return connection;
  };
  const stream = new Writable({
    highWaterMark: 64 * 1024,
    write(chunk, _encoding, done) {
      if (open().write(chunk)) return done();
      waiting = done;
      connection.once("drain", () => settle());
    },
    final(done) {
      if (!connection) return done();
      waiting = done;
      connection.once("end", () => settle());
      connection.end();
    },
    destroy(error, done) {
      connection?.destroy();
      done(error);
      // Whoever waits for a write is told, too.
      settle(error ?? brokenPipe());
    },
  });
  stream.on("error", () => {});
  return stream;
}

function brokenPipe() {
  return Object.assign(new Error("write EPIPE"), { code: "EPIPE", errno: -32, syscall: "write" });
}

module.exports = { asTool, forMachine, hostCommands };
