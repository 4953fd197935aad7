// What a new machine has besides its own files.

import type { VirtualFileSystem } from "./filesystems.js";

/** A file of a new machine, with its attributes. */
export interface FileContent {
  /** Text is written as UTF-8. */
  data: string | Uint8Array;
  /**
   * Permission bits, as `0o755`. A file that is there keeps its own.
   * @default 0o644
   */
  mode?: number | undefined;
  /**
   * Owner.
   * @default 1000, the guests' user
   */
  uid?: number | undefined;
  /**
   * Group.
   * @default 1000
   */
  gid?: number | undefined;
}

/** A directory of the host in the machine. */
export interface MountOptions {
  /** Where it is in the machine: an absolute path, neither `/` nor in `/dev`, `/proc` or `/sys`. Missing directories are made. */
  guestPath: string;
  /** The directory of the host. Files of the system's own (`/proc`, `/sys`) cannot be served. */
  hostPath: string;
  /**
   * With `false` guests change the directory of the host, up to `limits.resources.maxMountBytes`. What they make belongs to
   * the user of this process, has no set-user-ID bits, and no links that lead out of it.
   * @default true
   */
  readOnly?: boolean | undefined;
  /**
   * Guests may change what they see, and the machine keeps the changes: the host's files stay as they are.
   * @default false
   */
  overlay?: boolean | undefined;
  /**
   * Directories of the host that symbolic links in it may lead to, such as the packages of a workspace. Each is read-only in
   * the machine below `/mnt/outside`. Other links that leave the directory lead nowhere.
   * @default none
   */
  followOutside?: readonly string[] | undefined;
}

/** A filesystem of the host's in the machine: one in memory, a directory, or an object with the same methods. */
export interface FileSystemMountOptions {
  /**
   * Where it is in the machine: an absolute path, not in `/dev`, `/proc` or `/sys`. Missing directories are made. As `/` it is the tree
   * of the machine's user: of the directories in `/` the machine keeps `bin`, `dev`, `etc`, `lib`, `proc`, `run`, `sbin`, `tmp`, `usr` and
   * `var`, and every other name is the filesystem's.
   */
  guestPath: string;
  /**
   * What the guests write is what its methods read, and the other way round, at once; other machines may have it too. Methods of
   * an object that is not made by this package are called when guests ask: what they throw with the name of an errno as `code` is
   * that error for the guest, anything else is `EIO`, of which the first is a warning of the process; so is no answer within ten seconds.
   */
  filesystem: VirtualFileSystem;
  /**
   * Guests cannot change it.
   * @default false
   */
  readOnly?: boolean | undefined;
  /**
   * Guests may change what they see, and the machine keeps the changes.
   * @default false
   */
  overlay?: boolean | undefined;
}

/** A `node_modules` of the host in the machine. */
export interface NodeModulesOptions {
  /** The directory of the host. */
  hostPath: string;
  /**
   * Where it is in the machine.
   * @default "/node_modules"
   */
  guestPath?: string | undefined;
  /** As that of {@link MountOptions}. */
  followOutside?: readonly string[] | undefined;
}
