"use strict";
// What clients can call of a sandbox, by name.

const { invalidValue, isOurs } = require("../errors.cjs");
const check = require("../validate.cjs");
const { commandOf } = require("../sandbox/exec.cjs");
const { remoteError } = require("../wire/failures.cjs");
const { fileMethods } = require("./file-methods.cjs");
const { OutputFeed } = require("./output-feed.cjs");
const { SessionStream } = require("./session-stream.cjs");
const { terminalMethods } = require("./terminal-methods.cjs");

/**
 * @typedef {object} Call
 * @property {import("./hosted-sandbox.cjs").HostedSandbox} hosted
 * @property {import("./operation.cjs").Operation} operation
 * @property {Record<string, any>} params
 * @property {Buffer | undefined} body
 * @property {(id: number) => import("./operation.cjs").Operation | undefined} operationOf Others of the same client.
 */

/** Does what was asked for and tells the operation. @type {Record<string, (call: Call) => Promise<void>>} */
const methods = {
  "exec.run": async ({ hosted, operation, params, body }) => {
    const { command, hears, ...options } = params;
    const callbacks = await fedBy(operation, hears);
    const { signal } = operation;
    const given = { ...options, ...withInput(body), ...callbacks, signal };
    told(operation, await hosted.sandbox.exec.run(command, given));
  },
  "exec.start": async ({ hosted, operation, params }) => {
    const { command, hears, ...options } = params;
    const session = await hosted.sandbox.exec.start(command, options);
    const started = commandOf(hosted.sandbox.exec, session.sessionId);
    hosted.sessionRuns(started.done);
    await follow(operation, started, { hears: Boolean(hears), replays: false });
    // What it has written meanwhile was kept.
    session.close();
  },
  "exec.attach": async ({ hosted, operation, params }) => {
    const command = commandOf(hosted.sandbox.exec, check.text(params.sessionId, "sessionId"));
    await command.started;
    await follow(operation, command, { hears: Boolean(params.hears), replays: true });
  },
  "exec.list": async ({ hosted, operation }) => {
    operation.answer(await hosted.sandbox.exec.list());
  },
  "session.write": async (call) => {
    await sessionOf(call).sendStdin(call.body ?? "");
    call.operation.answer(null);
  },
  "session.closeStdin": async (call) => {
    sessionOf(call).closeStdin();
    call.operation.answer(null);
  },
  "session.kill": async (call) => {
    await sessionOf(call).kill(call.params.signal);
    call.operation.answer(null);
  },
  "exec.shell": async ({ hosted, operation, params }) => {
    const { hears, ...options } = params;
    const given = { ...options, ...(await fedBy(operation, hears)) };
    const shell = await hosted.sandbox.exec.shell(given);
    operation.handle = { shell };
    operation.release = () => shell.close();
    operation.answer({ sessionId: shell.sessionId, cwd: shell.cwd }, [], { goesOn: true });
  },
  "shell.run": async (call) => {
    const { operation, body } = call;
    const { shell, command, hears, ...options } = call.params;
    const { signal } = operation;
    const callbacks = await fedBy(operation, hears);
    const given = { ...options, ...withInput(body), ...callbacks, signal };
    const result = await handleOf(call, shell, "shell").run(command, given);
    told(operation, result);
  },
  "shell.close": async (call) => {
    await handleOf(call, call.params.shell, "shell").close();
    call.operation.answer(null);
  },
  "sandbox.kill": async ({ hosted, operation }) => {
    await hosted.kill("killed");
    operation.answer(null);
  },
};

Object.assign(methods, fileMethods, terminalMethods(fedBy, handleOf));

/** Calls a method; what goes wrong is the operation's. */
async function perform(call, onFailure) {
  const { operation } = call;
  try {
    const method = Object.hasOwn(methods, operation.method) ? methods[operation.method] : undefined;
    if (!method) throw invalidValue("method", "is not known", String(operation.method));
    await method(call);
  } catch (error) {
    const { aborted, reason } = operation.signal;
    if (aborted && error === reason)
      return operation.fail(remoteError("ERR_CANCELLED", "Given up"));
    if (!isOurs(error)) onFailure(error);
    operation.fail(error);
  }
}

/** Standard input of a command: a body, which may be empty. */
function withInput(body) {
  return body === undefined ? {} : { stdin: body };
}

/** Tells a session that has been started or found, and what it writes. */
async function follow(operation, command, wants) {
  operation.answer({ sessionId: command.id }, [], { goesOn: true });
  await operation.streamTo(new SessionStream(operation, command, wants));
}

/** Callbacks that show output to the client, and keep it while that is away. @param {string[]} [hears] */
async function fedBy(operation, hears) {
  if (!hears) return {};
  const names = check.list(check.oneOf("onStdout", "onStderr"))(hears, "hears");
  const feed = new OutputFeed();
  let window;
  await operation.streamTo({
    open: (from) => {
      const send = (...piece) => operation.outlet?.output(operation.id, ...piece);
      window = feed.open(send, from, (lost) => operation.event({ event: "gap", bytes: lost }));
    },
    close: () => feed.close(),
    taken: (offset) => window?.taken(offset),
    get keptBytes() {
      return feed.keptBytes;
    },
    drop: () => feed.drop(),
  });
  return Object.fromEntries(names.map((name) => [name, (data) => feed.push(name, data)]));
}

/** A result whose texts travel as bytes: those may be long. */
function told(operation, { stdout, stderr, ...result }) {
  operation.answer(result, [Buffer.from(stdout), Buffer.from(stderr)]);
}

function sessionOf(call) {
  return handleOf(call, call.params.session, "session");
}

function handleOf({ operationOf }, id, kind) {
  const handle = operationOf(id)?.handle;
  if (handle && kind in handle) return handle[kind];
  throw invalidValue(kind, "must be the number of a request that has made one");
}

module.exports = { methods, perform };
