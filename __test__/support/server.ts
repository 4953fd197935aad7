// Servers of sandboxes for tests, requests to them as anybody may make them, and a network that can be cut.

import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { once } from "node:events";
import { type RawData, WebSocket } from "ws";
import {
  createSandboxServer,
  Sandbox,
  type SandboxConnectOptions,
  type SandboxServer,
  type SandboxServerOptions,
} from "../../index.js";

export const token = "the-token-of-the-tests";
export const other = "another-token-of-tests";

/** Gives `work` a server of its own. */
export async function withServer(
  options: SandboxServerOptions,
  work: (server: SandboxServer) => Promise<void>,
) {
  const auth = options.noAuth || options.tokens ? {} : { tokens: [token] };
  await using server = await createSandboxServer({ port: 0, ...auth, ...options });
  await work(server);
}

export function connectTo({ url }: { url: string }, options: SandboxConnectOptions = {}) {
  return Sandbox.connect(url, { token, ...options });
}

/** JSON of a server: tests look into it, and compare what they find. */
// biome-ignore lint/suspicious/noExplicitAny: as what JSON.parse gives
export type Json = any;

export type Answer = { status: number; text: string; json: Json; headers: Headers };

/** A request of HTTP with the token, and JSON where there is a body. */
export async function ask(
  { url }: { url: string },
  path: string,
  { headers, body, ...init }: Omit<RequestInit, "body"> & { body?: unknown } = {},
): Promise<Answer> {
  const isJson = body !== undefined && !(body instanceof Uint8Array);
  const response = await fetch(`${url}${path}`, {
    ...init,
    headers: {
      authorization: `Bearer ${token}`,
      ...(isJson && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && {
      body: isJson ? JSON.stringify(body) : (body as Uint8Array<ArrayBuffer>),
    }),
  });
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Not everything is.
  }
  return { status: response.status, text, json, headers: response.headers };
}

/** The value of a metric. */
export async function metric(server: SandboxServer, name: string): Promise<number> {
  const { text } = await ask(server, "/metrics");
  const line = text.split("\n").find((each) => each.startsWith(`secure_exec_${name} `));
  assert(line, name);
  return Number(line.split(" ")[1]);
}

/** A WebSocket that says what it wants. */
export class Raw {
  readonly socket: WebSocket;
  #messages: Json[] = [];
  #waiting: (() => void)[] = [];
  /** Code and reason with which it was closed. */
  readonly closed: Promise<[number, string]>;

  constructor(url: string, protocols: string[], headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, protocols, { headers });
    this.socket.on("message", (data: RawData, isBinary: boolean) => {
      this.#messages.push(isBinary ? data : JSON.parse(String(data)));
      for (const look of this.#waiting.splice(0)) look();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => resolve([code, String(reason)]));
    });
    this.socket.on("error", () => {});
  }

  /** To a sandbox, as a client with this name. */
  static async open({ url }: { url: string }, sandboxId: string, client = "a-raw-client-of-tests") {
    const address = `${url.replace("http", "ws")}/v1/sandboxes/${sandboxId}/connect?client=${client}`;
    const raw = new Raw(address, ["secure-exec.v1"], { authorization: `Bearer ${token}` });
    await once(raw.socket, "open");
    return raw;
  }

  send(message: object | string | Uint8Array) {
    const isText = typeof message === "object" && !(message instanceof Uint8Array);
    this.socket.send(isText ? JSON.stringify(message) : message);
  }

  /** The first message that fits, which is taken. */
  async next(fits: (message: Json) => boolean): Promise<Json> {
    for (;;) {
      const at = this.#messages.findIndex(fits);
      if (at >= 0) return this.#messages.splice(at, 1)[0];
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** A way to a server that can be cut. */
export class Network {
  #server = createServer((client) => this.#join(client));
  #sockets = new Set<Socket>();
  #port: () => number;
  /** Whether nobody comes through. */
  isDown = false;
  /** How many connections break when they begin. */
  cutAtFirst = 0;
  /** Connections that were made. */
  connections = 0;
  /** Told of what clients send. */
  onSent: ((bytes: number) => void) | undefined;

  constructor(port: () => number) {
    this.#port = port;
  }

  static async to(port: () => number) {
    const network = new Network(port);
    network.#server.listen(0, "127.0.0.1");
    await once(network.#server, "listening");
    return network;
  }

  get url() {
    const address = this.#server.address();
    assert(typeof address === "object" && address);
    return `http://127.0.0.1:${address.port}`;
  }

  #join(client: Socket) {
    client.on("error", () => {});
    if (this.isDown) return client.destroy();
    if (this.cutAtFirst > 0) {
      this.cutAtFirst -= 1;
      // When something has come: as a reset.
      client.once("data", () => client.resetAndDestroy());
      return;
    }
    this.connections += 1;
    client.on("data", ({ length }) => this.onSent?.(length));
    const server = connect(this.#port(), "127.0.0.1");
    for (const [socket, peer] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        peer.destroy();
      });
      socket.pipe(peer);
    }
  }

  /** Breaks all connections. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose]() {
    this.#server.close();
    this.cut();
  }
}
