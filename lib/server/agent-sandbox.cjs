"use strict";
// The runtime of kubernetes-sigs/agent-sandbox (examples/python-runtime-sandbox there, which its clients speak to): one sandbox
// behind a port of its own. A pod is the sandbox, and the network policy of the cluster says who reaches it: there are no tokens.

const { createServer } = require("node:http");
const { constants } = require("node:os");
const { posix } = require("node:path");
const { withResolvers } = require("../machine.cjs");
const { Sandbox } = require("../sandbox/sandbox.cjs");
const { sendJson, sendError, statusOf } = require("./answers.cjs");
const { createOptions } = require("./create-options.cjs");
const { listening } = require("./listening.cjs");
const { jsonOf, withBody } = require("./request-body.cjs");
const { addressOf } = require("./router.cjs");
const { words } = require("./words.cjs");

/** Where commands run and files are: paths of clients are below it. */
const base = "/app";
/** Milliseconds for a command, as there. */
const patience = 300_000;
/** Characters of a command: more than a program takes as arguments. Its words are found on the host's main thread. */
const longestCommand = 4 * 1024 * 1024;
/** A form of another kind has no files. */
const form = /^multipart\/form-data\s*;/i;

class AgentSandbox {
  #sandbox;
  #http;
  #parts;
  #budget;

  /**
   * Makes the sandbox and opens the port.
   * @param {import("./server.cjs").Parts} parts
   * @param {{ host: string, port: number, tenant: import("./tokens.cjs").Tenant, http: object }} settings
   */
  static async open(parts, { host, port, tenant, http }) {
    const served = new AgentSandbox(parts, tenant, http);
    served.#sandbox = await Sandbox.create({ ...createOptions({}, tenant), cwd: base });
    try {
      await listening(served.#http, port, host);
    } catch (error) {
      await served.#sandbox.kill();
      throw error;
    }
    return served;
  }

  constructor(parts, tenant, http) {
    this.#parts = parts;
    this.#budget = parts.budgets.of(tenant);
    this.#http = createServer(http, (request, response) => this.#handle(request, response));
  }

  get port() {
    return this.#http.address()?.port;
  }

  async close() {
    const closed = withResolvers();
    this.#http.close(closed.resolve);
    this.#http.closeAllConnections();
    await Promise.all([closed.promise, this.#sandbox.kill()]);
  }

  async #handle(request, response) {
    try {
      this.#parts.guard.checkOrigin(request);
      const { pathname } = addressOf(request);
      const [, name, path = ""] = /^\/([^/]*)\/?(.*)$/.exec(pathname);
      const key = `${request.method} ${name}`;
      const route = Object.hasOwn(routes, key) ? routes[key] : undefined;
      if (!route) return sendJson(response, 404, { detail: "Not Found" });
      const { sandbox, budget } = { sandbox: this.#sandbox, budget: this.#budget };
      await route({ request, response, sandbox, budget, path });
    } catch (error) {
      if (statusOf(error) === 500) this.#parts.onFailure(error);
      sendError(request, response, error);
    }
  }
}

const routes = {
  "GET ": async ({ response }) => {
    sendJson(response, 200, { status: "ok", message: "Sandbox Runtime is active." });
  },
  "POST execute": async ({ request, response, sandbox, budget }) => {
    const { command } = await withBody(request, budget, async (body) => jsonOf(body));
    if (typeof command !== "string") return sendJson(response, 422, missing("command"));
    sendJson(response, 200, await execute(sandbox, command));
  },
  "POST upload": async ({ request, response, sandbox, budget }) => {
    await withBody(request, budget, async (body) => {
      const file = await uploaded(request, body);
      if (!file) return sendJson(response, 422, missing("file"));
      const path = safePath(file.name);
      if (!path) return denied(response);
      await sandbox.files.mkdir(posix.dirname(path), { recursive: true });
      await sandbox.files.writeFile(path, new Uint8Array(await file.arrayBuffer()));
      sendJson(response, 200, { message: `File '${file.name}' uploaded successfully.` });
    });
  },
  "GET download": withPath(async ({ response, sandbox, path }) => {
    const stat = await sandbox.files.stat(path).catch(() => undefined);
    if (!stat?.isFile) return sendJson(response, 404, { message: "File not found" });
    const data = await sandbox.files.readFile(path);
    response.writeHead(200, {
      "content-type": "application/octet-stream",
      "content-length": data.length,
      "content-disposition": `attachment; filename*=utf-8''${encodeURIComponent(posix.basename(path))}`,
    });
    response.end(data);
  }),
  "GET list": withPath(async ({ response, sandbox, path }) => {
    const stat = await sandbox.files.stat(path).catch(() => undefined);
    if (!stat?.isDirectory) return sendJson(response, 404, { message: "Path is not a directory" });
    const names = await sandbox.files.readDir(path);
    const entries = await Promise.all(names.map((name) => entryOf(sandbox, path, name)));
    sendJson(response, 200, entries.filter(Boolean));
  }),
  "GET exists": withPath(async ({ response, sandbox, path, given }) => {
    sendJson(response, 200, { path: given, exists: await sandbox.files.exists(path) });
  }),
};

/** Runs the words of a line as a program, without a shell. */
async function execute({ runtime }, command) {
  try {
    if (command.length > longestCommand) throw new Error("it is too long");
    const [file, ...args] = words(command);
    if (file === undefined) throw new Error("there is no command");
    const result = await runtime.execCommand(file, args, { timeout: patience });
    const { stdout, stderr, exitCode, signal, timedOut } = result;
    if (timedOut) throw new Error(`it took longer than ${patience / 1000} seconds`);
    // As Python tells of signals.
    const number = signal && constants.signals[signal];
    return { stdout, stderr, exit_code: number ? -number : exitCode };
  } catch (error) {
    return { stdout: "", stderr: `Failed to execute command: ${error.message}`, exit_code: 1 };
  }
}

/** The field `file` of a form. */
async function uploaded({ headers }, body) {
  const type = headers["content-type"] ?? "";
  if (!form.test(type)) return undefined;
  try {
    const form = await new Response(body, { headers: { "content-type": type } }).formData();
    const file = form.get("file");
    return typeof file === "string" ? undefined : (file ?? undefined);
  } catch {
    // No form, or a broken one.
    return undefined;
  }
}

async function entryOf({ files }, folder, name) {
  // It may be gone meanwhile, or be a link that leads nowhere.
  const stat = await files.stat(posix.join(folder, name)).catch(() => undefined);
  if (!stat) return undefined;
  const type = stat.isDirectory ? "directory" : "file";
  return { name, size: stat.size, type, mod_time: stat.mtimeMs / 1000 };
}

/** A route whose address has a path below the base. */
function withPath(route) {
  return async (call) => {
    let given;
    try {
      given = decodeURIComponent(call.path);
    } catch {
      return denied(call.response);
    }
    const path = safePath(given);
    if (!path) return denied(call.response);
    await route({ ...call, path, given });
  };
}

/** A path below the base, or undefined. What links make of it stays in the machine. */
function safePath(given) {
  if (given.includes("\0")) return undefined;
  const path = posix.join(base, given.replace(/^\/+/, ""));
  return path === base || path.startsWith(`${base}/`) ? path.replace(/(?<=.)\/$/, "") : undefined;
}

function denied(response) {
  sendJson(response, 403, { message: "Access denied" });
}

/** As FastAPI says it. */
function missing(field) {
  return { detail: [{ type: "missing", loc: ["body", field], msg: "Field required" }] };
}

module.exports = { AgentSandbox };
