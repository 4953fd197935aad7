// The public API of secure-exec, whose parts are in `types`. The build copies all of it to files named `.d.cts`, for CommonJS.

/// <reference lib="esnext.disposable" />

export * from "./types/create-options.js";
export * from "./types/driver-runtime.js";
export * from "./types/drivers.js";
export * from "./types/errors.js";
export * from "./types/events.js";
export * from "./types/file-transfer.js";
export * from "./types/filesystems.js";
export * from "./types/host-commands.js";
export * from "./types/isolation.js";
export * from "./types/kernel.js";
export * from "./types/limits.js";
export * from "./types/machine.js";
export * from "./types/mounts.js";
export * from "./types/network.js";
export * from "./types/node-runtime.js";
export * from "./types/permissions.js";
export * from "./types/programs.js";
export * from "./types/resident-runner.js";
export * from "./types/sandbox.js";
export * from "./types/server.js";
export * from "./types/python.js";
export * from "./types/shell-session.js";
export * from "./types/snapshots.js";
export * from "./types/tool-schemas.js";
export * from "./types/tools.js";
