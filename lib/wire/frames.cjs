"use strict";
// The binary frames between a client and a server, both directions (docs/server.md, "The wire").

/** Bytes of a request or of a result that are no JSON: type, number of the request, bytes. */
const DATA = 1;
/** Output of a program: type, number of the request, channel, number of the first byte, bytes. */
const OUTPUT = 2;

const channels = ["onStdout", "onStderr"];
const dataHead = 5;
const outputHead = 14;
/** Bytes of a body in one frame: what comes behind it waits no longer than for that. */
const pieceLength = 256 * 1024;
/** What a client and a server that understand each other agree on as subprotocol. */
const protocol = "secure-exec.v1";
/** A token in the list of subprotocols, for browsers, which cannot set a header: base64url behind it. */
const bearerPrefix = "secure-exec.bearer.";
/** Bytes of a stream that are under way before its program waits. */
const outputWindow = 256 * 1024;

function dataFrame(id, data) {
  const frame = Buffer.allocUnsafe(dataHead + data.length);
  frame[0] = DATA;
  frame.writeUInt32BE(id, 1);
  frame.set(data, dataHead);
  return frame;
}

/** @param {number} offset The number of the first byte; both channels of a program are numbered as one. */
function outputFrame(id, channel, offset, data) {
  const frame = Buffer.allocUnsafe(outputHead + data.length);
  frame[0] = OUTPUT;
  frame.writeUInt32BE(id, 1);
  frame[5] = channels.indexOf(channel);
  frame.writeBigUInt64BE(BigInt(offset), 6);
  frame.set(data, outputHead);
  return frame;
}

/** What a frame says, or undefined for one that says nothing. Its data is a part of the frame. */
function parseFrame(frame) {
  if (frame[0] === DATA && frame.length >= dataHead) {
    return { type: DATA, id: frame.readUInt32BE(1), data: frame.subarray(dataHead) };
  }
  if (frame[0] !== OUTPUT || frame.length < outputHead || frame[5] >= channels.length)
    return undefined;
  return {
    type: OUTPUT,
    id: frame.readUInt32BE(1),
    channel: channels[frame[5]],
    offset: Number(frame.readBigUInt64BE(6)),
    data: frame.subarray(outputHead),
  };
}

/** A body in pieces of which each goes into one frame. */
function* piecesOf(body) {
  for (let at = 0; at < body.length; at += pieceLength) yield body.subarray(at, at + pieceLength);
}

/** Bytes that come in pieces. */
class Body {
  #buffer;
  #received = 0;

  /** @param {number} length Bytes that it will have. */
  constructor(length) {
    this.#buffer = Buffer.allocUnsafeSlow(length);
  }

  get isWhole() {
    return this.#received === this.#buffer.length;
  }

  /** @returns {boolean} Whether there was room for it. */
  push(data) {
    if (data.length > this.#buffer.length - this.#received) return false;
    this.#buffer.set(data, this.#received);
    this.#received += data.length;
    return true;
  }

  get bytes() {
    return this.#buffer;
  }
}

module.exports = {
  Body,
  DATA,
  OUTPUT,
  bearerPrefix,
  dataFrame,
  outputFrame,
  outputWindow,
  parseFrame,
  pieceLength,
  piecesOf,
  protocol,
};
