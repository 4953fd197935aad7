// The command line on a terminal of the host, which `script` of util-linux makes.

import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { cli, folder, run, start } from "./support/cli.ts";
import { describe, ownedByTest, test } from "./support/suite.ts";

const script = spawnSync("script", ["--version"], { encoding: "utf8" });
const skip = script.stdout?.includes("util-linux") ? false : "needs `script` of util-linux";

/** The command line on a terminal of its own: what it shows, and its keys. */
class Screen {
  readonly process: ChildProcessWithoutNullStreams;
  readonly status: Promise<number | null>;
  shown = "";

  constructor(args: string[], { size = "" } = {}) {
    const quoted = [process.execPath, cli, ...args].map(
      (word) => `'${word.replaceAll("'", `'\\''`)}'`,
    );
    const line = `${size && `stty ${size}; `}exec ${quoted.join(" ")}`;
    this.process = spawn("script", ["-qefc", line, "/dev/null"], {
      cwd: folder,
      env: { ...process.env, SHELL: "/bin/sh", TERM: "xterm-256color", COLORTERM: "" },
    });
    this.process.stdout.setEncoding("utf8").on("data", (text) => (this.shown += text));
    this.status = once(this.process, "close").then(([code]) => code as number | null);
    ownedByTest(this);
  }

  /** Ends the command line, whatever the test has come to. */
  async dispose() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    for (const pid of [this.process.pid as number, ...children(this.process.pid as number)]) {
      process.kill(pid, "SIGKILL");
    }
    await this.status;
  }

  /** Waits until something has been shown. */
  async shows(pattern: RegExp) {
    while (!pattern.test(this.shown)) {
      const ended = await Promise.race([once(this.process.stdout, "data"), this.status]);
      if (!Array.isArray(ended)) assert.match(this.shown, pattern);
    }
  }

  type(keys: string) {
    this.process.stdin.write(keys);
  }
}

/** The state of a process of the host, as proc(5) has it, and its children. */
function state(pid: number): string | undefined {
  return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
}

function children(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")
      .split(" ")
      .filter(Boolean)
      .map(Number),
  );
}

/** Looks again until something is so: nothing tells of a process that stops but its parent. */
async function until(condition: () => boolean) {
  while (!condition()) await delay(20);
}

describe("a program on a terminal", { skip }, () => {
  test("has its size, its kind and its colours", async () => {
    const code = `const { stdin, stdout, stderr } = process;
      stdout.write([stdin.isTTY, stdout.isTTY, stderr.isTTY, stdout.columns, stdout.rows, stdout.getColorDepth(),
        process.env.TERM].join() + ";")`;
    const screen = new Screen(["-e", code], { size: "cols 97 rows 31" });
    assert.equal(await screen.status, 0);
    assert.match(screen.shown, /true,true,true,97,31,8,xterm-256color;/);
    const pipes = new Screen(["run", "--no-tty", "-p", "typeof process.stdout.isTTY"]);
    assert.equal(await pipes.status, 0);
    assert.match(pipes.shown, /undefined/);
  });

  test("sees the size change", async () => {
    const code = `process.stdout.on("resize", () => { console.log("now " + process.stdout.columns); process.exit(5); });
      process.stdin.resume(); console.log("ready")`;
    const screen = new Screen(["-e", code], { size: "cols 97" });
    await screen.shows(/ready/);
    // The command line is what `script` started; its terminal is that of descriptor 0.
    const [pid] = children(screen.process.pid as number);
    spawnSync("stty", ["-F", `/proc/${pid}/fd/0`, "cols", "61"]);
    assert.equal(await screen.status, 5);
    assert.match(screen.shown, /now 61/);
  });

  test("reads lines, keys in raw mode, and the end of input", async () => {
    const lines = new Screen(["exec", "sh", "-c", "echo ready; cat"]);
    await lines.shows(/ready/);
    lines.type("typed\n\x04");
    assert.equal(await lines.status, 0);
    assert.equal(lines.shown, "ready\r\ntyped\r\ntyped\r\n");
    const code = `process.stdin.setRawMode(true).on("data", (keys) => { console.log("<" + keys.toString("hex") + ">");
      if (keys.includes("q")) process.exit(6); }); console.log("ready")`;
    const keys = new Screen(["-e", code]);
    await keys.shows(/ready/);
    keys.type("\x03\x1a");
    await keys.shows(/<031a>|<03>[^<]*<1a>/);
    keys.type("q");
    assert.equal(await keys.status, 6);
  });

  test("is interrupted by Ctrl-C", async () => {
    const screen = new Screen(["-e", `console.log("ready"); for (;;);`]);
    await screen.shows(/ready/);
    screen.type("\x03");
    assert.equal(await screen.status, 130);
  });

  test("stops with the command line on Ctrl-Z, and goes on with it", async () => {
    const screen = new Screen([
      "-e",
      `console.log("ready"); process.stdin.on("data", (d) => process.exit(d.length))`,
    ]);
    await screen.shows(/ready/);
    const [pid] = children(screen.process.pid as number) as [number];
    const machines = children(pid);
    screen.type("\x1a");
    // `script` stops with its child, as a shell's job does.
    await until(() =>
      [screen.process.pid as number, pid, ...machines].every((each) => state(each) === "T"),
    );
    assert.ok(machines.length > 0);
    screen.process.kill("SIGCONT");
    await until(() => machines.every((each) => state(each) !== "T"));
    screen.type("ab\n");
    assert.equal(await screen.status, 3);
  });

  test("leaves Ctrl-Z to a shell that it is, for the jobs of that", async () => {
    const screen = new Screen(["exec", "bash"]);
    await screen.shows(/\$ /);
    screen.type("sh -c 'echo run''ning; sleep 1000'\n");
    await screen.shows(/running/);
    screen.type("\x1a");
    await screen.shows(/Stopped/);
    screen.type("kill -9 %1; exit 4\nexit 4\n");
    assert.equal(await screen.status, 4);
  });

  test("ends with its terminal, and the machine too", async () => {
    const screen = new Screen(["-e", `console.log("ready"); for (;;);`]);
    await screen.shows(/ready/);
    const [pid] = children(screen.process.pid as number) as [number];
    const machines = children(pid);
    screen.process.kill("SIGKILL");
    await until(() => ![pid, ...machines].some((each) => existsSync(`/proc/${each}`)));
  });

  test("can be asked for where there is none", async () => {
    const { stdout } = await run(
      [
        "--tty",
        "-e",
        `process.stdin.on("data", (d) => console.log(process.stdin.isTTY, d.length))`,
      ],
      {
        input: "four\n",
      },
    );
    assert.equal(stdout, "four\r\n\u001b[33mtrue\u001b[39m \u001b[33m5\u001b[39m\r\n");
  });
});

describe("a machine without a terminal", () => {
  test("stops on SIGTSTP with the command line, and goes on with it", async () => {
    const child = start(["-e", `setInterval(() => console.log("tick"), 10)`]);
    await once(child.stdout, "data");
    const machines = children(child.pid as number);
    child.kill("SIGTSTP");
    await until(() => [child.pid as number, ...machines].every((pid) => state(pid) === "T"));
    child.stdout.read();
    child.kill("SIGCONT");
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    const [code] = await once(child, "close");
    assert.equal(code, 143);
  });
});

describe("secure-exec shell on a terminal", { skip }, () => {
  test("shows its directory, has jobs, and ends with its status", async () => {
    const screen = new Screen(["shell"]);
    await screen.shows(/\/workspace\$ /);
    screen.type("cd /tmp\n");
    await screen.shows(/\/tmp\$ /);
    screen.type("sh -c 'echo run''ning; sleep 1000'\n");
    await screen.shows(/running/);
    screen.type("\x1a");
    await screen.shows(/Stopped/);
    screen.type("jobs; echo job-$?\n");
    await screen.shows(/job-0/);
    screen.type("kill -9 %1; exit 3\nexit 3\n");
    assert.equal(await screen.status, 3);
  });

  test("does not collect what nobody reads", async () => {
    const screen = new Screen(["shell"]);
    await screen.shows(/\$ /);
    screen.process.stdout.pause();
    const [pid] = children(screen.process.pid as number) as [number];
    const before = residentSet(pid);
    screen.type("yes | tee /dev/null\n");
    // What takes a machine the time for 200 MB, without one being read.
    await run(["exec", "sh", "-c", "yes | head -c 200000000 | wc -c"]);
    assert.ok(residentSet(pid) - before < 64 * 1024, "kilobytes");
  });

  function residentSet(pid: number): number {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  }
});
