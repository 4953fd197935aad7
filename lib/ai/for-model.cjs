"use strict";
// What a program has done, as one text for a model: however it ended, and never longer than it may be.

const { invalidType } = require("../errors.cjs");
const { amount } = require("../limits.cjs");
const check = require("../validate.cjs");

/** With less there is no room for what must be told. */
const leastChars = 200;
const usualChars = 8000;

const maxChars = check.integer(leastChars);

const optionCheckers = {
  maxChars: check.optional(maxChars, usualChars),
  hideInternals: check.optional(check.boolean, true),
};

const loneSurrogates = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** What Node.js adds to an error, and frames of its own in a stack: many words that no model needs. */
const versionLine = /\n+Node\.js v[\d.]+\n*$/;
const internalFrames = /^ +at .*\(?node:internal\/.*\n?/gm;

/**
 * Folds what a call gave back, or what it threw, into one text: output, value, and in square brackets how it ended.
 * @throws what is handed in where that is neither: an error of the host's own is no answer.
 */
function forModel(outcome, given) {
  const { maxChars, hideInternals } = check.object(given, "options", optionCheckers);
  return folded(outcome, maxChars, hideInternals);
}

/** As `forModel`, of options that have been checked. */
function folded(outcome, maxChars, hideInternals = true) {
  const isError = check.attempt("outcome", () => outcome instanceof Error);
  const { channels, notes } = isError
    ? ofError(outcome)
    : check.reading("outcome", () => ofResult(outcome));
  const shown = hideInternals
    ? channels.map(([name, text]) => [name, withoutInternals(text)])
    : channels;
  return bounded(shown, notes, maxChars);
}

function withoutInternals(text) {
  return text.replace(internalFrames, "").replace(versionLine, "\n");
}

function ofResult(result) {
  if (typeof result !== "object" || result === null || typeof result.stdout !== "string") {
    throw invalidType("outcome", "a result or an error", result);
  }
  const channels = channelsOf(result);
  const notes = [];
  if (result.value !== undefined) channels.push(["value", json(result.value)]);
  if (result.background) {
    const { stdout, stderr } = result.background;
    channels.push(["written by jobs in the background", stdout + stderr]);
  }
  if (result.stdoutTruncated || result.stderrTruncated) notes.push("more was written than is kept");
  for (const { limit, bound } of result.limits ?? []) notes.push(limitText(limit, bound));
  if (result.timedOut) notes.push("killed: it took too long");
  else if (result.signal) notes.push(`ended by ${result.signal}`);
  else if (result.exitCode !== 0) notes.push(`exit status ${result.exitCode}`);
  if (result.closed) notes.push("the shell has ended: its directory and variables are gone");
  return { channels, notes };
}

function ofError(error) {
  const channels = channelsOf(error);
  switch (error.code) {
    case "ERR_RESOURCE_LIMIT":
      return { channels, notes: [`killed: ${limitText(error.limit, error.bound)}`] };
    case "ERR_VM_CRASHED":
      return { channels, notes: ["the machine has ended, and its files are lost"] };
    case "ERR_CONNECTION_CLOSED":
    case "ERR_CONNECTION_LOST":
    case "ERR_SANDBOX_NOT_FOUND":
    case "ERR_VM_DISPOSED":
    case "ERR_SHELL_CLOSED":
    case "ERR_TIMEOUT":
      return { channels, notes: [error.message] };
  }
  if (error.name === "AbortError" || error.name === "TimeoutError") {
    return { channels, notes: [`killed: ${error.message}`] };
  }
  // The message of a system call's error has paths of the machine only.
  if (error.syscall !== undefined) return { channels, notes: [error.message] };
  throw error;
}

function channelsOf({ stdout = "", stderr = "" }) {
  const text = (value) => (typeof value === "string" ? value : "");
  return [
    ["", text(stdout)],
    ["stderr", text(stderr)],
  ];
}

function limitText(limit, bound) {
  return `limit reached: ${limit} is ${amount(limit, bound)}`;
}

function json(value) {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "[a value that JSON cannot hold]";
  }
}

/** What takes less than its part leaves the rest to the others. */
function bounded(channels, notes, maxChars) {
  const tail = notes
    .map((note) => `[${clip(note, 100)}]`)
    .join("\n")
    .slice(0, maxChars / 2);
  const parts = channels.filter(([, text]) => text !== "");
  if (parts.length === 0) return tail === "" ? "[no output]" : tail;
  const heads = parts.map(([name]) => (name === "" ? "" : `[${name}]\n`));
  let room = maxChars - tail.length - heads.join("").length - parts.length;
  const order = parts
    .map((_, index) => index)
    .sort((a, b) => parts[a][1].length - parts[b][1].length);
  const texts = [];
  for (const [done, index] of order.entries()) {
    texts[index] = clip(parts[index][1], Math.floor(room / (order.length - done)));
    room -= texts[index].length;
  }
  const body = texts.map((text, index) => heads[index] + withNewline(text)).join("");
  return tail === "" ? body : body + tail;
}

function withNewline(text) {
  return text.endsWith("\n") ? text : `${text}\n`;
}

/** The beginning and the end of a text that is too long: what went wrong is often at the end. */
function clip(text, most) {
  if (text.length <= most) return text;
  const mark = `\n[... ${text.length} characters, not all shown ...]\n`;
  const kept = Math.max(most - mark.length, 0);
  const head = Math.ceil(kept / 2);
  const from = text.length - (kept - head);
  const clipped = `${text.slice(0, head)}${mark}${text.slice(from)}`.slice(0, Math.max(most, 0));
  // No half of a surrogate pair at the cuts.
  return clipped.replace(loneSurrogates, "\ufffd");
}

module.exports = { clip, folded, forModel, leastChars, maxChars, usualChars };
