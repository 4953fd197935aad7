// npm and npx of a machine: as the host's where nothing is downloaded.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type NodeRuntime, NodeRuntime as Runtime } from "../index.js";
import { describe, test } from "./support/suite.ts";

const manifest = {
  name: "app",
  version: "1.2.3",
  scripts: {
    prebuild: "echo before",
    build: "echo $npm_lifecycle_event of $npm_package_name $npm_package_version:",
    postbuild: "echo after",
    tool: "greet x",
    fail: "exit 3",
    test: "node test.js",
    prebroken: "exit 4",
    broken: "echo not reached",
  },
};
const files = {
  "package.json": JSON.stringify(manifest),
  "test.js": "console.log('tested', process.argv.slice(2)); process.exitCode = 5",
  "server.js": "console.log('served')",
  "inner/deep/file": "",
};
const program = "#!/bin/sh\necho greeted $*\n";

async function withProject(use: (rt: NodeRuntime, run: typeof both) => Promise<void>) {
  await using rt = await Runtime.create({
    cwd: "/app",
    files: {
      ...Object.fromEntries(Object.entries(files).map(([name, data]) => [`/app/${name}`, data])),
      "/app/node_modules/.bin/greet": { data: program, mode: 0o755 },
    },
  });
  const folder = mkdtempSync(join(tmpdir(), "secure-exec-npm-"));
  try {
    for (const [name, data] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), data);
    }
    mkdirSync(join(folder, "node_modules/.bin"), { recursive: true });
    writeFileSync(join(folder, "node_modules/.bin/greet"), program, { mode: 0o755 });
    await use(rt, (line: string) => both(line, rt, folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a line of the shell gives in the machine and on the host. */
async function both(line: string, rt?: NodeRuntime, folder?: string) {
  assert(rt && folder);
  const { stdout, exitCode } = await rt.execCommand("sh", ["-c", line]);
  const { npm_config_local_prefix: _, ...rest } = process.env;
  // What this test's own npm has told its children is not meant for the one that it starts.
  const env = Object.fromEntries(
    Object.entries({ ...rest, HOME: folder }).filter(([name]) => !/^(npm_|INIT_CWD)/.test(name)),
  );
  const host = spawnSync("sh", ["-c", line], {
    cwd: folder,
    encoding: "utf8",
    env: { ...env, npm_config_update_notifier: "false", npm_config_cache: join(folder, ".npm") },
  });
  return { guest: { stdout, exitCode }, host: { stdout: host.stdout, exitCode: host.status } };
}

describe("npm", () => {
  test("runs scripts as the host's does", async () => {
    await withProject(async (_rt, run) => {
      const lines = [
        "npm run",
        "npm run build",
        "npm run-script build -- 'a b' c",
        "npm run -s build",
        "npm run tool --silent",
        "npm run fail",
        "npm test",
        "npm t -- --flag value",
        "npm start",
        "npm run broken",
        "npm run nothing 2>/dev/null",
        "npm run nothing --if-present",
        "cd inner/deep && npm run -s build",
        "npm --prefix . run -s build",
      ];
      for (const line of lines) {
        const { guest, host } = await run(line);
        assert.deepEqual(guest, host, line);
      }
    });
  });

  test("installs where nothing is missing, and names what is", async () => {
    await withProject(async (rt, run) => {
      const { host } = await run("npm install >&2 && cat package-lock.json");
      const installed = await rt.execCommand("npm", ["install"]);
      assert.equal(installed.exitCode, 0);
      assert.match(installed.stdout, /^\nup to date in \d+ms\n$/);
      assert.equal(await rt.readFile("/app/package-lock.json", "utf8"), host.stdout);
      const missing = await rt.execCommand("npm", ["i", "express"]);
      assert.equal(missing.exitCode, 1);
      assert.match(missing.stderr, /cannot be downloaded[\s\S]*missing here: express\n/);
    });
  });

  test("npx runs installed programs and the machine's, and downloads none", async () => {
    await withProject(async (rt) => {
      const greeted = await rt.execCommand("npx", ["greet", "--a", "b"]);
      assert.deepEqual([greeted.stdout, greeted.exitCode], ["greeted --a b\n", 0]);
      const own = await rt.execCommand("npm", ["exec", "--", "node", "-p", "1 + 1"]);
      assert.equal(own.stdout, "2\n");
      const missing = await rt.execCommand("npx", ["-y", "cowsay"]);
      assert.equal(missing.exitCode, 127);
      assert.match(missing.stderr, /cowsay: no such program/);
    });
  });
});
