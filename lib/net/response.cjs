"use strict";
// What `fetch` gives back of a response, whole or while it comes.

const { Pages } = require("../pages.cjs");

/** The parts that the head has. */
function head(response) {
  return {
    status: response.statusCode,
    statusText: response.statusMessage,
    headers: record(response.rawHeaders),
    rawHeaders: pairs(response.rawHeaders),
  };
}

/** Names and values, as they were sent. */
function pairs(flat) {
  const list = [];
  for (let at = 0; at + 1 < flat.length; at += 2) list.push([flat[at], flat[at + 1]]);
  return list;
}

/** Names in lower case, each with all its values. */
function record(flat) {
  const values = new Map();
  for (const [name, value] of pairs(flat)) {
    const key = name.toLowerCase();
    const known = values.get(key);
    values.set(key, known === undefined ? value : `${known}, ${value}`);
  }
  return Object.fromEntries(values);
}

/**
 * Resolves with the whole response. Rejects with what Node.js says of one that breaks off.
 * @param {import("node:http").IncomingMessage} response
 * @param {number} bound Bytes that its body may have.
 * @param {(used: number) => void} tooLong Is told of more, and ends it.
 */
function buffered(response, bound, tooLong) {
  return new Promise((resolve, reject) => {
    response.on("error", reject);
    const announced = Number(response.headers["content-length"]);
    if (announced > bound && response.req.method !== "HEAD") return tooLong(announced);
    // A server may send each byte as a chunk of its own.
    const pages = new Pages();
    response.on("data", (chunk) => {
      const length = pages.length + chunk.length;
      if (length > bound) tooLong(length);
      else pages.push(chunk);
    });
    // Where it was too long, that was told first.
    response.on("end", () => resolve(whole(response, pages)));
  });
}

/** Bytes of a body that is decoded whether or not somebody asks for its text. */
const short = 1 << 20;

function decoded({ buffer }) {
  return Buffer.from(buffer).toString("utf8");
}

function whole(response, pages) {
  const { length } = pages;
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const chunk = pages.shift();
    bytes.set(chunk, at);
    at += chunk.length;
  }
  const rest = { bytes, trailers: record(response.rawTrailers) };
  if (length <= short) return { ...head(response), body: decoded(bytes), ...rest };
  let text;
  return {
    ...head(response),
    // Of what is no text nobody asks.
    get body() {
      text ??= decoded(bytes);
      return text;
    },
    ...rest,
  };
}

/**
 * The response with its body as a stream, which reads as far as it is read.
 * @param {import("node:http").IncomingMessage} response
 * @param {(error: unknown) => unknown} explain
 * @param {() => void} end Is called when nothing more comes.
 */
function streamed(response, explain, end) {
  let settleTrailers;
  const trailers = new Promise((resolve, reject) => {
    settleTrailers = { resolve, reject };
  });
  // Who reads the body is told, and nobody has to ask for these.
  trailers.catch(() => {});
  const over = (error) => {
    end();
    if (error === undefined) settleTrailers.resolve(record(response.rawTrailers));
    else settleTrailers.reject(error);
  };
  const source = response[Symbol.asyncIterator]();
  const body = new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await source.next().catch((cause) => {
          const error = explain(cause);
          over(error);
          throw error;
        });
        if (!done) {
          const { buffer, byteOffset, byteLength } = value;
          return controller.enqueue(new Uint8Array(buffer, byteOffset, byteLength));
        }
        over();
        controller.close();
      },
      cancel() {
        response.destroy();
        over(explain(Object.assign(new Error("canceled"), { code: "ECONNRESET" })));
      },
    },
    { highWaterMark: 0 },
  );
  return { ...head(response), trailers, body };
}

module.exports = { buffered, streamed };
