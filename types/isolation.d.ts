// What holds machines back.

/** What holds back the process behind a VM, as the operating system says of each of its threads. */
export interface Isolation {
  /**
   * All of it in one word, from the strongest:
   * - `sealed`: as `partial`; it has no capability, is not root, and reaches no file of the host.
   * - `partial`: as `process`; it has few system calls, and cannot gain privileges.
   * - `process`: a process of its own, with resource limits.
   * - `shared`: the process serves other runtimes too, however well it is confined.
   * - `none`: it is this process.
   */
  readonly level: "sealed" | "partial" | "process" | "shared" | "none";
  /** Every thread has a filter of system calls of its own. */
  readonly seccomp: boolean;
  /** Version of Landlock's interface that the process is under; 0 for none. */
  readonly landlock: number;
  /** No thread can gain privileges by executing a program. */
  readonly noNewPrivs: boolean;
  /** Bits of the capabilities that some thread has or could take (capabilities(7)). */
  readonly capabilities: number;
  /** The user that the process is. */
  readonly uid: number;
  /** Whether the process has a namespace of users, of the network, of processes of its own. */
  readonly userns: boolean;
  readonly netns: boolean;
  readonly pidns: boolean;
  /** Whether V8 makes machine code in it, for which it has memory that is writable and executable. Always true for now. */
  readonly jit: boolean;
  /** How the processor may guess in it, in the kernel's words; empty where it does not say. */
  readonly speculation: { readonly storeBypass: string; readonly indirectBranch: string };
  /** What keeps `level` from being `sealed`, for people. */
  readonly missing: readonly string[];
}
