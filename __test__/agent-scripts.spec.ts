// Scripts of the kind that coding agents write: the same output and status as with the host's bash and tools.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const folder = join(import.meta.dirname, "fixtures/agent-scripts");
const scripts = readdirSync(folder).filter((name) => name.endsWith(".sh"));

const least = 51;

/** Runs it with the host's bash in a folder of its own, output through a pipe as in the guest. */
function onHost(name: string): Promise<{ stdout: string; status: number | null }> {
  const cwd = mkdtempSync(join(tmpdir(), "secure-exec-agent-script-"));
  cpSync(join(folder, name), join(cwd, name));
  const env = { PATH: process.env.PATH, HOME: cwd, LC_ALL: "C.UTF-8" };
  const piped = 'set -o pipefail; bash "$1" < /dev/null | cat';
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-c", piped, "-", name], { cwd, env, timeout: 60_000 });
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.resume();
    child.once("error", reject);
    child.once("close", (status) => {
      rmSync(cwd, { recursive: true, force: true });
      resolve({ stdout, status });
    });
  });
}

describe("scripts of coding agents", () => {
  test("are all there", () => {
    assert.ok(scripts.length >= least, `${scripts.length} scripts`);
  });

  for (const name of scripts) {
    test(name, async () => {
      const host = await onHost(name);
      assert.notEqual(host.stdout, "", "the script printed nothing on the host");
      const files = { [`/workspace/${name}`]: readFileSync(join(folder, name)) };
      await withRuntime({ files }, async (runtime) => {
        const { stdout, exitCode, stderr } = await runtime.execCommand("bash", [name], {
          cwd: "/workspace",
          env: { LC_ALL: "C.UTF-8" },
          timeout: 60_000,
        });
        assert.deepEqual({ stdout, status: exitCode }, host, stderr);
      });
    });
  }
});
