"use strict";
// `secure-exec doctor`: what confines VM processes here, and whether it does.

const { createHash } = require("node:crypto");
const { createReadStream, existsSync, readdirSync, readFileSync } = require("node:fs");
const os = require("node:os");
const { join, relative } = require("node:path");
const { pipeline } = require("node:stream/promises");
const binding = require("../../binding.cjs");
const { version } = require("../../package.json");
const { NodeRuntime } = require("../node-runtime.cjs");
const { attackAll } = require("./self-attack.cjs");
const { UsageError } = require("./usage-error.cjs");

/** Levels of isolation that the default is content with. */
const levels = new Set(["sealed", "partial"]);

/**
 * Prints what was found.
 *
 * @returns {Promise<number>} 0, or 1 if something does not hold: an attack worked, a VM process has no filter of system
 *   calls, or a file of the package is not what it should be.
 */
async function doctor(operands, { json }) {
  if (operands.length > 0) throw new UsageError("doctor takes no operands");
  const [isolation, versions] = await isolated();
  const [files, attacks] = [await packageFiles(), await attackAll()];
  const found = { version, ...system(), versions, isolation, files, attacks };
  found.ok = levels.has(isolation.level) && wholeFiles(files) && refused(attacks);
  process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : report(found));
  return found.ok ? 0 : 1;
}

/** What a machine of this host says of itself, and of its engines. */
async function isolated() {
  const runtime = await NodeRuntime.create({ requireIsolation: "process" });
  try {
    const { value } = await runtime.run(`
      const { node, v8, openssl, icu, tz } = process.versions;
      globalThis.__return({ node, v8, openssl, icu, tz });
    `);
    return [runtime.isolation, { ...value, ...thirdParty("wasmtime") }];
  } finally {
    await runtime.dispose();
  }
}

/** A version by the list that ships with the package. */
function thirdParty(name) {
  const list = readText(join(__dirname, "../../THIRD-PARTY.md")) ?? "";
  const rows = list.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  const found = rows.find((cells) => cells[1] === name)?.[2];
  return found === undefined ? {} : { [name]: found };
}

function system() {
  const { seccomp, landlock } = binding.confinement();
  const status = readText("/proc/self/status") ?? "";
  const ofThis = (name) => new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status)?.[1];
  return {
    kernel: os.release(),
    host: { node: process.version, uid: process.getuid?.(), capabilities: ofThis("CapEff") },
    vmUser: process.getuid?.() === 0 ? binding.vmUser : process.getuid?.(),
    seccomp,
    actions: readText("/proc/sys/kernel/seccomp/actions_avail"),
    landlock,
    userNamespaces: readNumber("/proc/sys/user/max_user_namespaces"),
    restrictedUserNamespaces: readNumber("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
    yama: readNumber("/proc/sys/kernel/yama/ptrace_scope"),
    overcommit: readNumber("/proc/sys/vm/overcommit_memory"),
    corePattern: readText("/proc/sys/kernel/core_pattern"),
    memoryMax: readText("/sys/fs/cgroup/memory.max"),
    cpuMax: readText("/sys/fs/cgroup/cpu.max"),
    pidsMax: readText("/sys/fs/cgroup/pids.max"),
  };
}

/** A file of the system that may not be there. */
function readText(path) {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

function readNumber(path) {
  const text = readText(path);
  return text === undefined ? undefined : Number(text);
}

/** Sums of the files that run in a VM process, and whether they are those that the package says. */
async function packageFiles() {
  const { folder } = binding;
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(node|snapshot|cwasm|wasm)$|-vm$/.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)));
  const expected = expectedSums(folder);
  const files = [];
  for (const name of names.sort()) {
    const sha256 = await sumOf(join(folder, name));
    const known = expected.get(name);
    files.push({ name, sha256, ...(known !== undefined && { expected: known === sha256 }) });
  }
  return files;
}

/** What the package has sums of. */
function expectedSums(folder) {
  const sums = new Map();
  const snapshot = readText(join(folder, "node.snapshot.sha256"));
  if (snapshot) sums.set("node.snapshot", snapshot.split(" ")[0]);
  const manifest = join(folder, "commands", "commands.json");
  if (!existsSync(manifest)) return sums;
  for (const { file, precompiled, sha256 } of JSON.parse(readFileSync(manifest, "utf8")).modules) {
    if (sha256?.file) sums.set(join("commands", file), sha256.file);
    if (sha256?.precompiled) sums.set(join("commands", precompiled), sha256.precompiled);
  }
  return sums;
}

async function sumOf(path) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

const wholeFiles = (files) => files.every(({ expected }) => expected !== false);
const refused = (attacks) => attacks.every((attack) => attack.refused);

function report({ isolation, files, attacks, versions, ok, ...rest }) {
  const lines = ["System"];
  for (const [name, value] of Object.entries(rest)) lines.push(row(name, value));
  lines.push("", "Versions", ...Object.entries(versions).map(([name, value]) => row(name, value)));
  lines.push(
    "",
    "VM process",
    ...Object.entries(isolation).map(([name, value]) => row(name, value)),
  );
  lines.push("", "Files");
  for (const { name, sha256, expected } of files) {
    const mark = { true: "as packed", false: "CHANGED" }[expected] ?? "no sum to compare";
    lines.push(`  ${sha256.slice(0, 16)}  ${mark.padEnd(17)}  ${name}`);
  }
  lines.push("", "Attacks, each from a confined process");
  for (const { name, outcome, refused: held } of attacks) {
    lines.push(`  ${held ? "refused" : "WORKED "}  ${name.padEnd(24)} ${outcome}`);
  }
  lines.push("", ok ? "All of it holds." : "Not all of it holds: see docs/isolation.md.", "");
  return lines.join("\n");
}

function row(name, value) {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value ?? "not there");
  return `  ${name.padEnd(26)} ${text}`;
}

module.exports = { doctor };
