"use strict";
// Requests of HTTP to a server of sandboxes.

const http = require("node:http");
const https = require("node:https");
const { withResolvers } = require("../machine.cjs");
const { remoteError, unpackFailure } = require("../wire/failures.cjs");

/** Bytes of an answer: they are short. */
const longestAnswer = 1024 * 1024;
/** Milliseconds for an answer. Making a sandbox takes a fraction of a second. */
const patience = 60_000;

/** What TLS is told, without what is not given. */
function tlsOptions(tls) {
  return Object.fromEntries(
    Object.entries(tls)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, value instanceof Uint8Array ? Buffer.from(value) : value]),
  );
}

/**
 * @param {URL} url
 * @param {{ method: string, token?: string, tls: object, headers?: Record<string, string>, body?: object }} settings
 * @returns {Promise<any>} JSON of the answer; rejects with the error that the server tells of.
 */
function request(url, { method, token, tls, headers, body }) {
  const { promise, resolve, reject } = withResolvers();
  const data = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const { request: open } = url.protocol === "https:" ? https : http;
  const asked = open(url, {
    method,
    ...tlsOptions(tls),
    // No pool: a connection that waits for another request would keep servers from ending.
    agent: false,
    timeout: patience,
    headers: {
      ...headers,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(data && { "content-type": "application/json", "content-length": data.length }),
    },
  });
  asked.once("timeout", () => asked.destroy(new Error("no answer in time")));
  asked.once("error", (error) => reject(unreachable(url, error)));
  asked.once("response", async (response) => {
    try {
      resolve(await answerOf(response));
    } catch (error) {
      reject(error.code === "ECONNRESET" ? unreachable(url, error) : error);
    }
  });
  asked.end(data);
  return promise;
}

/** JSON of an answer, or the error that it is. */
async function answerOf(response) {
  const pieces = [];
  let length = 0;
  for await (const piece of response) {
    length += piece.length;
    if (length > longestAnswer)
      throw remoteError("ERR_SERVER", "The answer of the server is too long");
    pieces.push(piece);
  }
  const { statusCode: status } = response;
  const text = Buffer.concat(pieces).toString("utf8");
  const value = parsed(text);
  if (status >= 200 && status < 300) return value;
  if (value?.error) throw unpackFailure(value.error);
  throw remoteError("ERR_SERVER", `The server answers with status ${status}`);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The server cannot be reached, or the connection broke off. */
function unreachable(url, cause) {
  const reason = cause.code ?? cause.message;
  const error = remoteError(
    "ERR_CONNECTION_LOST",
    `The server at ${url.origin} cannot be reached: ${reason}`,
  );
  return Object.assign(error, { cause });
}

module.exports = { answerOf, request, tlsOptions, unreachable };
