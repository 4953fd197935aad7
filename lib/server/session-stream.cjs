"use strict";
// A client of a session at the other end of a network: attached while its connection is there, and again, from the byte that
// it has not seen, when it comes back.

const { ExecSession } = require("../sandbox/exec-session.cjs");
const { packFailure } = require("../wire/failures.cjs");
const { OutputWindow } = require("./output-feed.cjs");

class SessionStream {
  #operation;
  #command;
  #hears;
  #replays;
  /** @type {OutputWindow | undefined} */
  #window;
  #client;
  #hasLeft = false;

  /**
   * @param {import("./operation.cjs").Operation} operation
   * @param {import("../sandbox/command.cjs").Command} command
   * @param {{ hears: boolean, replays: boolean }} wants Output at all; word of where what was kept ends.
   */
  constructor(operation, command, { hears, replays }) {
    this.#operation = operation;
    this.#command = command;
    this.#hears = hears;
    this.#replays = replays;
    // It outlives the connection, of which input and signals know nothing.
    operation.handle = { session: new ExecSession(command) };
    // The command must not hold those that have had enough of it.
    operation.release = () => {
      this.#operation = undefined;
    };
    command.done.then(
      (exitCode) => {
        const { wasStopped: stopped, usage } = command;
        this.#operation?.end({ event: "exit", exitCode, stopped, usage });
      },
      (error) => this.#operation?.end({ event: "failed", error: packFailure(error) }),
    );
  }

  /** The client is there, and has seen what is before `from`. */
  open(from) {
    this.close();
    if (this.#hasLeft || !this.#operation) return;
    const operation = this.#operation;
    const send = (...piece) => operation.outlet?.output(operation.id, ...piece);
    const window = new OutputWindow(send, from);
    this.#window = window;
    this.#client = this.#command.attach(
      {
        ...(this.#hears && {
          onStdout: (data) => window.push("onStdout", data),
          onStderr: (data) => window.push("onStderr", data),
        }),
        onGap: (lost) => {
          window.skipTo(from + lost);
          if (this.#hears) operation.event({ event: "gap", bytes: lost });
        },
        onScrollbackEnd: () => {
          if (this.#replays) operation.event({ event: "scrollbackEnd" });
        },
      },
      from,
    );
  }

  /** The client is away. */
  close() {
    if (this.#client) this.#command.detach(this.#client);
    this.#window?.release();
    this.#client = undefined;
    this.#window = undefined;
  }

  /** The client wants no output any more. Its end is told all the same. */
  leave() {
    this.#hasLeft = true;
    this.close();
  }

  taken(offset) {
    this.#window?.taken(offset);
  }
}

module.exports = { SessionStream };
