"use strict";
// What code that has taken over a VM process would do next, each tried by a process that is confined as one.

const { spawn } = require("node:child_process");
const {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} = require("node:fs");
const os = require("node:os");
const { join } = require("node:path");
const binding = require("../../binding.cjs");

/** The attacks, as crates/vm/src/lockdown/attack.rs names them. */
const attacks = [
  "read-file",
  "read-directory",
  "read-host-environment",
  "read-host-memory",
  "write-host-memory",
  "write-file",
  "create-file",
  "open-terminal",
  "unlink",
  "rename",
  "make-directory",
  "change-mode",
  "change-root",
  "socket-inet",
  "socket-inet6",
  "socket-unix",
  "socket-netlink",
  "connect",
  "bind",
  "fork",
  "execute",
  "kill-host",
  "kill-everything",
  "kill-host-thread",
  "pidfd-host",
  "trace-host",
  "read-host-process",
  "write-host-process",
  "limit-host",
  "clock-of-host",
  "processors-of-host",
  "map-shared",
  "map-stack",
  "outlive-host",
  "become-dumpable",
  "raise-limit",
  "become-root",
  "leave-session",
  "type-into-terminal",
  "further-filter",
  "personality",
  "memory-file",
  "shared-segment",
  "mount",
  "unshare",
  "join-namespace",
  "load-bpf",
  "io-uring",
  "perf-events",
  "userfaultfd",
  "keyring",
  "watch-files",
  "load-module",
  "file-write",
  "file-write-at",
  "file-cut",
  "file-allocate",
  "file-change-mode",
  "file-change-owner",
  "file-change-times",
  "file-set-attribute",
  "file-set-flags",
  "file-lease",
  "file-notify",
  "file-signals",
  "file-lock-range",
  "file-lock",
  "file-open-again",
  "file-open-to-write",
  "file-open-to-cut",
  "file-open-handle",
  "file-link",
  "file-map-shared",
  "file-map-to-write",
  "file-send",
  "file-execute",
  "file-copy-onto",
  "file-watch",
];

/** Answers that refuse. What libraries look up is answered as if it were not there, although it is. */
const refusals = new Set(["EPERM", "EACCES", "ENOSYS"]);
const hidden = new Set([
  "read-file",
  "read-directory",
  "read-host-environment",
  "read-host-memory",
  "file-open-again",
]);
/** A descriptor to read from takes no bytes, whoever asks. */
const unwritable = "file-write";

/** Where attacks have a file that is open to be read, as those of mounts are. */
const fileDescriptor = 3;

/** At a time: each is a process that starts V8. */
const atOnce = 2;

/**
 * @returns {Promise<{name: string, refused: boolean, outcome: string}[]>} In the order of the list; and whether the file that
 *   some had open is as it was.
 */
async function attackAll() {
  const results = [];
  const names = attacks.entries();
  const file = new OpenFile();
  const work = async () => {
    for (const [index, name] of names) results[index] = await attack(name, file);
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
    results.push({ name: "file-changes", ...file.judge() });
  } finally {
    file.close();
  }
  return results;
}

/** A file of this process's user that attacks have open to read from. */
class OpenFile {
  #folder = mkdtempSync(join(os.tmpdir(), "secure-exec-doctor-"));
  #path = join(this.#folder, "file");
  #before;

  constructor() {
    writeFileSync(this.#path, "as it was", { mode: 0o644 });
    this.descriptor = openSync(this.#path, "r");
    this.#before = this.#seen();
  }

  /** Whether something of it has changed. */
  judge() {
    const now = this.#seen();
    return now === this.#before
      ? { refused: true, outcome: "as it was" }
      : { refused: false, outcome: `${this.#before} is ${now}` };
  }

  #seen() {
    const { mode, uid, gid, nlink, mtimeMs, ctimeMs } = statSync(this.#path);
    const text = readFileSync(this.#path, "utf8");
    return JSON.stringify({ text, mode, uid, gid, nlink, mtimeMs, ctimeMs });
  }

  close() {
    closeSync(this.descriptor);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One attack on this process. */
function attack(name, { descriptor }) {
  const { folder, vmUser } = binding;
  const addon = readdirSync(folder).find((file) => file.endsWith(".node"));
  const pid = String(process.pid);
  const words = ["--self-attack", join(folder, addon), pid, name, pid, "lax", String(vmUser)];
  const stdio = ["ignore", "ignore", "ignore"];
  stdio[fileDescriptor] = descriptor;
  return new Promise((resolve) => {
    const child = spawn(join(folder, "secure-exec-vm"), words, { env: {}, stdio });
    child.on("error", (error) => resolve({ name, refused: false, outcome: error.message }));
    child.on("exit", (status, signal) => resolve({ name, ...judge(name, status, signal) }));
  });
}

function judge(name, status, signal) {
  if (signal === "SIGSYS") return { refused: true, outcome: "killed by SIGSYS" };
  if (signal) return { refused: false, outcome: `ended by ${signal}` };
  if (status === 0) return { refused: false, outcome: "done" };
  const [code] = Object.entries(os.constants.errno).find(([, number]) => number === status) ?? [];
  const refused =
    refusals.has(code) ||
    (code === "ENOENT" && hidden.has(name)) ||
    (code === "EBADF" && name === unwritable);
  return { refused, outcome: code ?? `status ${status}` };
}

module.exports = { attackAll, attacks };
