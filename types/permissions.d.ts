// What programs of a driver or a kernel may do.

/** What a permission is asked for. */
export interface PermissionRequest {
  /**
   * What is to be done: `fetch`, `http` and `dns` of the network, `read` of the environment, `spawn` of programs; of files `read`, `write`, `stat`, `exists`,
   * `readdir`, `mkdir`, `rm`, `rename`, `link`, `symlink`, `readlink`, `chmod`, `chown` and `utimes`.
   */
  op: string;
  /** Of a file; of a program, where that is: for a script its interpreter. */
  path?: string;
  /** The program as it was asked for: a path, or a name that was looked up in `PATH`. */
  command?: string;
  /** Its arguments; for a script its own path is among them. */
  args?: readonly string[];
  /** The directory that it is started in. */
  cwd?: string;
  url?: string;
  method?: string;
  hostname?: string;
  /** Name and value of a variable. */
  key?: string;
  value?: string;
}

/** What a permission says: a reason is what the caller is told of a denial. */
export type PermissionDecision = boolean | { allow: boolean; reason?: string };

/** Decides about a request. What is no plain yes is a no. */
export type PermissionCheck<Request = PermissionRequest> = (
  request: Request,
) => PermissionDecision | Promise<PermissionDecision>;

/** What rules can say of a scope: `operations` are those of {@link PermissionRequest.op}. */
export interface PermissionRule<Operation extends string> {
  mode: "allow" | "deny";
  /** @default any */
  operations?: readonly (Operation | "*")[] | undefined;
}

/** A permission as rules: the first that matches decides, else `default`, else no. */
export interface PermissionRules<Rule> {
  /** @default deny */
  default?: "allow" | "deny" | undefined;
  rules?: readonly Rule[] | undefined;
}

/**
 * A rule about files. `*` is anything within a name, `**` across; `/data/**` is the directory, too. What is allowed below a
 * directory lets its way be looked up.
 */
export type FileRule = PermissionRule<
  | ("read" | "write" | "stat" | "exists" | "readdir" | "mkdir" | "rm" | "rename" | "link")
  | ("symlink" | "readlink" | "chmod" | "chown" | "utimes")
> & { paths?: readonly string[] | undefined };

/**
 * A rule about the network: `api.example.com`, `*.example.com`, `host:443`, `10.0.0.0/8`, `https://host/path*`, `tcp://host:port`, `dns://host`,
 * `*`.
 */
export type NetworkRule = PermissionRule<"fetch" | "http" | "dns"> & {
  patterns?: readonly string[] | undefined;
};

/** A rule about programs: a name is one of the machine's own (in `/usr/bin` and the like), a path is where it is. */
export type ProgramRule = PermissionRule<"spawn"> & { patterns?: readonly string[] | undefined };

/** A rule about variables of the environment, by their names. */
export type VariableRule = PermissionRule<"read"> & { patterns?: readonly string[] | undefined };

/** What programs of a driver or a kernel may do, by scope. */
export interface DriverPermissions {
  /**
   * What guests do with the driver's or kernel's `filesystem`, or with one of its own if none was given. It is asked on this
   * thread for each operation; what the machine keeps for itself (`/tmp`, `/usr`, ...) and what the host does is not asked about.
   * @default allow
   */
  fs?: "allow" | "deny" | PermissionCheck | PermissionRules<FileRule> | undefined;
  /**
   * What `runtime.network` may reach outside of the machine. Programs reach nothing there.
   * @default deny
   */
  network?: "allow" | "deny" | PermissionCheck | PermissionRules<NetworkRule> | undefined;
  /**
   * Programs that programs start, within the machine: each is asked about, those of a shell's line too (what is part of the shell, as
   * `echo`, is no program). A denial is `EACCES`. The guest waits for the answer; one that does not come within
   * `limits.tools.defaultToolTimeoutMs` is a no. What the host starts is not asked about.
   * @default allow
   */
  childProcess?: "allow" | "deny" | PermissionCheck | PermissionRules<ProgramRule> | undefined;
  /**
   * Which of the variables that the host gives are there.
   * @default allow
   */
  env?: "allow" | "deny" | PermissionCheck | PermissionRules<VariableRule> | undefined;
}

/** Allows all of the files: `permissions: { ...allowAllFs }`. */
export const allowAllFs: Required<Pick<DriverPermissions, "fs">>;

/** Allows all of the network. */
export const allowAllNetwork: Required<Pick<DriverPermissions, "network">>;

/** Allows all child processes. */
export const allowAllChildProcess: Required<Pick<DriverPermissions, "childProcess">>;

/** Allows all variables of the environment. */
export const allowAllEnv: Required<Pick<DriverPermissions, "env">>;

/** Allows everything. */
export const allowAll: Required<DriverPermissions>;
