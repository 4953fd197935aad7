// What the types of Node.js or of the DOM have, where those are there.

/** The global one, where the types of Node.js or of the DOM are there. */
export type AbortSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal
  : { readonly aborted: boolean; readonly reason: unknown };

/** The global one, as `AbortSignal`. */
export type URL = typeof globalThis extends { URL: { prototype: infer Address } }
  ? Address
  : { readonly href: string };

/** Node.js's own, where its types are there. */
// @ts-ignore: an error where they are missing
export type Duplex = import("node:stream").Duplex;

/** A stream of bytes of the Web's kind, where the types of Node.js or of the DOM are there. */
// @ts-ignore: an error where they are missing
export type ByteStream = ReadableStream<Uint8Array>;

/** A stream that takes bytes and text, where the types of Node.js or of the DOM are there. */
// @ts-ignore: an error where they are missing
export type InputStream = WritableStream<string | Uint8Array>;

/** Node.js's own, where its types are there. */
// @ts-ignore: an error where they are missing
export type Readable = import("node:stream").Readable;

/** Node.js's own, where its types are there. */
// @ts-ignore: an error where they are missing
export type Writable = import("node:stream").Writable;
