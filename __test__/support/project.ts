// A project of a user's, in an empty folder: a package manager fills it from a registry, and programs run in it.

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { root } from "./releases.ts";

const run = promisify(execFile);

/** The programs that every installation must run, and what they print. */
export const programs = {
  "esm.mjs": 'v24.21.0 {"sum":42} 2\n',
  "cjs.cjs": 'v24.21.0 {"sum":42} 2\n',
  "worker.mjs": 'v24.21.0 {"sum":42} 2\n',
  "names.mjs": "the same\n",
  "tools.mjs": "false 2322\n",
} as const;

export class Project implements AsyncDisposable {
  readonly folder: string;
  /** Where its package manager finds packages. */
  readonly registry: string;

  private constructor(folder: string, registry: string) {
    this.folder = folder;
    this.registry = registry;
  }

  /** A folder with the programs and a package.json that names nothing. */
  static async create(registry: string): Promise<Project> {
    const folder = await mkdtemp(join(tmpdir(), "secure-exec-project-"));
    const manifest = { name: "project", version: "1.0.0", private: true };
    await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
    await writeFile(join(folder, ".npmrc"), `registry=${registry}\n`);
    await mkdir(join(folder, ".home"));
    await cp(join(root, "__test__/fixtures/packages"), folder, { recursive: true });
    return new Project(folder, registry);
  }

  write(name: string, text: string): Promise<void> {
    return writeFile(join(this.folder, name), text);
  }

  /** Runs a program in the folder. A path of `node` is also what scripts of package managers find. */
  async run(command: string, args: readonly string[], node?: string): Promise<string> {
    const options = { cwd: this.folder, env: this.#environment(node), maxBuffer: 64 << 20 };
    const { stdout } = await run(command, args, options);
    return stdout;
  }

  // Nothing of who runs the tests: neither `npm test`'s variables nor settings and caches of the home directory.
  #environment(node?: string): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|YARN_)/i.test(name));
    const home = join(this.folder, ".home");
    const path = process.env.PATH ?? "";
    return {
      ...Object.fromEntries(kept),
      HOME: home,
      XDG_CACHE_HOME: join(home, "cache"),
      XDG_CONFIG_HOME: join(home, "config"),
      XDG_DATA_HOME: join(home, "data"),
      PATH: node === undefined ? path : `${dirname(node)}${delimiter}${path}`,
      CI: "true",
      NO_COLOR: "1",
      no_proxy: "127.0.0.1",
      NO_PROXY: "127.0.0.1",
      npm_config_audit: "false",
      npm_config_fund: "false",
      npm_config_update_notifier: "false",
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
