// What programs of a driver or a kernel may do.

/** What a permission is asked for. */
export interface PermissionRequest {
  /**
   * What is to be done: `fetch`, `http` and `dns` of the network, `read` of the environment; of files `read`, `write`, `stat`, `exists`,
   * `readdir`, `mkdir`, `rm`, `rename`, `link`, `symlink`, `readlink`, `chmod`, `chown` and `utimes`.
   */
  op: string;
  path?: string;
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

/** What programs of a driver or a kernel may do, by scope. */
export interface DriverPermissions {
  /**
   * What guests do with the driver's or kernel's `filesystem`, or with one of its own if none was given. It is asked on this
   * thread for each operation; what the machine keeps for itself (`/tmp`, `/usr`, ...) and what the host does is not asked about.
   * @default allow
   */
  fs?: "allow" | "deny" | PermissionCheck | undefined;
  /**
   * What `runtime.network` may reach outside of the machine. Programs reach nothing there.
   * @default deny
   */
  network?: "allow" | "deny" | PermissionCheck | undefined;
  /** Programs that programs start, within the machine. Only `allow` for now, which is the default. */
  childProcess?: "allow" | PermissionCheck | undefined;
  /**
   * Which of the variables that the host gives are there.
   * @default allow
   */
  env?: "allow" | "deny" | PermissionCheck | undefined;
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
