// Files, and filesystems of the host's that machines can have.

/** How the bytes of a text are to be read. */
export type TextEncoding = "utf8" | "utf-8";

/** The encoding that `readFile` decodes with, by itself or as an option; none gives the bytes. */
export type ReadFileOptions<Encoding extends TextEncoding | undefined> =
  | Encoding
  | (Encoding extends undefined
      ? { readonly encoding?: undefined } | null
      : { readonly encoding: Encoding });

/** A name in a directory. */
export interface DirectoryEntry {
  name: string;
  isFile: boolean;
  isDirectory: boolean;
  isSymbolicLink: boolean;
}

/** What `stat(2)` tells of a file. */
export interface FileStat {
  dev: number;
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  size: number;
  blocks: number;
  atimeMs: number;
  mtimeMs: number;
  ctimeMs: number;
  birthtimeMs: number;
  isFile: boolean;
  isDirectory: boolean;
  isSymbolicLink: boolean;
}

/**
 * Files by their absolute paths, as a machine can have them: {@link createInMemoryFileSystem} makes one, and any object with these
 * methods is one. What fails rejects with an error that has the name of an errno as its `code`.
 */
export interface VirtualFileSystem {
  /** The content of a file. */
  readFile(path: string): Promise<Uint8Array>;
  /** The content of a file of UTF-8 text. */
  readTextFile(path: string): Promise<string>;
  /** Creates a file, or replaces the content of one. Its directory must be there. */
  writeFile(path: string, data: string | Uint8Array): Promise<void>;
  /** Makes a directory; with `recursive` those on the way to it too, and one that is there is no failure. */
  mkdir(path: string, options?: { recursive?: boolean | undefined }): Promise<void>;
  /** The names in a directory. */
  readDir(path: string): Promise<string[]>;
  /** As {@link readDir}, with the kind of each. */
  readDirWithTypes(path: string): Promise<DirectoryEntry[]>;
  /** Whether there is something; links are followed. */
  exists(path: string): Promise<boolean>;
  /** Follows symbolic links. */
  stat(path: string): Promise<FileStat>;
  /** Of a symbolic link what is told of itself. */
  lstat(path: string): Promise<FileStat>;
  /** Removes a file or a link. */
  removeFile(path: string): Promise<void>;
  /** Removes an empty directory. */
  removeDir(path: string): Promise<void>;
  /** Renames a file or a directory; a file of the new name is replaced, and so is an empty directory by another. */
  rename(from: string, to: string): Promise<void>;
  /** The path of what is there, without links. */
  realpath(path: string): Promise<string>;
  /** Makes a symbolic link at `path`. */
  symlink(target: string, path: string): Promise<void>;
  /** Where a symbolic link leads. */
  readlink(path: string): Promise<string>;
  /** Gives the file `from` another name. */
  link(from: string, to: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  chown(path: string, uid: number, gid: number): Promise<void>;
  /** Sets the times of access and of the last change: seconds since 1970, or a `Date`. */
  utimes(path: string, atime: number | Date, mtime: number | Date): Promise<void>;
  /**
   * Sets the length of a file; what is added is zeroes.
   * @default 0
   */
  truncate(path: string, length?: number): Promise<void>;
  /** Up to `length` bytes of a file from `position` on: fewer at its end, none behind it. */
  pread(path: string, position: number, length: number): Promise<Uint8Array>;
  /** Writes all bytes at a position of a file that is there; what lies between its end and them is zeroes. */
  pwrite(path: string, position: number, data: string | Uint8Array): Promise<void>;
}

/** Bounds of {@link createInMemoryFileSystem}. What passes one rejects with `ENOSPC` or `EFBIG`, and its name. */
export interface InMemoryFileSystemOptions {
  /**
   * Bytes of all files, in whole blocks of 4096.
   * @default 64 MiB
   */
  maxFilesystemBytes?: number | undefined;
  /**
   * Files, directories and links; each further name of a file counts too.
   * @default 16384
   */
  maxInodeCount?: number | undefined;
  /**
   * Bytes of one file.
   * @default `maxFilesystemBytes`
   */
  maxFileBytes?: number | undefined;
}

/**
 * Files in the memory of the host's process. They live as long as the object. A new one has the directories `/root`,
 * `/home/user` and `/workspace`. What is made belongs to the guests' user, and no permission stops the host.
 *
 * @throws {VmSystemError} What fails rejects with `ENOENT`, `EEXIST`, `ENOTDIR` and their like.
 */
export interface InMemoryFileSystem extends VirtualFileSystem {
  readFile(path: string, options?: ReadFileOptions<undefined>): Promise<Uint8Array>;
  readFile(path: string, options: ReadFileOptions<TextEncoding>): Promise<string>;
  readFile(
    path: string,
    options?: ReadFileOptions<TextEncoding | undefined>,
  ): Promise<string | Uint8Array>;
  /** Removes an empty directory, or with `recursive` one with all that is in it. */
  removeDir(path: string, options?: { recursive?: boolean | undefined }): Promise<void>;
}

/** What makes an {@link InMemoryFileSystem}, and tells it from other objects by `instanceof`. */
export declare const InMemoryFileSystem: {
  readonly prototype: InMemoryFileSystem;
  new (options?: InMemoryFileSystemOptions): InMemoryFileSystem;
};

/**
 * Makes files in memory.
 *
 * @throws {TypeError | RangeError} An option is wrong: the message has its name.
 *
 * @example
 * ```js
 * const filesystem = createInMemoryFileSystem();
 * await filesystem.mkdir("/root/src");
 * await filesystem.writeFile("/root/src/index.ts", "export const answer = 42;\n");
 * ```
 */
export declare function createInMemoryFileSystem(
  options?: InMemoryFileSystemOptions,
): InMemoryFileSystem;

/** Options of {@link NodeFileSystem}. */
export interface NodeFileSystemOptions {
  /** The directory of the host. */
  root: string;
  /**
   * Nothing is changed through it.
   * @default false
   */
  readOnly?: boolean | undefined;
}

/**
 * A directory of the host with the methods of a filesystem: paths are those below it, and nothing outside is reached. Links that lead
 * out of it are not followed. Owners cannot be changed.
 */
export interface NodeFileSystem extends InMemoryFileSystem {}

/**
 * Makes a {@link NodeFileSystem}.
 *
 * @throws {TypeError} An option is wrong, or there is no such directory.
 *
 * @example
 * ```js
 * const project = new NodeFileSystem({ root: "./project", readOnly: true });
 * const rt = await NodeRuntime.create({ mounts: [{ guestPath: "/project", filesystem: project }] });
 * ```
 */
export declare const NodeFileSystem: {
  readonly prototype: NodeFileSystem;
  new (options: NodeFileSystemOptions): NodeFileSystem;
};
