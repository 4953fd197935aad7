"use strict";
// Requests of HTTP: what is at which address.

const { invalidValue } = require("../errors.cjs");
const { remoteError } = require("../wire/failures.cjs");
const answers = require("./answers.cjs");
const { runOnce } = require("./http-run.cjs");
const { jsonOf, withBody } = require("./request-body.cjs");

const { sendBytes, sendError, sendJson, sendNothing, sendText } = answers;

/** Methods of files that take JSON, at `/files/<name>`, and what of it they take. */
const fileMethods = {
  chmod: ["path", "mode"],
  cp: ["from", "to", "options"],
  exists: ["path", "options"],
  mkdir: ["path", "options"],
  readDir: ["path", "options"],
  readDirWithTypes: ["path", "options"],
  remove: ["path", "options"],
  rename: ["from", "to"],
  stat: ["path", "options"],
  symlink: ["target", "path"],
};

class Router {
  #server;

  /** @param {import("./server.cjs").Parts} server */
  constructor(server) {
    this.#server = server;
  }

  /** Answers a request, whatever it is. */
  async handle(request, response) {
    try {
      await this.#handle(request, response);
    } catch (error) {
      const { metrics, onFailure } = this.#server;
      const status = answers.statusOf(error);
      if (status === 500) onFailure(error);
      else if (status === 400 || status === 413 || status === 408) metrics.rejected("request");
      sendError(request, response, error);
    }
  }

  async #handle(request, response) {
    const { handlers, guard } = this.#server;
    const url = addressOf(request);
    const path = url.pathname;
    if (path === "/healthz") return sendText(response, 200, "ok\n");
    if (path === "/readyz") return this.#ready(response);
    guard.checkOrigin(request);
    const own = handlers.find(({ prefix }) => path.startsWith(prefix));
    if (own) return await own.handle(request, response);
    const tenant = guard.tenantOf(request);
    if (path === "/metrics") return this.#metrics(request, response);
    const segments = path.split("/").slice(1);
    if (segments[0] !== "v1" || segments[1] !== "sandboxes") throw answers.notFound(path);
    await this.#sandboxes(request, response, { tenant, url, rest: segments.slice(2) });
  }

  #ready(response) {
    const { sandboxes } = this.#server;
    if (sandboxes.isDraining) return sendText(response, 503, "draining\n");
    return sendText(response, 200, "ready\n");
  }

  #metrics(request, response) {
    only(request, "GET");
    const { metrics, sandboxes } = this.#server;
    const { size, sessions, isDraining } = sandboxes;
    const text = metrics.text({ sandboxes: size, sessions, isDraining });
    sendText(response, 200, text, "text/plain; version=0.0.4; charset=utf-8");
  }

  async #sandboxes(request, response, { tenant, url, rest }) {
    const { sandboxes } = this.#server;
    const [id, ...further] = rest;
    if (id === undefined) {
      if (request.method === "GET") {
        const described = sandboxes.of(tenant).map((hosted) => hosted.describe());
        return sendJson(response, 200, { sandboxes: described });
      }
      only(request, "POST");
      return await this.#create(request, response, tenant);
    }
    const hosted = sandboxes.get(tenant, id);
    hosted.touch();
    if (further.length > 0) {
      if (!hosted.admit(response)) {
        throw remoteError("ERR_SERVER_BUSY", "Too many requests of this sandbox are in progress");
      }
      const work = this.#inSandbox(request, response, { hosted, url, rest: further });
      hosted.holdWhile(work);
      return await work;
    }
    if (request.method === "GET") return sendJson(response, 200, hosted.describe());
    only(request, "DELETE");
    await hosted.kill("killed");
    sendNothing(response);
  }

  async #create(request, response, tenant) {
    const { sandboxes } = this.#server;
    const key = request.headers["idempotency-key"];
    const given = await this.#json(request, tenant);
    for (const name of Object.keys(given)) {
      if (name !== "options") throw invalidValue(`body.${name}`, "is not known. Known is options");
    }
    const hosted = await sandboxes.create(tenant, given.options, key);
    sendJson(response, 201, hosted.describe(), { location: `/v1/sandboxes/${hosted.id}` });
  }

  async #inSandbox(request, response, { hosted, url, rest }) {
    const [area, name, ...more] = rest;
    if (more.length === 0 && area === "exec" && name === undefined) {
      only(request, "GET");
      return sendJson(response, 200, { sessions: await hosted.sandbox.exec.list() });
    }
    if (more.length === 0 && area === "exec" && name === "run") {
      only(request, "POST");
      // Its input is held until the end.
      const run = (given) => runOnce(hosted, request, response, given);
      return sendJson(response, 200, await this.#withJson(request, hosted, run));
    }
    if (area === "files" && name === undefined)
      return await this.#file(request, response, hosted, url);
    if (more.length === 0 && area === "files" && name === "archive")
      return await this.#archive(request, response, hosted, url);
    if (more.length === 0 && area === "files" && Object.hasOwn(fileMethods, name)) {
      only(request, "POST");
      const given = await this.#json(request, hosted);
      const known = fileMethods[name];
      for (const key of Object.keys(given)) {
        if (!known.includes(key))
          throw invalidValue(`body.${key}`, `is not known. Known are ${known.join(", ")}`);
      }
      const args = known.map((key) => given[key]);
      // Of those that take none nothing is said of a last one that is not there.
      if (args.at(-1) === undefined) args.pop();
      const value = await hosted.sandbox.files[name](...args);
      return sendJson(response, 200, { value: value ?? null });
    }
    throw answers.notFound(url.pathname);
  }

  /** The bytes of a file, at `/files?path=<path>`. */
  async #file(request, response, hosted, url) {
    const { sandbox } = hosted;
    const path = pathOf(url);
    const { metrics, budgets } = this.#server;
    if (request.method === "GET") {
      const data = await sandbox.files.readFile(path);
      metrics.sent(data.length);
      return sendBytes(response, Buffer.from(data.buffer, data.byteOffset, data.length));
    }
    if (request.method === "DELETE") {
      const flag = (name) => url.searchParams.get(name) === "true";
      await sandbox.files.remove(path, { recursive: flag("recursive"), force: flag("force") });
      return sendNothing(response);
    }
    only(request, "PUT");
    const method = url.searchParams.get("append") === "true" ? "appendFile" : "writeFile";
    await withBody(request, budgets.of(hosted), async (data) => {
      metrics.received(data.length);
      await sandbox.files[method](path, data);
    });
    sendNothing(response);
  }

  /** A directory as a tar, at `/files/archive?path=<path>`. A connection that breaks off says that it is not whole. */
  async #archive(request, response, { sandbox }, url) {
    only(request, "GET");
    const path = pathOf(url);
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const archive = await sandbox.files.download(path, { signal: gone.signal });
    await answers.sendStream(response, this.#counted(archive), "application/x-tar");
  }

  async *#counted(pieces) {
    for await (const piece of pieces) {
      this.#server.metrics.sent(piece.length);
      yield piece;
    }
  }

  /** What a request says as JSON. It is not counted any more when that has been read. */
  async #json(request, owner) {
    return await this.#withJson(request, owner, async (given) => given);
  }

  /** Uses JSON of a request, which is counted meanwhile. */
  async #withJson(request, owner, use) {
    const type = request.headers["content-type"] ?? "application/json";
    // A form of another page's must not pass for it.
    if (!/^application\/json\s*(?:;|$)/i.test(type)) {
      throw invalidValue("content-type", "must be application/json", type);
    }
    const { metrics, budgets } = this.#server;
    return await withBody(request, budgets.of(owner), async (body) => {
      metrics.received(body.length);
      return await use(jsonOf(body));
    });
  }
}

function addressOf({ url }) {
  try {
    return new URL(url, "http://server");
  } catch {
    throw invalidValue("address", "is none");
  }
}

function pathOf({ searchParams }) {
  const path = searchParams.get("path");
  if (path === null) throw invalidValue("path", "must be in the address, as ?path=/workspace/file");
  return path;
}

function only({ method }, allowed) {
  if (method === allowed) return;
  throw remoteError("ERR_METHOD_NOT_ALLOWED", `This takes ${allowed}, not ${method}`);
}

module.exports = { Router, addressOf };
