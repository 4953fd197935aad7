"use strict";
// The options of a server, and what each of its tokens may.

const { invalidType, invalidValue } = require("../errors.cjs");
const { table } = require("../limits.cjs");
const check = require("../validate.cjs");

const { integer, object, optional } = check;

const mebibyte = 2 ** 20;
/** What a timer of the host takes, in seconds. */
const mostSeconds = Math.floor((2 ** 31 - 1) / 1000);
const seconds = integer(1, { maximum: mostSeconds });

/** What clients may say of a sandbox where nothing else is said, and what a token may be allowed beside. */
const usualOptions = ["cwd", "env", "files", "limits"];
const moreOptions = ["jsRuntime"];
/** A token that is shorter can be guessed. */
const shortestToken = 16;
const longestToken = 4096;

/** Characters that a header and, as base64url, the name of a subprotocol can carry. */
function token(value, name) {
  if (typeof value !== "string") throw invalidType(name, "of type string", value);
  if (
    value.length < shortestToken ||
    value.length > longestToken ||
    !/^[\x21-\x7e]+$/.test(value)
  ) {
    // Without the value: it is a secret.
    const range = `${shortestToken} to ${longestToken}`;
    throw invalidValue(name, `must be ${range} printable characters of ASCII without spaces`);
  }
  return value;
}

function allowed(value, name) {
  const names = check.list(check.oneOf(...usualOptions, ...moreOptions))(value, name);
  return [...usualOptions, ...names];
}

/** The most that clients may ask for, by path as `limits.resources.maxMemoryBytes`. */
function limits(value, name) {
  const given = object(value, name, groups());
  const most = {};
  for (const { path, default: usual } of table()) {
    const [, group, limit] = path.split(".");
    most[path] = given[group]?.[limit] ?? usual ?? Number.POSITIVE_INFINITY;
  }
  return most;
}

function groups() {
  const found = {};
  for (const { path, least, most, infinite } of table()) {
    const [, group, name] = path.split(".");
    found[group] ??= {};
    found[group][name] = optional(integer(least, { maximum: most ?? undefined, infinite }));
  }
  return Object.fromEntries(
    Object.entries(found).map(([group, names]) => [
      group,
      optional((part, path) => object(part, path, names)),
    ]),
  );
}

/** A token by itself, or with what it may. */
function tokenRule(value, name) {
  if (typeof value === "string") return tokenRule({ token: value }, name);
  return object(value, name, {
    token: (part, path) => token(part, path === `${name}.token` ? path : name),
    name: optional((part, path) => {
      if (typeof part !== "string" || !/^[\w.-]{1,64}$/.test(part)) {
        throw invalidValue(path, "must be 1 to 64 letters, digits, '_', '.' or '-'", part);
      }
      return part;
    }),
    maxSandboxes: optional(integer(1)),
    limits,
    allow: optional(allowed, usualOptions),
  });
}

function tokenRules(value, name) {
  const rules = check.list(tokenRule)(value, name);
  const named = rules.map((rule, index) => ({ ...rule, name: rule.name ?? `token-${index + 1}` }));
  for (const key of ["name", "token"]) {
    const values = new Set(named.map((rule) => rule[key]));
    if (values.size < named.length) throw invalidValue(name, `has two of the same ${key}`);
  }
  return named;
}

function tls(value, name) {
  return object(value, name, { cert: check.bytes, key: check.bytes });
}

function handlers(value, name) {
  return check.list((part, path) =>
    object(part, path, {
      prefix: check.absolutePath,
      handle: check.callback,
    }),
  )(value, name);
}

function origin(value, name) {
  const parsed = URL.parse?.(value) ?? parsedUrl(value);
  if (!parsed || parsed.origin !== value) {
    throw invalidValue(name, "must be an origin such as 'https://example.org'", value);
  }
  return value;
}

function parsedUrl(value) {
  try {
    return new URL(value);
  } catch {
    return undefined;
  }
}

const loopback = /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/;

/** Options of `createSandboxServer`. */
function serverOptions(value) {
  const given = object(value, "options", {
    host: optional(check.program, "127.0.0.1"),
    port: optional(integer(0, { maximum: 65_535 }), 8787),
    tokens: optional(tokenRules, []),
    noAuth: optional(check.boolean, false),
    limits,
    allow: optional(allowed, usualOptions),
    tls: optional(tls),
    maxSandboxes: optional(integer(1), 16),
    maxBodyBytes: optional(integer(1024, { maximum: 1024 * mebibyte }), 64 * mebibyte),
    idleSeconds: optional(seconds, 600),
    lifetimeSeconds: optional(seconds, 24 * 3600),
    drainSeconds: optional(integer(0, { maximum: mostSeconds }), 30),
    allowedOrigins: optional(check.list(origin), []),
    agentSandboxPort: optional(integer(0, { maximum: 65_535 })),
    handlers: optional(handlers, []),
    onLog: optional(check.callback),
  });
  if (given.noAuth && given.tokens.length > 0) {
    throw invalidValue("options.noAuth", "contradicts options.tokens: give one of them");
  }
  if (given.noAuth && !loopback.test(given.host)) {
    throw invalidValue(
      "options.noAuth",
      `is for a host that only this machine reaches, such as 127.0.0.1, not ${given.host}`,
    );
  }
  if (!given.noAuth && given.tokens.length === 0) {
    throw invalidValue(
      "options.tokens",
      "must name a token that clients have to show; options.noAuth lets everybody in",
    );
  }
  return given;
}

module.exports = { loopback, moreOptions, serverOptions, usualOptions };
