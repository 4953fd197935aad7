// Output, standard input and the end of a program.

import assert from "node:assert/strict";
import { assertSameAsHost, inGuest, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

describe("output", () => {
  test("a fast exit loses nothing", async () => {
    await withRuntime({}, async (runtime) => {
      for (let i = 0; i < 20; i += 1) {
        const { stdout, exitCode } = await runtime.exec(`
          for (let i = 0; i < 16; i++) process.stdout.write(String.fromCharCode(97 + i).repeat(4096));
          process.exit(0);
        `);
        assert.equal(exitCode, 0);
        const wanted = Array.from({ length: 16 }, (_, n) =>
          String.fromCharCode(97 + n).repeat(4096),
        );
        assert.equal(stdout, wanted.join(""));
      }
    });
  });

  test("an empty write calls back, raw writes gain no newline, order is kept", async () => {
    const { stdout, stderr } = await inGuest(`
      await new Promise((resolve) => process.stdout.write("", resolve));
      process.stdout.write("a");
      process.stderr.write("x");
      process.stdout.write("b");
      console.error("y");
      process.stdout.write("c");
    `);
    assert.equal(stdout, "abc");
    assert.equal(stderr, "xy\n");
  });

  test("characters split across writes arrive whole", async () => {
    const text = "grüße, 世界, 🎉, end";
    await withRuntime({}, async (runtime) => {
      const chunks: Uint8Array[] = [];
      const { stdout } = await runtime.exec(
        `
          import { writeSync } from "node:fs";
          for (const byte of Buffer.from(${JSON.stringify(text)})) writeSync(1, Buffer.from([byte]));
        `,
        { onStdout: (chunk) => chunks.push(chunk) },
      );
      assert.equal(stdout, text);
      assert.equal(Buffer.concat(chunks).toString(), text);
    });
  });

  test("captured output is cut at a character boundary and says so", async () => {
    await withRuntime({}, async (runtime) => {
      const result = await runtime.exec(
        `process.stdout.write("é".repeat(100)); process.stderr.write("whole");`,
        { maxOutputBytes: 101 },
      );
      assert.equal(result.stdout, "é".repeat(50));
      assert.equal(result.stdoutTruncated, true);
      assert.equal(result.stderr, "whole");
      assert.ok(!result.stderrTruncated);
      assert.equal(result.exitCode, 0);
    });
  });

  test("a throwing onStdout rejects the call and nothing else", async () => {
    await withRuntime({}, async (runtime) => {
      const onStdout = () => {
        throw new Error("from the callback");
      };
      await assert.rejects(runtime.exec("console.log(1)", { onStdout }), /from the callback/);
      assert.equal((await runtime.exec("console.log(2)")).stdout, "2\n");
    });
  });
});

describe("standard input", () => {
  test("is at end of file when nothing is given", async () => {
    const { stdout, exitCode } = await inGuest(`
      let input = "";
      for await (const chunk of process.stdin) input += chunk;
      console.log(JSON.stringify(input));
    `);
    assert.deepEqual({ stdout, exitCode }, { stdout: '""\n', exitCode: 0 });
  });

  test("arrives whole, text and bytes", async () => {
    await withRuntime({}, async (runtime) => {
      const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
      const program = `
        import { createHash } from "node:crypto";
        const hash = createHash("sha256");
        let length = 0;
        for await (const chunk of process.stdin) { hash.update(chunk); length += chunk.length; }
        console.log(length, hash.digest("hex"));
      `;
      const { createHash } = await import("node:crypto");
      const sum = createHash("sha256").update(bytes).digest("hex");
      const { stdout } = await runtime.exec(program, { stdin: bytes });
      assert.equal(stdout, `${bytes.length} ${sum}\n`);
    });
  });
});

describe("the end of a program", () => {
  const sameExit = {
    "process.exit in a tick keeps its code": `
      console.log("tick");
      process.nextTick(() => process.exit(3));
      setTimeout(() => process.exit(4), 50);
    `,
    "process.exit in a timer keeps its code": `
      console.log("timer");
      setTimeout(() => process.exit(5), 1);
    `,
    "an error thrown in a timer reaches uncaughtException": `
      process.on("uncaughtException", (error, origin) => {
        console.log(error.message, origin);
        process.exitCode = 6;
      });
      setTimeout(() => { throw new Error("late"); }, 1);
    `,
    "an error thrown in a tick reaches uncaughtException, and what comes next runs": `
      process.on("uncaughtException", (error) => { console.log(error.message); process.exitCode = 9; });
      process.nextTick(() => { throw new Error("tick"); });
      queueMicrotask(() => { throw new Error("microtask"); });
      setTimeout(() => console.log("later"), 1);
    `,
    "process.exit in a handler of an uncaught error keeps its code": `
      process.on("uncaughtException", () => { console.log("handled"); process.exit(11); });
      setImmediate(() => { throw new Error("immediate"); });
      setTimeout(() => process.exit(12), 200);
    `,
    "exitCode is read after the loop drained": `
      console.log("now");
      setTimeout(() => { process.exitCode = 7; }, 5);
    `,
    "the exit event can set the code": `
      process.on("exit", (code) => { console.log("exit", code); process.exitCode = 8; });
    `,
    "beforeExit can start more work": `
      let rounds = 0;
      process.on("beforeExit", () => {
        console.log("beforeExit", rounds);
        if (rounds++ < 2) setTimeout(() => {}, 1);
      });
    `,
    "an uncaught error is 1": `console.log("a"); throw new Error("uncaught");`,
    "an unhandled rejection is 1": `console.log("a"); Promise.reject(new Error("unhandled"));`,
    "an unsettled top-level await is 13": `console.log("a"); await new Promise(() => {});`,
    "unref'd timers do not keep a program alive": `
      console.log("a");
      setTimeout(() => console.log("never"), 60_000).unref();
      setInterval(() => {}, 1000).unref();
    `,
    "SIGINT to oneself": `console.log("a"); process.kill(process.pid, "SIGINT"); setTimeout(() => {}, 1e4);`,
    "SIGTERM to oneself": `console.log("a"); process.kill(process.pid, "SIGTERM"); setTimeout(() => {}, 1e4);`,
    "SIGKILL to oneself": `console.log("a"); process.kill(process.pid, "SIGKILL"); setTimeout(() => {}, 1e4);`,
    "SIGWINCH is ignored": `process.kill(process.pid, "SIGWINCH"); setTimeout(() => console.log("alive"), 20);`,
    "a handler suppresses the exit": `
      process.on("SIGTERM", (name, number) => { console.log(name, number); clearInterval(timer); });
      const timer = setInterval(() => {}, 1000);
      process.kill(process.pid, "SIGTERM");
    `,
    "the order of ticks, microtasks, timers and immediates": `
      setTimeout(() => {
        console.log("timer");
        setImmediate(() => console.log("immediate"));
        setTimeout(() => console.log("timer in timer"), 0);
        process.nextTick(() => console.log("tick"));
        Promise.resolve().then(() => console.log("microtask"));
        queueMicrotask(() => console.log("queueMicrotask"));
      }, 1);
    `,
  };
  for (const [name, code] of Object.entries(sameExit)) {
    test(name, async () => {
      await assertSameAsHost(code);
    });
  }

  test("a syntax error is 1 with Node's own report", async () => {
    const { stdout, stderr, exitCode } = await inGuest("const x = ;");
    assert.equal(exitCode, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /SyntaxError: Unexpected token ';'/);
  });

  test("line numbers in stacks are those of the caller's string", async () => {
    const { stderr } = await inGuest(`\n\nthrow new Error("third line");`);
    assert.match(stderr, /Error: third line\n\s+at .*:3:7/);
  });
});

test("text is what its bytes are, however they come", async () => {
  await withRuntime({}, async (runtime) => {
    const bytes = "41c3a9e282acf09f9880ffc0eda0f5e0f490e28241f09f98c3e2";
    const code = `import { writeSync } from "node:fs";
      const bytes = Buffer.from("${bytes}".repeat(200), "hex");
      for (let at = 0; at < bytes.length; at += 3) writeSync(1, bytes.subarray(at, at + 3));`;
    const { stdout } = await runtime.exec(code, { timeout: 20_000 });
    assert.equal(stdout, Buffer.from(bytes.repeat(200), "hex").toString());
  });
});
