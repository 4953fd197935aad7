// FIFOs in guest programs: opening waits for the other end, as on the host.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertSameAsHost, withRuntime } from "./support/guest.ts";

/** What every program begins with. */
const prelude = `
  import fs from "node:fs";
  import { execFileSync, spawn } from "node:child_process";
  import { once } from "node:events";
  import { setTimeout as delay } from "node:timers/promises";
  const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK } = fs.constants;
  execFileSync("mkfifo", ["fifo"]);
`;

const same: Record<string, string> = {
  "an open waits while the program goes on": `
    const order = [];
    const reader = fs.promises.open("fifo", "r").then((handle) => {
      order.push("reader");
      return handle;
    });
    await delay(20);
    order.push("timer");
    const [read, write] = await Promise.all([reader, fs.promises.open("fifo", "w")]);
    console.log(order.join());
    await write.writeFile("through");
    await write.close();
    console.log(await read.readFile("utf8"));
    await read.close();
  `,
  "callbacks and streams": `
    fs.open("fifo", "w", (error, fd) => {
      console.log(error, typeof fd);
      fs.writeSync(fd, "from a callback");
      fs.closeSync(fd);
    });
    let text = "";
    for await (const chunk of fs.createReadStream("fifo", "utf8")) text += chunk;
    console.log(text);
    const output = fs.createWriteStream("fifo");
    output.end("from a stream");
    console.log(await fs.promises.readFile("fifo", "utf8"));
  `,
  "synchronous calls wait for another process": `
    const writer = spawn("sh", ["-c", "echo hello >fifo"]);
    console.log(fs.readFileSync("fifo", "utf8").trim());
    await once(writer, "close");
    const reader = spawn("sh", ["-c", "cat fifo; echo end"]);
    fs.writeFileSync("fifo", "to the child ");
    console.log(String((await reader.stdout.toArray()).join("")).trim());
    const second = spawn("sh", ["-c", "cat <fifo"]);
    const fd = fs.openSync("fifo", "w");
    fs.writeSync(fd, "by descriptor");
    fs.closeSync(fd);
    console.log(String((await second.stdout.toArray()).join("")));
  `,
  "without blocking, and with both ends": `
    try {
      fs.openSync("fifo", O_WRONLY | O_NONBLOCK);
    } catch (error) {
      console.log(error.code, error.syscall, error.path);
    }
    await fs.promises.open("fifo", O_WRONLY | O_NONBLOCK).catch((error) => console.log(error.code));
    const empty = fs.openSync("fifo", O_RDONLY | O_NONBLOCK);
    console.log(fs.readSync(empty, Buffer.alloc(4)));
    const both = fs.openSync("fifo", O_RDWR);
    fs.writeSync(both, "ping");
    const buffer = Buffer.alloc(8);
    console.log(fs.readSync(empty, buffer), buffer.toString("utf8", 0, 4));
    fs.closeSync(empty);
    fs.closeSync(both);
  `,
  "a child that waits is killed": `
    for (const command of ["exec cat fifo", "echo x >fifo", "exec node -e 'fs.readFileSync(process.argv[1])' fifo"]) {
      const child = spawn("sh", ["-c", command], { stdio: "inherit", timeout: 300 });
      console.log((await once(child, "close")).join());
    }
  `,
};

describe("a FIFO", { timeout: 60_000 }, () => {
  for (const [name, code] of Object.entries(same)) {
    test(name, async () => {
      await assertSameAsHost(prelude + code);
    });
  }

  test("that a program waits for does not outlive it", async () => {
    await withRuntime({}, async (runtime) => {
      const code = `${prelude}
        fs.open("fifo", "r", () => console.log("never"));
        fs.open("fifo", "r", () => console.log("never"));
        await delay(10);
        console.log("leaving");
        process.exit(3);`;
      const { stdout, exitCode } = await runtime.exec(code, {
        cwd: "/workspace",
        timeout: 20_000,
      });
      assert.deepEqual([stdout, exitCode], ["leaving\n", 3]);
      const blocked = `import fs from "node:fs"; fs.readFileSync("/workspace/fifo");`;
      const killed = await runtime.exec(blocked, { timeout: 300 });
      assert.deepEqual([killed.timedOut, killed.exitCode], [true, 137]);
      const { processes, pipes } = await runtime.getResourceSnapshot();
      assert.deepEqual({ processes, pipes }, { processes: 0, pipes: 0 });
    });
  });

  test("has no content for the host", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.execCommand("mkfifo", ["/workspace/fifo"]);
      await assert.rejects(runtime.readFile("/workspace/fifo"), { code: "EINVAL" });
      await assert.rejects(runtime.writeFile("/workspace/fifo", "x"), { code: "EINVAL" });
    });
  });
});
