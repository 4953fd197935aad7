"use strict";
// Lines of a program's output.

const { StringDecoder } = require("node:string_decoder");

/** UTF-16 code units of a line; of one without end as much is a line. */
const longestLine = 64 * 1024;

/** Decodes the chunks of one stream, and cuts them into lines. */
class Lines {
  #decoder = new StringDecoder("utf8");
  #begun = "";

  /**
   * @param {Uint8Array} chunk
   * @returns {string[]} What is whole with it.
   */
  push(chunk) {
    return this.#split(
      this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)),
    );
  }

  /** @returns {string[]} What the stream has ended in, without a line feed. */
  end() {
    const lines = this.#split(this.#decoder.end());
    const rest = this.#begun;
    this.#begun = "";
    return rest === "" ? lines : lines.concat(rest);
  }

  #split(text) {
    const lines = text.split("\n");
    lines[0] = this.#begun + lines[0];
    const begun = pieces(lines.pop());
    this.#begun = begun.pop();
    return [...lines.flatMap(pieces), ...begun];
  }
}

/** A line, or one that is too long in several. */
function pieces(line) {
  if (line.length <= longestLine) return [line];
  const count = Math.ceil(line.length / longestLine);
  return Array.from({ length: count }, (_, index) =>
    line.slice(index * longestLine, (index + 1) * longestLine),
  );
}

module.exports = { Lines };
