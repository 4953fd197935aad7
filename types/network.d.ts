// Servers of guests, and how the host reaches them.

import type { AbortSignal, ByteStream, Duplex } from "./host.js";
import type { NodeRuntime } from "./node-runtime.js";

/** A connection to a server of a guest: a duplex stream with the face of a `net.Socket`. */
export interface GuestSocket extends Duplex {
  /** The connection is being made. */
  readonly connecting: boolean;
  /** It is not there yet. */
  readonly pending: boolean;
  readonly readyState: "opening" | "open" | "readOnly" | "writeOnly" | "closed";
  /** Bytes that have come and gone. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** The machine's loopback; absent for a local socket. */
  readonly remoteAddress: string | undefined;
  readonly remoteFamily: string | undefined;
  readonly remotePort: number | undefined;
  readonly timeout: number | undefined;
  /** It has no address of the host's. */
  address(): Record<string, never>;
  /** Emits `timeout` when nothing has come or gone for that long; 0 for never. */
  setTimeout(milliseconds: number, callback?: () => void): this;
  /** Without effect: nothing is delayed. */
  setNoDelay(noDelay?: boolean): this;
  /** Without effect: nothing gets lost. */
  setKeepAlive(enable?: boolean, initialDelay?: number): this;
  /** Ends it so that the guest sees a reset. */
  resetAndDestroy(): this;
  /** Destroys it when everything that was written has gone. */
  destroySoon(): void;
  /** Has it keep the host's process alive, which is so at the beginning. */
  ref(): this;
  unref(): this;
}

/** Options of {@link NodeRuntime.connect}. */
export interface ConnectOptions {
  /**
   * The writable side stays open when the guest has ended its own.
   * @default false
   */
  allowHalfOpen?: boolean | undefined;
  /** Destroys the socket with its reason. */
  signal?: AbortSignal | undefined;
}

/** Options of {@link NodeRuntime.fetch}. */
export interface FetchOptions {
  /** @default "GET" */
  method?: string | undefined;
  /**
   * With the query, as it is to be sent.
   * @default "/"
   */
  path?: string | undefined;
  /** A record, pairs of names and values, or a `Headers`. */
  headers?:
    | Readonly<Record<string, string | number | readonly string[]>>
    | Iterable<readonly [string, string]>
    | undefined;
  /** Text is sent as UTF-8; a stream is sent as far as the server takes it. */
  body?:
    | string
    | ArrayBufferView
    | ArrayBuffer
    | ByteStream
    | AsyncIterable<string | Uint8Array>
    | null
    | undefined;
  /**
   * Gives the response back with its head.
   * @default false
   */
  stream?: boolean | undefined;
  /** Ends the request; with `stream` the body too. */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds for the whole response, with `stream` for its head.
   * @default `limits.http.fetchTimeoutMs`
   */
  timeout?: number | undefined;
}

/** The head of a response. */
export interface FetchResponseHead {
  readonly status: number;
  readonly statusText: string;
  /** By name in lower case; of several of one name the values, with commas between them. */
  readonly headers: Record<string, string>;
  /** Names and values as they were sent, in order: each `set-cookie` by itself. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[];
}

/** A whole response. */
export interface FetchResponse extends FetchResponseHead {
  /** The body as text, read as UTF-8. */
  readonly body: string;
  /** The body as it was sent. */
  readonly bytes: Uint8Array;
  /** What came behind the body, as `headers`. */
  readonly trailers: Record<string, string>;
}

/** A response whose body comes as it is read. */
export interface StreamedFetchResponse extends FetchResponseHead {
  readonly body: ByteStream;
  /** What came behind the body; rejects as the body fails. */
  readonly trailers: Promise<Record<string, string>>;
}

/** What to look for; at least one of `port`, `path` and `processId`. */
export interface ListenerQuery {
  port?: number | undefined;
  /** Path of a local socket. */
  path?: string | undefined;
  /** An address that it must be reached at; `localhost` is 127.0.0.1 or ::1. */
  host?: string | undefined;
  /** The process that listens. */
  processId?: number | undefined;
}

/** A socket of a guest that waits for connections. */
export interface Listener {
  /** The process that has called `listen`. */
  readonly processId: number;
  /** The address that it listens on, `0.0.0.0` or `::` for all; absent for a local socket. */
  readonly host?: string;
  readonly port?: number;
  /** The absolute path of a local socket. */
  readonly path?: string;
}

/** Options of {@link NodeRuntime.waitForListener}. */
export interface WaitForListenerOptions {
  /** @default 10000 */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Options of {@link NodeRuntime.exposePort}. */
export interface ExposePortOptions {
  /**
   * The host's port; 0 for one that is free.
   * @default 0
   */
  hostPort?: number | undefined;
  /**
   * The host's address. Another one than the loopback's lets others reach the guest.
   * @default "127.0.0.1"
   */
  host?: string | undefined;
}

/** A port of the host's that leads into a machine. */
export interface ExposedPort {
  /** `http://127.0.0.1:49152`. */
  readonly url: string;
  /** The host's port. */
  readonly port: number;
  /** Closes it with all its connections. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
