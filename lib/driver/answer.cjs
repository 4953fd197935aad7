"use strict";
// What the program of a call says on its control pipe (lib/guest/program.mjs): lines of JSON. They are a guest's: nothing
// in them is believed but that they are what the guest wants to be its exports and its failure.

const { decode } = require("../clone.cjs");
const { amount } = require("../limits.cjs");
const { Pages } = require("../pages.cjs");
const { valueCost } = require("../value-cost.cjs");

const newline = 10;
/** What a line has besides the exports. */
const restOfLine = 128 * 1024;
const mostNotes = 101;
const longestText = 16 * 1024;

class Answer {
  #valueLimit;
  #line = new Pages();
  #exports;
  #notes = [];
  #refusal;
  /** It says more than any program of ours. */
  isOver = false;
  /** What the program failed with, as it says. */
  error;

  /** @param {number} valueLimit Bytes of the exports as JSON. */
  constructor(valueLimit) {
    this.#valueLimit = valueLimit;
  }

  push(data) {
    let at = 0;
    while (!this.isOver) {
      const end = data.indexOf(newline, at);
      this.#line.push(data.subarray(at, end < 0 ? data.length : end));
      // The exports come as a string in JSON, where every byte may be escaped by another.
      this.isOver = this.#line.length > 2 * this.#valueLimit + restOfLine;
      if (end < 0) return;
      const line = this.#line.toBuffer().toString("utf8");
      this.#line.clear();
      this.#take(line);
      at = end + 1;
    }
  }

  #take(line) {
    try {
      const { exports, notes, error, refused, tooLong } = JSON.parse(line) ?? {};
      if (typeof error === "string") this.error = clip(error);
      if (typeof exports === "string") [this.#exports, this.#notes] = [exports, notes];
      if (typeof refused === "string") this.#refusal = this.#refused(refused, tooLong);
    } catch {
      // Not ours.
    }
  }

  #refused(text, tooLong) {
    return Number.isSafeInteger(tooLong) ? this.#tooLong(tooLong) : clip(text);
  }

  #tooLong(used) {
    const [bound, size] = [this.#valueLimit, used].map((bytes) => amount("bytes", bytes));
    return `The exports are too long: payloadLimits.jsonPayloadBytes is ${bound}, ${size} would be used`;
  }

  /** The result of a program that has ended by itself. */
  result() {
    const refusal = this.#refusal;
    if (refusal !== undefined) return { code: 1, errorMessage: refusal };
    if (this.#exports === undefined) return { code: 0 };
    const cost = valueCost(this.#exports);
    if (cost > this.#valueLimit) return { code: 1, errorMessage: this.#tooLong(cost) };
    try {
      return { code: 0, exports: decode(this.#exports), ...notesOf(this.#notes) };
    } catch (error) {
      return { code: 1, errorMessage: clip(`The exports cannot be read: ${error.message}`) };
    }
  }
}

function notesOf(notes) {
  if (!Array.isArray(notes)) return undefined;
  const texts = notes.filter((note) => typeof note === "string").slice(0, mostNotes);
  return texts.length > 0 ? { notes: texts.map(clip) } : undefined;
}

function clip(text) {
  return text.length > longestText ? `${text.slice(0, longestText)}...` : text;
}

module.exports = { Answer };
