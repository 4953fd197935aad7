// What a machine can be asked for, whoever made it: a runtime or a kernel.

import type { DirectoryEntry, FileStat, ReadFileOptions, TextEncoding } from "./filesystems.js";
import type { NodeRuntimeShellOptions, NodeRuntimeTerminal, ProcessInfo } from "./programs.js";

/** What a VM holds right now. */
export interface ResourceSnapshot {
  processes: number;
  zombies: number;
  fds: number;
  pipes: number;
  ptys: number;
  sockets: number;
  /** Sockets of TCP that listen. */
  listeners: number;
  /** Bytes that wait in sockets, local ones too, and in pipes for somebody to read them. */
  bufferedBytes: number;
  filesystemBytes: number;
  inodes: number;
  heapBytes: number;
}

/**
 * The files of a machine. These methods act with the host's rights: no permission of the machine stops them, and what they make
 * belongs to the guests' user. Links are followed inside the machine only.
 */
export interface MachineFiles {
  /**
   * Creates a file, or replaces the content of one. Its directory must be there: `mkdir(path, { recursive: true })`.
   * FIFOs, sockets and terminals are refused with `EINVAL`.
   *
   * @throws {VmSystemError} `ENOENT`, `EISDIR`, `EFBIG`, `ENOSPC` and their like.
   *
   * @example
   * ```js
   * await rt.writeFile("/workspace/data.json", JSON.stringify(data));
   * ```
   */
  writeFile(path: string, data: string | Uint8Array): Promise<void>;
  /**
   * The content of a file. FIFOs, sockets, terminals and devices that give bytes for ever are refused with `EINVAL`;
   * more than `limits.resources.maxFileBytes` is `EFBIG`.
   *
   * @throws {VmSystemError} `ENOENT`, `EISDIR` and their like.
   *
   * @example
   * ```js
   * const text = await rt.readFile("/workspace/out.txt", "utf8");
   * ```
   */
  readFile(path: string, options?: ReadFileOptions<undefined>): Promise<Uint8Array>;
  readFile(path: string, options: ReadFileOptions<TextEncoding>): Promise<string>;
  readFile(
    path: string,
    options?: ReadFileOptions<TextEncoding | undefined>,
  ): Promise<string | Uint8Array>;
  /** The names in a directory, sorted. */
  readDir(path: string): Promise<string[]>;
  /** As {@link readDir}, with the kind of each. */
  readDirWithTypes(path: string): Promise<DirectoryEntry[]>;
  /** Makes a directory; with `recursive` those on the way to it too, and one that is there is no failure. */
  mkdir(path: string, options?: { recursive?: boolean | undefined }): Promise<void>;
  /** Follows symbolic links. */
  stat(path: string): Promise<FileStat>;
  /** Whether there is something; links are followed. */
  exists(path: string): Promise<boolean>;
  /**
   * Removes a file, a link, or a directory: an empty one, or with `recursive` one with all that is in it. With `force`
   * it is no failure if there is nothing.
   */
  remove(
    path: string,
    options?: { recursive?: boolean | undefined; force?: boolean | undefined },
  ): Promise<void>;
  /** Renames a file or a directory; a file of the new name is replaced. */
  rename(from: string, to: string): Promise<void>;
}

/** What a runtime and a kernel have in common. */
export interface Machine extends MachineFiles {
  /**
   * Starts a program on a terminal of its own, by default a shell.
   *
   * @throws {TypeError | RangeError} An argument or an option is wrong: nothing was started.
   * @throws {VmSystemError} It cannot be started, or there are `limits.resources.maxPtys` terminals.
   *
   * @example
   * ```js
   * await using terminal = await rt.openShell({ cols: 120, rows: 40 });
   * terminal.onData((chunk) => process.stdout.write(chunk));
   * await terminal.write("ls\n");
   * ```
   */
  openShell(options?: NodeRuntimeShellOptions): Promise<NodeRuntimeTerminal>;
  /** Every guest process, ascending. */
  processes(): Promise<ProcessInfo[]>;
  /** What the VM holds right now. */
  getResourceSnapshot(): Promise<ResourceSnapshot>;
}
