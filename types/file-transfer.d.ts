// Files between the host and a machine.

import type { AbortSignal } from "./host.js";
import type { NodeRuntime } from "./node-runtime.js";

/** Options of {@link NodeRuntime.upload}. */
export interface UploadOptions {
  /**
   * Whether to copy what is at a path below the directory, as `src/main.js`; of a directory that is left out nothing below
   * it is asked for.
   * @default everything
   */
  filter?:
    | ((
        path: string,
        entry: { kind: "file" | "directory" | "link" | "other" },
      ) => boolean | PromiseLike<boolean>)
    | undefined;
  /** Ends it between two files, or pieces of one; the call rejects with its reason. What is copied until then stays. */
  signal?: AbortSignal | undefined;
}

/** What {@link NodeRuntime.upload} has copied. */
export interface UploadResult {
  /** Files and links. */
  files: number;
  /** Bytes of the files. */
  bytes: number;
  /**
   * Paths of what cannot be copied: FIFOs, sockets and devices, absolute links that leave the directory, and names that are
   * no UTF-8.
   */
  skipped: string[];
}

/** Options of {@link NodeRuntime.watch}. */
export interface WatchOptions {
  /**
   * What is below its directories, too.
   * @default false
   */
  recursive?: boolean | undefined;
  /** Ends it; a call of `next` that waits rejects with the reason. */
  signal?: AbortSignal | undefined;
}

/** A change, as `fs.watch` of Node.js tells it. */
export interface FileChange {
  eventType: "rename" | "change";
  /** Relative to the path that is watched. */
  filename: string | null;
}

/** Changes of files; it is ended by leaving the loop, or by its signal. A `next` that waits keeps the host alive. */
export interface FileWatcher extends AsyncIterableIterator<FileChange> {
  /** Resolves when everything that changes from then on is heard of. */
  readonly ready: Promise<void>;
  [Symbol.asyncIterator](): FileWatcher;
  [Symbol.asyncDispose](): Promise<void>;
}
