// Sandboxes of this process, and those of a server: the same tests run with both.

import assert from "node:assert/strict";
import {
  createSandboxServer,
  NodeRuntime,
  Sandbox,
  type SandboxConnectOptions,
  type SandboxHandle,
  type SandboxServer,
} from "../../index.js";

export type Used = Pick<SandboxHandle, "exec" | "files" | "sandboxId"> & {
  /** What runs in it. */
  processes: () => Promise<unknown[]>;
};

export interface Place {
  name: string;
  create(
    options?: Pick<SandboxConnectOptions, "env" | "files">,
  ): Promise<SandboxHandle & { runtime?: NodeRuntime }>;
  withSandbox(use: (sandbox: Used) => Promise<void>): Promise<void>;
  /** The beginning of a program of another process that has `create()`. */
  prelude(index: string): Promise<string>;
  begin(): Promise<void>;
  end(): Promise<void>;
}

const here: Place = {
  name: "of this process",
  create: async (options) => await Sandbox.create(options),
  async withSandbox(use) {
    await using sandbox = await Sandbox.create();
    const { exec, files, runtime, sandboxId } = sandbox;
    assert(runtime instanceof NodeRuntime);
    await use({ exec, files, sandboxId, processes: () => runtime.processes() });
  },
  prelude: async (index) =>
    `import { Sandbox } from ${JSON.stringify(index)}; const create = () => Sandbox.create();`,
  begin: async () => {},
  end: async () => {},
};

const token = "a-token-of-the-tests";
let server: SandboxServer | undefined;

function urlOfServer() {
  assert(server);
  return server.url;
}

/** The shell that asks is not counted, nor is the machine's first process. */
const otherProcesses =
  "for p in /proc/[0-9]*; do p=$" + "{p#/proc/}; [[ $p == 1 || $p == $$ ]] || echo $p; done";

const elsewhere: Place = {
  name: "of a server",
  create: async (options) => await Sandbox.connect(urlOfServer(), { token, ...options }),
  async withSandbox(use) {
    await using sandbox = await Sandbox.connect(urlOfServer(), { token });
    const { exec, files, sandboxId } = sandbox;
    const processes = async () => {
      const { stdout } = await exec.run(otherProcesses);
      return stdout.split("\n").filter(Boolean);
    };
    await use({ exec, files, sandboxId, processes });
  },
  prelude: async (index) =>
    `import { Sandbox } from ${JSON.stringify(index)};
    const create = () => Sandbox.connect(${JSON.stringify(urlOfServer())}, { token: "${token}" });`,
  async begin() {
    server = await createSandboxServer({ port: 0, tokens: [token], maxSandboxes: 64 });
  },
  async end() {
    await server?.close();
  },
};

export const everywhere = [here, elsewhere];
