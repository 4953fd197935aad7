// A VM whose programs are hostile: made again when it has ended.

import { readFile } from "node:fs/promises";
import { Broken } from "./runs.mjs";

/** The public API, of the last build; only targets that start a VM need one. */
export const loadApi = () => import("secure-exec");

const here = new URL("../guest/", import.meta.url);
const files = ["guard.cjs", "hostile.cjs", "bindings.cjs", "calls.cjs", "workload.cjs"];

/** Exit status of a guest that ran to the end. */
const finished = 42;

export class Guests {
  #options;
  #runtime;
  /** Programs that ended, and those of them that ran to the end. */
  programs = 0;
  toTheEnd = 0;

  constructor(options) {
    this.#options = options;
  }

  /** A VM with the programs of `fuzz/guest` in `/fuzz`. */
  static async withPrograms(options = {}) {
    const read = async (name) => [`/fuzz/${name}`, await readFile(new URL(name, here))];
    const shared = [
      ["/fuzz/input.cjs", await readFile(new URL("../lib/input.cjs", import.meta.url))],
    ];
    const programs = Object.fromEntries([...shared, ...(await Promise.all(files.map(read)))]);
    return new Guests({ ...options, files: programs });
  }

  async runtime() {
    const { NodeRuntime } = await loadApi();
    this.#runtime ??= await NodeRuntime.create(this.#options);
    return this.#runtime;
  }

  /** Runs one; whatever it does, the VM process lives on, or ends with the name of a limit. */
  async run(command, args, options) {
    const runtime = await this.runtime();
    try {
      const result = await runtime.execCommand(command, args, options);
      this.programs += 1;
      if (result.exitCode === finished) this.toTheEnd += 1;
      return result;
    } catch (error) {
      await this.renew();
      if (error.code === "ERR_RESOURCE_LIMIT" && error.limit) return error;
      throw new Broken(`the VM: ${error.code}, ${error.why}`, error.stderr || error.message);
    }
  }

  /** The next program gets another VM. */
  async renew() {
    const former = this.#runtime;
    this.#runtime = undefined;
    await former?.dispose();
  }
}
