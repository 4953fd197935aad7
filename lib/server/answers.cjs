"use strict";
// Answers of HTTP: JSON, errors with their status, bytes.

const { Readable } = require("node:stream");
const { pipeline } = require("node:stream/promises");
const { packFailure, remoteError } = require("../wire/failures.cjs");
const { isOurs } = require("../errors.cjs");

/** The status of an error of the API, by its code. */
const statuses = {
  EACCES: 403,
  EEXIST: 409,
  ENOENT: 404,
  ENOTEMPTY: 409,
  ERR_BODY_TOO_LARGE: 413,
  ERR_CANCELLED: 499,
  ERR_FORBIDDEN_ORIGIN: 403,
  ERR_INVALID_ARG_TYPE: 400,
  ERR_INVALID_ARG_VALUE: 400,
  ERR_METHOD_NOT_ALLOWED: 405,
  ERR_NOT_FOUND: 404,
  ERR_OUT_OF_RANGE: 400,
  ERR_REQUEST_TIMEOUT: 408,
  ERR_SANDBOX_NOT_FOUND: 404,
  ERR_SERVER: 500,
  ERR_SERVER_BUSY: 503,
  ERR_SERVER_DRAINING: 503,
  ERR_SESSION_EXISTS: 409,
  ERR_SESSION_NOT_FOUND: 404,
  ERR_TOO_MANY_SANDBOXES: 429,
  ERR_UNAUTHORIZED: 401,
  ERR_UNKNOWN_SIGNAL: 400,
  ERR_VM_START: 503,
};
/** What is wrong with the machine, or with what was asked of it, not with the request. */
const otherStatus = 422;
/** Milliseconds in which something of an answer must be taken. */
const patience = 30_000;
const again = { "retry-after": "1" };
/** No answer is a page, and none is kept. */
const always = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

function sendJson(response, status, value, headers = {}) {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  send(response, status, body, { "content-type": "application/json; charset=utf-8", ...headers });
}

function sendText(response, status, text, type = "text/plain; charset=utf-8") {
  send(response, status, Buffer.from(text), { "content-type": type });
}

function sendBytes(response, data) {
  send(response, 200, data, { "content-type": "application/octet-stream" });
}

/** Sends what comes as it comes; a connection that breaks off says that it was not all. @param {AsyncIterable<Uint8Array>} pieces */
async function sendStream(response, pieces, type) {
  response.setTimeout(patience, () => response.destroy());
  response.writeHead(200, { ...always, "content-type": type });
  try {
    await pipeline(Readable.from(pieces, { objectMode: false }), response);
  } catch (error) {
    // Whoever has hung up hears of nothing.
    if (error.code !== "ERR_STREAM_PREMATURE_CLOSE" && error.name !== "AbortError") throw error;
  }
}

function sendNothing(response) {
  response.writeHead(204, always);
  response.end();
}

function send(response, status, body, headers) {
  // Who does not take it for so long is gone.
  response.setTimeout(patience, () => response.destroy());
  response.writeHead(status, { ...always, ...headers, "content-length": body.length });
  response.end(body);
}

/** Tells an error. Whoever sends a body still is not listened to: the connection ends. */
function sendError(request, response, error) {
  if (response.headersSent) return response.destroy();
  const packed = packFailure(error);
  const status = statusOf(error);
  const headers = {
    ...(status === 401 && { "www-authenticate": 'Bearer realm="secure-exec"' }),
    ...((status === 503 || status === 429) && again),
    ...(!request.complete && { connection: "close" }),
  };
  sendJson(response, status, { error: packed }, headers);
}

function statusOf(error) {
  if (!isOurs(error) && error?.code !== "ERR_UNKNOWN_SIGNAL") return 500;
  return statuses[error.code] ?? otherStatus;
}

function notFound(path) {
  const message = `There is nothing at ${JSON.stringify(path.slice(0, 200))}: docs/server.md lists what is`;
  return remoteError("ERR_NOT_FOUND", message);
}

function unauthorized() {
  const message =
    "This server knows no such token: show one as 'Authorization: Bearer <token>', or by the option token of Sandbox.connect";
  return remoteError("ERR_UNAUTHORIZED", message);
}

function forbiddenOrigin(origin) {
  const message = `Pages of ${JSON.stringify(String(origin).slice(0, 200))} may not use this server: its option allowedOrigins names those that may`;
  return remoteError("ERR_FORBIDDEN_ORIGIN", message);
}

module.exports = {
  forbiddenOrigin,
  notFound,
  sendBytes,
  sendError,
  sendJson,
  sendNothing,
  sendStream,
  sendText,
  statusOf,
  unauthorized,
};
