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
    killed: "kill -9 $$",
    test: "node test.js",
    "pre-broken": "true",
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
        "npm run build --ignore-scripts",
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
    await withProject(async (rt) => {
      const installed = await rt.execCommand("npm", ["install"]);
      assert.equal(installed.exitCode, 0);
      assert.match(installed.stdout, /^\nup to date, audited 1 package in \d+ms\n\nfound 0 vuln/);
      const lock = JSON.parse(await rt.readFile("/app/package-lock.json", "utf8"));
      assert.deepEqual(lock, {
        name: "app",
        version: "1.2.3",
        lockfileVersion: 3,
        requires: true,
        packages: { "": { name: "app", version: "1.2.3" } },
      });
      const missing = await rt.execCommand("npm", ["i", "express"]);
      assert.equal(missing.exitCode, 1);
      assert.match(missing.stderr, /cannot be downloaded[\s\S]*Missing here: express/);
      const dependencies = { "is-there": "1", "is-not": "2" };
      await rt.writeFile("/app/package.json", JSON.stringify({ dependencies }));
      await rt.mkdir("/app/node_modules/is-there", { recursive: true });
      await rt.writeFile("/app/node_modules/is-there/package.json", '{"version":"1.0.0"}');
      const one = await rt.execCommand("npm", ["ci"]);
      assert.equal(one.exitCode, 1);
      assert.match(one.stderr, /Missing here: is-not\n/);
    });
  });

  test("says what is wrong with a package.json, and what it does not do", async () => {
    await withProject(async (rt) => {
      const fails = async (args: string[], message: RegExp) => {
        const { exitCode, stderr } = await rt.execCommand("npm", args);
        assert.equal(exitCode, 1, args.join(" "));
        assert.match(stderr, message);
      };
      await fails(["frobnicate"], /"frobnicate" is not done here/);
      await fails(["init"], /npm init -y/);
      await fails(["-w", "a", "test"], /workspaces are not supported/);
      await rt.writeFile("/app/package.json", "{");
      await fails(["test"], /code EJSONPARSE/);
      await rt.remove("/app/package.json");
      await rt.remove("/app/node_modules", { recursive: true });
      await fails(["test"], /code ENOENT/);
    });
  });

  test("npx runs installed programs and the machine's, and downloads none", async () => {
    await withProject(async (rt) => {
      const greeted = await rt.execCommand("npx", ["greet", "--a", "b"]);
      assert.deepEqual([greeted.stdout, greeted.exitCode], ["greeted --a b\n", 0]);
      const own = await rt.execCommand("npm", ["exec", "--", "node", "-p", "1 + 1"]);
      assert.equal(own.stdout, "2\n");
      const missing = await rt.execCommand("npx", ["-y", "cowsay"]);
      assert.equal(missing.exitCode, 1);
      assert.match(missing.stderr, /cowsay is not installed here/);
    });
  });
});
