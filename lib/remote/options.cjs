"use strict";
// The options of `Sandbox.connect`: where the server is, who asks, and what the sandbox is made with.

const { invalidType, invalidValue } = require("../errors.cjs");
const check = require("../validate.cjs");
const { refuseOthers } = require("../server/create-options.cjs");
const { moreOptions, usualOptions } = require("../server/options.cjs");

const { object, optional } = check;

const mostSeconds = Math.floor((2 ** 31 - 1) / 1000);
/** Seconds for which a connection that is lost is tried again. */
const usualReconnect = 60;

const connection = {
  token: optional((value, name) => {
    if (typeof value !== "string") throw invalidType(name, "of type string", value);
    // Without the value: it is a secret.
    if (!/^[\x21-\x7e]+$/.test(value))
      throw invalidValue(name, "must be printable ASCII without spaces");
    return value;
  }),
  sandboxId: optional((value, name) => {
    if (typeof value !== "string") throw invalidType(name, "of type string", value);
    if (!/^[\w-]{1,64}$/.test(value))
      throw invalidValue(name, "is no identifier of a sandbox", value);
    return value;
  }),
  tls: (value, name) =>
    object(value, name, {
      ca: optional(check.bytes),
      cert: optional(check.bytes),
      key: optional(check.bytes),
      servername: optional(check.cString),
      rejectUnauthorized: optional(check.boolean, true),
    }),
  reconnectSeconds: optional(check.integer(0, { maximum: mostSeconds }), usualReconnect),
};

/** The address of a server, without what is not its own. */
function serverUrl(value, name) {
  const text = check.attempt(name, () => (value instanceof URL ? value.href : value));
  if (typeof text !== "string")
    throw invalidType(name, "of type string or an instance of URL", value);
  let url;
  try {
    url = new URL(text);
  } catch {
    throw invalidValue(name, "must be an address such as 'https://sandboxes.example.org'", text);
  }
  if (!["http:", "https:"].includes(url.protocol)) {
    throw invalidValue(name, "must begin with 'http:' or 'https:'", text);
  }
  if (url.username || url.password || url.search || url.hash) {
    throw invalidValue(name, "must have neither user, query nor fragment");
  }
  url.pathname = url.pathname.replace(/\/*$/, "/");
  return url;
}

/** @returns What the connection needs, and JSON that makes the sandbox. */
function connectOptions(value) {
  if (value !== undefined && !check.isRecord(value, "options")) {
    throw invalidType("options", "an object", value);
  }
  const given = copied(value ?? {}, "options");
  const own = Object.entries(given).filter(([key]) => Object.hasOwn(connection, key));
  const rest = Object.entries(given).filter(
    ([key, option]) => !Object.hasOwn(connection, key) && option !== undefined,
  );
  const create = Object.fromEntries(rest);
  const known = [...usualOptions, ...moreOptions];
  refuseOthers(create, [...known, ...Object.keys(connection)]);
  const checked = object(Object.fromEntries(own), "options", connection);
  if (checked.sandboxId !== undefined && rest.length > 0) {
    throw invalidValue(
      `options.${rest[0][0]}`,
      "is for a sandbox that is made, and options.sandboxId names one that is there",
    );
  }
  return { ...checked, create: packed(create) };
}

/** Options of `create` as JSON has them: bytes as base64. */
function packed({ env, files, ...rest }) {
  return {
    ...asJson(rest),
    ...(env !== undefined && { env: environment(env, "options.env") }),
    ...(files !== undefined && { files: packedFiles(files) }),
  };
}

/** What JSON cannot hold is told by the name of its option. */
function asJson(options) {
  const copies = Object.entries(options).map(([key, value]) => {
    const text = check.attempt(`options.${key}`, () => JSON.stringify(value));
    return [key, text === undefined ? undefined : JSON.parse(text)];
  });
  return Object.fromEntries(copies);
}

/** Variables, checked: JSON would leave out what is wrong. */
function environment(value, name) {
  if (value === undefined) return undefined;
  const flat = check.environment(value, name);
  return Object.fromEntries(flat.flatMap((key, at) => (at % 2 === 0 ? [[key, flat[at + 1]]] : [])));
}

function packedFiles(files) {
  const entries = check.entries(files, "options.files").map(([path, file]) => {
    const name = `options.files[${JSON.stringify(path)}]`;
    if (typeof file === "string") return [path, file];
    if (!check.isPlainObject(file)) return [path, { base64: base64(file, name) }];
    const { data, ...attributes } = copied(file, name);
    return [path, { ...attributes, base64: base64(data, `${name}.data`) }];
  });
  return Object.fromEntries(entries);
}

/** What its getters give, once. */
function copied(value, name) {
  const keys = check.attempt(name, () => Object.keys(value));
  const pairs = keys.map((key) => [key, check.attempt(`${name}.${key}`, () => value[key])]);
  return Object.fromEntries(pairs);
}

function base64(data, name) {
  return Buffer.from(check.bytes(data, name)).toString("base64");
}

module.exports = { connectOptions, environment, serverUrl };
