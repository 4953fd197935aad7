// Files of a machine at one moment.

import type { ByteStream } from "./host.js";

/**
 * The files of a machine as they were at one moment, made by {@link NodeRuntime.snapshot}. It outlives its machine, never
 * changes, and shares its memory with every machine that is made from it. Its memory is free when it was disposed of, or
 * collected, and no machine that was made from it is left.
 *
 * It has what is in the machine's own file system: names, bytes, links, named pipes, permissions, owners and times, and what
 * overlays have changed. It has no mounts, no `/proc` and `/dev`, no sockets, no processes, no files without a name, and none of the
 * files in `/usr/bin` and elsewhere that stand for commands: each machine has its own.
 */
export interface FileSnapshot extends Disposable {
  /** Regular files, links and pipes; one with two names counts twice. */
  readonly files: number;
  /** Bytes of the regular files, holes included. */
  readonly bytes: number;
  /** Whether it was disposed of. */
  readonly disposed: boolean;
  /**
   * The files as a tar of the interchange format of POSIX (pax): paths without a slash before them, the other names of a
   * file as links to its first, whole times. It is made while it is read, 256 KiB at a time.
   *
   * @throws {VmStateError} `ERR_SNAPSHOT_DISPOSED`.
   *
   * @example
   * ```js
   * const snapshot = await rt.snapshot();
   * for await (const piece of snapshot.export()) process.stdout.write(piece);
   * ```
   */
  export(): ByteStream;
  /** Lets go of its memory. What was made from it goes on, and so does an export that has begun. */
  dispose(): void;
}

/** What tells a {@link FileSnapshot} from other objects by `instanceof`. */
// biome-ignore lint/complexity/noBannedTypes: what `instanceof` asks of its right side
export interface FileSnapshotConstructor extends Function {
  readonly prototype: FileSnapshot;
}

/** The class of snapshots, for `instanceof`. */
export const FileSnapshot: FileSnapshotConstructor;

/** A file that has changed since a {@link FileSnapshot}. */
export interface FileDifference {
  /** Absolute path. Bytes that are no UTF-8 are replaced. */
  path: string;
  /**
   * - `added`: it was not there.
   * - `removed`: it is not there any more.
   * - `modified`: it has other bytes or another target, or is something else.
   * - `metadata`: other permissions, another owner, or, unless it is a directory, another time of its last change.
   */
  change: "added" | "modified" | "removed" | "metadata";
}
