"use strict";
// A command or a line at the other end that a call waits for: its output, its abort, its result.

const { warnOfGap } = require("./gap.cjs");
const { OutputListener } = require("./output-listener.cjs");

/**
 * @param {import("./link.cjs").Link} link
 * @param {string} method
 * @param {object} params
 * @param {{ signal?: AbortSignal, timeout: number, stdin?: Uint8Array, onStdout?: Function, onStderr?: Function }} options Milliseconds.
 * @returns {Promise<object>} The result, with its texts.
 */
async function awaited(link, method, params, { signal, timeout, stdin, ...callbacks }) {
  signal?.throwIfAborted();
  const deadline = performance.now() + timeout;
  let request;
  const cancel = () => link.cancel(request);
  const listener = new OutputListener(callbacks, cancel);
  const { hears } = listener;
  request = link.ask({
    method,
    params: { ...params, ...(hears && { hears }) },
    body: stdin,
    listener: {
      output: (channel, data) => listener.show(channel, data),
      event: ({ event, bytes }) => event === "gap" && warnOfGap(listener, bytes),
    },
  });
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    const { result, bodies } = await request.answer;
    const wasStopped = result.exitCode === -1;
    const left = deadline - performance.now();
    await listener.taken({ signal, timeout: wasStopped ? 0 : left });
    if (listener.failure) throw listener.failure.error;
    signal?.throwIfAborted();
    const [stdout, stderr] = bodies.map((bytes) => bytes.toString("utf8"));
    const { exitCode, ...rest } = result;
    return { exitCode, stdout, stderr, ...rest };
  } catch (error) {
    if (listener.failure) throw listener.failure.error;
    if (signal?.aborted) throw signal.reason;
    throw error;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}

module.exports = { awaited };
