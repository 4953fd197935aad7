"use strict";
// The options of what the host does with a machine's network.

const { invalidType, invalidValue } = require("../errors.cjs");
const check = require("../validate.cjs");

const { integer, object, optional } = check;

const port = integer(1, { maximum: 65_535 });

/** A port, or the path of a local socket. */
function target(value, name) {
  if (typeof value === "number") return { port: port(value, name) };
  // Not every text that is none is meant as a path: it may be a URL, or a port.
  if (typeof value === "string" && !value.startsWith("/")) {
    throw invalidValue(
      name,
      "must be a number, the port, or the absolute path of a local socket",
      value,
    );
  }
  if (typeof value === "string") return { path: check.absolutePath(value, name) };
  throw invalidType(name, "a port, or the path of a local socket", value);
}

function connectOptions(value) {
  return object(value, "options", {
    allowHalfOpen: optional(check.boolean, false),
    signal: optional(check.abortSignal),
  });
}

/** What `findListener` and `waitForListener` look for. */
function listenerQuery(value) {
  const query = object(value, "query", {
    port: optional(port),
    path: optional(check.absolutePath),
    host: optional(check.program),
    processId: optional(integer(1)),
  });
  if (query.port === undefined && query.path === undefined && query.processId === undefined) {
    throw invalidValue("query", "must have at least one of port, path and processId");
  }
  return query;
}

function waitOptions(value) {
  return object(value, "options", {
    timeoutMs: optional(check.milliseconds, 10_000),
    signal: optional(check.abortSignal),
  });
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function method(value, name) {
  const text = check.text(value, name);
  if (!token.test(text)) throw invalidValue(name, "must be a method of HTTP", value);
  if (text.toUpperCase() === "CONNECT") {
    throw invalidValue(name, "must not be CONNECT, which makes a tunnel: use connect");
  }
  return text;
}

function requestPath(value, name) {
  const text = check.text(value, name);
  if (!text.startsWith("/") && text !== "*") {
    throw invalidValue(name, "must begin with a slash", value);
  }
  return text;
}

/** Pairs of a record, of a list of pairs or of a `Headers`. */
function headers(value, name) {
  const isList = typeof value?.[Symbol.iterator] === "function" && typeof value !== "string";
  const pairs = isList ? [...value] : check.entries(value, name);
  return pairs.flatMap((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw invalidType(name, "a record, or a list of names and values", value);
    }
    const [key, given] = pair;
    const values = Array.isArray(given) ? given : [given];
    return values.map((one) => header(key, one, name));
  });
}

function header(key, value, name) {
  if (typeof key !== "string" || !token.test(key)) {
    throw invalidValue(`${name}`, "has a name that is none", key);
  }
  const path = `${name}.${key}`;
  if (typeof value === "number") return [key, String(value)];
  if (typeof value !== "string") throw invalidType(path, "of type string", value);
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw invalidValue(path, "must not have characters that no header can have");
  }
  return [key, value];
}

/** Bytes that are there, or a stream of them. */
function body(value, name) {
  if (value === null) return undefined;
  if (typeof value === "string") return check.bytes(value, name);
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    return check.bytes(new Uint8Array(buffer, byteOffset, byteLength), name);
  }
  if (value instanceof ArrayBuffer) return check.bytes(new Uint8Array(value), name);
  if (typeof value?.getReader === "function") return value;
  if (typeof value?.[Symbol.asyncIterator] === "function") return value;
  throw invalidType(name, "a string, bytes or a stream of bytes", value);
}

function fetchOptions(value) {
  return object(value, "options", {
    method: optional(method, "GET"),
    path: optional(requestPath, "/"),
    headers: optional(headers, []),
    body: optional(body),
    stream: optional(check.boolean, false),
    signal: optional(check.abortSignal),
    timeout: optional(check.milliseconds),
  });
}

function exposeOptions(value) {
  return object(value, "options", {
    hostPort: optional(integer(0, { maximum: 65_535 }), 0),
    host: optional(check.program, "127.0.0.1"),
  });
}

module.exports = {
  connectOptions,
  exposeOptions,
  fetchOptions,
  listenerQuery,
  port,
  target,
  waitOptions,
};
