"use strict";
// The body of a request: bytes, or a stream that is read as far as the guest takes it.

const { invalidType } = require("../errors.cjs");

/**
 * Sends a body and ends the request.
 * @param {import("node:http").ClientRequest} request
 * @param {Uint8Array | ReadableStream | AsyncIterable<unknown> | undefined} body
 * @param {(error: unknown) => void} fail Is told what the stream fails with.
 * @returns {() => void} Has a stream given up that has not ended.
 */
function sendBody(request, body, fail) {
  if (body === undefined || body instanceof Uint8Array) {
    request.end(body);
    return () => {};
  }
  const source = pieces(body);
  let isOver = false;
  const send = async () => {
    for (;;) {
      const { done, value } = await source.next();
      if (isOver) return;
      if (done) break;
      const room = request.write(bytes(value));
      if (!room) await drained(request);
      if (isOver) return;
    }
    isOver = true;
    request.end();
  };
  send().catch((error) => {
    if (isOver) return;
    isOver = true;
    fail(error);
  });
  return () => {
    if (isOver) return;
    isOver = true;
    source.cancel();
  };
}

/** What there is of a stream, piece by piece. */
function pieces(body) {
  if (typeof body.getReader === "function") {
    const reader = body.getReader();
    return {
      next: () => reader.read(),
      cancel: () => void reader.cancel().catch(() => {}),
    };
  }
  const iterator = body[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    cancel: () => void Promise.resolve(iterator.return?.()).catch(() => {}),
  };
}

function bytes(value) {
  if (typeof value === "string") return Buffer.from(value, "utf8");
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw invalidType("options.body", "a stream of strings or bytes", value);
}

/** Resolves when there is room again, or will never be. */
function drained(request) {
  return new Promise((resolve) => {
    request.once("drain", resolve);
    request.once("close", resolve);
  });
}

module.exports = { sendBody };
