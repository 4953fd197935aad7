"use strict";
// The body of a request of HTTP, within bounds.

const { invalidType, invalidValue } = require("../errors.cjs");
const { remoteError } = require("../wire/failures.cjs");
const check = require("../validate.cjs");

/** Bytes that are asked for at a time where a client does not say how many it sends. */
const step = 64 * 1024;

/**
 * Reads all of it. It counts in the budget until `use` has settled.
 * @template T
 * @param {import("node:http").IncomingMessage} request
 * @param {import("./body-budget.cjs").Budget} budget
 * @param {(body: Buffer) => Promise<T>} use
 * @returns {Promise<T>}
 */
async function withBody(request, budget, use) {
  const encoding = request.headers["content-encoding"] ?? "identity";
  // Nothing is unpacked: few bytes may be many.
  if (encoding !== "identity") {
    throw invalidValue(
      "content-encoding",
      "must be absent: bodies are taken as they are",
      encoding,
    );
  }
  const said = Number(request.headers["content-length"] ?? 0);
  let taken = 0;
  const take = (bytes) => {
    const refusal = budget.take(bytes);
    if (refusal) throw refusal;
    taken += bytes;
  };
  try {
    take(said);
    const pieces = [];
    let length = 0;
    for await (const piece of request) {
      length += piece.length;
      while (length > taken) take(step);
      // Where nothing was said the sum is what counts, not the step.
      if (length > budget.most) throw budget.tooLarge(length);
      pieces.push(piece);
    }
    return await use(Buffer.concat(pieces));
  } catch (error) {
    if (error?.code === "ECONNRESET")
      throw remoteError("ERR_REQUEST_TIMEOUT", "The request broke off");
    throw error;
  } finally {
    budget.giveBack(taken);
  }
}

/** JSON of a body; none is an empty object. */
function jsonOf(body) {
  if (body.length === 0) return {};
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw invalidValue("body", "must be JSON in UTF-8");
  }
  if (!check.isPlainObject(value)) throw invalidType("body", "an object", value);
  return value;
}

module.exports = { jsonOf, withBody };
