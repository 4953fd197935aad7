"use strict";
// `POST /v1/sandboxes/<id>/exec/run`: a command to its end, in one request of HTTP.

/** Milliseconds for which it is known what a request with a key has run, and how many are. */
const keptFor = 5 * 60 * 1000;
const mostKept = 256;
/** Characters of results that are kept of one sandbox. */
const mostText = 64 * 1024 * 1024;

/** What requests with a key have run, by sandbox. @type {WeakMap<object, Map<string, { promise: Promise<object>, at: number }>>} */
const ran = new WeakMap();

/**
 * Runs what a request says; with `Idempotency-Key` once, however often that is asked for.
 * @param {import("./hosted-sandbox.cjs").HostedSandbox} hosted
 */
async function runOnce(hosted, request, response, given) {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return await runFor(hosted, response, given);
  const known = ran.get(hosted) ?? new Map();
  ran.set(hosted, known);
  forget(known);
  const before = known.get(key);
  if (before) return await before.promise;
  const promise = run(hosted, given);
  const entry = { promise, at: performance.now(), length: 0 };
  known.set(key, entry);
  const { stdout, stderr } = await promise;
  entry.length = stdout.length + stderr.length;
  forget(known);
  return await promise;
}

/** Whoever cannot come back for it and hangs up has it killed. */
async function runFor(hosted, response, given) {
  const controller = new AbortController();
  response.once("close", () => controller.abort());
  return await run(hosted, given, controller.signal);
}

async function run(hosted, given, signal) {
  const { command, ...options } = given;
  const work = hosted.sandbox.exec.run(command, { ...options, signal });
  hosted.services.metrics.observe("exec.run", work);
  return await work;
}

function forget(known) {
  const now = performance.now();
  let text = [...known.values()].reduce((sum, { length }) => sum + length, 0);
  for (const [key, { at, length }] of known) {
    if (known.size <= mostKept && now - at <= keptFor && text <= mostText) return;
    known.delete(key);
    text -= length;
  }
}

module.exports = { runOnce };
