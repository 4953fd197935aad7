// A VM whose programs are hostile: made again when it has ended.

import { readFile } from "node:fs/promises";
import { Broken } from "./runs.mjs";

/** The public API, of the last build; only targets that start a VM need one. */
export const loadApi = () => import("secure-exec");

const here = new URL("../guest/", import.meta.url);
const fixtures = new URL("../../__test__/fixtures/", import.meta.url);
const shared = ["tls/server-key.pem", "tls/server-cert.pem", "preview1-calls.json"];
const programs = [
  "guard.cjs",
  "hostile.cjs",
  "bindings.cjs",
  "calls.cjs",
  "workload.cjs",
  "network.cjs",
  "debugging.cjs",
  "wasi.cjs",
];

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
    const sources = [
      new URL("../lib/input.cjs", import.meta.url),
      ...programs.map((name) => new URL(name, here)),
      ...shared.map((name) => new URL(name, fixtures)),
    ];
    const read = async (url) => [`/fuzz/${url.pathname.split("/").at(-1)}`, await readFile(url)];
    const files = Object.fromEntries(await Promise.all(sources.map(read)));
    return new Guests({ ...options, files });
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
