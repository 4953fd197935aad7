"use strict";
// What code that has taken over a VM process would do next, each tried by a process that is confined as one.

const { spawn } = require("node:child_process");
const { readdirSync } = require("node:fs");
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
];

/** Answers that refuse. What libraries look up is answered as if it were not there, although it is. */
const refusals = new Set(["EPERM", "EACCES", "ENOSYS"]);
const hidden = new Set([
  "read-file",
  "read-directory",
  "read-host-environment",
  "read-host-memory",
]);

/** At a time: each is a process that starts V8. */
const atOnce = 2;

/** @returns {Promise<{name: string, refused: boolean, outcome: string}[]>} In the order of the list. */
async function attackAll() {
  const results = [];
  const names = attacks.entries();
  const work = async () => {
    for (const [index, name] of names) results[index] = await attack(name);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}

/** One attack on this process. */
function attack(name) {
  const { folder, vmUser } = binding;
  const addon = readdirSync(folder).find((file) => file.endsWith(".node"));
  const pid = String(process.pid);
  const words = ["--self-attack", join(folder, addon), pid, name, pid, "lax", String(vmUser)];
  return new Promise((resolve) => {
    const child = spawn(join(folder, "secure-exec-vm"), words, { env: {}, stdio: "ignore" });
    child.on("error", (error) => resolve({ name, refused: false, outcome: error.message }));
    child.on("exit", (status, signal) => resolve({ name, ...judge(name, status, signal) }));
  });
}

function judge(name, status, signal) {
  if (signal === "SIGSYS") return { refused: true, outcome: "killed by SIGSYS" };
  if (signal) return { refused: false, outcome: `ended by ${signal}` };
  if (status === 0) return { refused: false, outcome: "done" };
  const [code] = Object.entries(os.constants.errno).find(([, number]) => number === status) ?? [];
  const refused = refusals.has(code) || (code === "ENOENT" && hidden.has(name));
  return { refused, outcome: code ?? `status ${status}` };
}

module.exports = { attackAll, attacks };
