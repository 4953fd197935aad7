// Runs a file in a fresh runtime of the product itself, in default isolation.

import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../lib/paths.mjs";
import { guestSuite as mountedSuite, guestTmp } from "./backends.mjs";
import { isTest } from "./suite.mjs";

/** Where the suite is copied to: files given to a runtime belong to its user. */
const copiedSuite = "/workspace/node/test";

/** Folders of fixtures that few files need: 38 of 50 MB. Added for a file that names them, or what uses them. */
const largeFixtures = { wpt: /wpt/, snapshot: /snapshot|typescript/ };

/** @returns {Promise<import("./backends.mjs").Backend>} */
export async function productBackend(suite) {
  const { NodeRuntime } = await import(pathToFileURL(join(root, "index.js")).href);
  const canMount = await supportsMounts(NodeRuntime, suite);
  const guestSuite = canMount ? mountedSuite : copiedSuite;
  const common = canMount ? undefined : commonFiles(suite);

  function creation(name) {
    const options = { env: { NODE_TEST_DIR: guestTmp } };
    if (!canMount) return { ...options, files: { ...common, ...ownFiles(suite, name) } };
    const mounts = [{ guestPath: guestSuite, hostPath: suite, readOnly: true }];
    return {
      ...options,
      mounts,
      permissions: { network: { default: "deny", rules: loopbackOnly } },
    };
  }

  return {
    describe: (name, flags) =>
      `node ${[...flags, `${guestSuite}/${name}`].join(" ")} (in a runtime, ${guestSuite} ${canMount ? "mounted" : "copied"})`,
    async run(name, flags, { timeoutMs }) {
      const start = performance.now();
      const runtime = await NodeRuntime.create(creation(name));
      try {
        const result = await runtime.execCommand("node", [...flags, `${guestSuite}/${name}`], {
          cwd: `${guestSuite}/parallel`,
          timeout: timeoutMs,
        });
        const { exitCode, stdout, stderr, timedOut = false } = result;
        const ms = performance.now() - start;
        return { exitCode, signal: undefined, timedOut, stdout, stderr, ms };
      } catch (error) {
        // A rejection is the product's failure, not the runner's: it counts against the file.
        const stderr = `${error?.stack ?? error}\n`;
        const ms = performance.now() - start;
        return { exitCode: null, signal: undefined, timedOut: false, stdout: "", stderr, ms };
      } finally {
        await runtime.dispose();
      }
    },
    async close() {},
  };
}

const loopbackOnly = [{ mode: "allow", patterns: ["localhost", "127.0.0.0/8", "::1"] }];

async function supportsMounts(NodeRuntime, suite) {
  const mounts = [{ guestPath: mountedSuite, hostPath: suite, readOnly: true }];
  try {
    const runtime = await NodeRuntime.create({ mounts, permissions: {} });
    await runtime.dispose();
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

function commonFiles(suite) {
  const files = { [`${copiedSuite}/parallel/.keep`]: "" };
  addFolder(files, suite, "common");
  for (const name of readdirSync(join(suite, "fixtures"))) {
    if (!Object.hasOwn(largeFixtures, name)) add(files, suite, `fixtures/${name}`);
  }
  return files;
}

function ownFiles(suite, name) {
  const files = {};
  add(files, suite, name);
  const text = readFileSync(join(suite, name), "utf8");
  for (const [folder, pattern] of Object.entries(largeFixtures)) {
    if (pattern.test(text)) addFolder(files, suite, `fixtures/${folder}`);
  }
  // A few start another test.
  for (const [other] of text.matchAll(/\btest-[\w.-]+\.m?js\b/g)) {
    const path = join(dirname(name), other);
    if (existsSync(join(suite, path))) add(files, suite, path);
  }
  // What the tests of one module share.
  if (text.includes("../sqlite/")) addFolder(files, suite, "sqlite");
  for (const other of readdirSync(join(suite, dirname(name)))) {
    if (!isTest(other)) add(files, suite, `${dirname(name)}/${other}`);
  }
  return files;
}

function addFolder(files, suite, folder) {
  for (const name of readdirSync(join(suite, folder))) add(files, suite, `${folder}/${name}`);
}

function add(files, suite, name) {
  const path = join(suite, name);
  const stat = lstatSync(path);
  if (stat.isDirectory()) addFolder(files, suite, name);
  else if (stat.isFile()) {
    const data = readFileSync(path);
    const executable = (stat.mode & 0o111) !== 0;
    files[`${copiedSuite}/${name}`] = executable ? { data, mode: 0o755 } : data;
  }
}
