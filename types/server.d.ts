// Servers of sandboxes.

import type { Limits } from "./limits.js";

/** Options that clients may give for their sandboxes in addition to `cwd`, `env`, `files` and `limits`. */
export type SandboxServerAllowance = "jsRuntime";

/** A token, and what whoever shows it may. */
export interface SandboxServerToken {
  /** 16 to 4096 printable characters of ASCII. */
  token: string;
  /** Stands in logs. @default token-1 and so on */
  name?: string | undefined;
  /** Sandboxes at once. @default those of the server */
  maxSandboxes?: number | undefined;
  /** The most that its sandboxes may have, and what they have if they do not say. @default the limits' defaults */
  limits?: Limits | undefined;
  allow?: readonly SandboxServerAllowance[] | undefined;
}

/** Options of {@link createSandboxServer}. */
export interface SandboxServerOptions {
  /** @default "127.0.0.1" */
  host?: string | undefined;
  /** 0 is one that is free. @default 8787 */
  port?: number | undefined;
  /** Who may come in. The sandboxes of a token are unknown to others. */
  tokens?: readonly (string | SandboxServerToken)[] | undefined;
  /** Lets everybody in, on a host that only this machine reaches. */
  noAuth?: boolean | undefined;
  /** With `noAuth`: as those of a token. */
  limits?: Limits | undefined;
  /** With `noAuth`: as that of a token. */
  allow?: readonly SandboxServerAllowance[] | undefined;
  /** Certificate (with what has signed it) and key, as PEM. @default none: HTTP without TLS */
  tls?: { cert: string | Uint8Array; key: string | Uint8Array } | undefined;
  /** Sandboxes at once. @default 16 */
  maxSandboxes?: number | undefined;
  /** Bytes of one request: a file, or the input of a command. @default 64 MiB */
  maxBodyBytes?: number | undefined;
  /** Seconds after which a sandbox ends that has neither a client nor a command that runs. @default 600 */
  idleSeconds?: number | undefined;
  /** Seconds after which a sandbox ends, used or not. @default 86400 */
  lifetimeSeconds?: number | undefined;
  /** Seconds that {@link SandboxServer.drain} waits. @default 30 */
  drainSeconds?: number | undefined;
  /** Origins of pages that may use the server beside its own, as `https://example.org`. @default none */
  allowedOrigins?: readonly string[] | undefined;
  /** A port at which one sandbox is served as by the runtime of kubernetes-sigs/agent-sandbox. @default none */
  agentSandboxPort?: number | undefined;
  /** What answers requests below a prefix, such as `/playground/`. Nobody needs a token for it. */
  handlers?:
    | readonly {
        prefix: string;
        // @ts-ignore: an error where the types of Node.js are missing
        handle: (
          // @ts-ignore
          request: import("node:http").IncomingMessage,
          // @ts-ignore
          response: import("node:http").ServerResponse,
        ) => unknown;
      }[]
    | undefined;
  /** Hears what happens: sandboxes that are made and end, and what went wrong. No token is told. */
  onLog?: ((message: string, details: Record<string, string>) => unknown) | undefined;
}

/** A server of sandboxes. */
export interface SandboxServer {
  /** Where it is. */
  readonly url: string;
  readonly port: number;
  /** Where the runtime of agent-sandbox is, if there is one. */
  readonly agentSandboxUrl: string | undefined;
  /** Sandboxes that live. */
  readonly sandboxes: number;
  /** Takes no new sandboxes, waits until nobody uses those that there are, `drainSeconds` at most, and closes. */
  drain(): Promise<void>;
  /** Kills all sandboxes and closes. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Serves sandboxes by HTTP and WebSockets; {@link Sandbox.connect} is the client. It listens when this resolves. The command
 * line has it as `secure-exec serve`; `docs/server.md` has the protocol.
 *
 * @throws {TypeError | RangeError} An option is wrong.
 * @throws {Error} The port is taken; what else Node.js says of it.
 */
export function createSandboxServer(options: SandboxServerOptions): Promise<SandboxServer>;
