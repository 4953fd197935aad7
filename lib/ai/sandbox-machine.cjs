"use strict";
// A sandbox at the other end of a network with the methods of a runtime that models need. Its times are seconds.

/** Takes JavaScript, too. The shell between is gone when the program runs. */
const program = "exec node --input-type=module-typescript -";

const fileMethods = ["mkdir", "readDirWithTypes", "readFile", "stat", "writeFile"];

class SandboxMachine {
  #exec;

  /** @param {import("../remote/sandbox.cjs").RemoteSandbox} sandbox */
  constructor({ exec, files }) {
    this.#exec = exec;
    for (const name of fileMethods) this[name] = files[name].bind(files);
  }

  async exec(code, options) {
    return timed(await this.#exec.run(program, { ...inSeconds(options), stdin: code }));
  }

  async shell(options) {
    const shell = await this.#exec.shell(options);
    return {
      get closed() {
        return shell.closed;
      },
      run: async (line, given) => timed(await shell.run(line, inSeconds(given))),
      close: () => shell.close(),
    };
  }
}

function inSeconds({ timeout, ...rest }) {
  return { ...rest, timeout: timeout / 1000 };
}

/** What a sandbox says by a status and a line of standard error. */
function timed(result) {
  return result.exitCode === -1 ? { ...result, timedOut: true } : result;
}

module.exports = { SandboxMachine };
