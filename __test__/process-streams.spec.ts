// Live programs as streams: output with back-pressure, input, both channels in one, and how they are ended.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { NodeRuntimeProcess, OutputPiece } from "../index.js";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const decoder = new TextDecoder();
const megabyte = 1024 * 1024;

/** Waits for a condition, a turn of the event loop after the other. */
async function until(condition: () => boolean) {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function bytes(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function text(stream: ReadableStream<Uint8Array>): Promise<string> {
  return (await bytes(stream)).toString();
}

/** A program that counts what it has written in a file. */
const counting = `
  import { writeSync, writeFileSync } from "node:fs";
  const piece = Buffer.alloc(16 * 1024, "x");
  for (let i = 1; i <= 256; i++) {
    writeSync(1, piece);
    writeFileSync("/workspace/written", String(i));
  }
`;

describe("streams of a program's output", () => {
  test("give every byte of each channel, and end with the program", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn(`
        const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * i) % 251);
        process.stdout.write(bytes);
        process.stderr.write("told");
      `);
      const [out, err] = await Promise.all([bytes(program.stdout), text(program.stderr)]);
      const expected = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * i) % 251);
      assert.ok(out.equals(expected));
      assert.equal(err, "told");
      assert.equal(await program.wait(), 0);
      assert.deepEqual(program.captured, { stdout: "", stderr: "" });
      assert.equal(program.stdout, program.stdout);
    });
  });

  test("begin with what was kept, also behind the end, byte for byte", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn(
        "process.stdout.write(Buffer.from([0xff, 0xfe, 65])); process.stderr.write('e');",
      );
      assert.equal(await program.wait(), 0);
      assert.deepEqual(program.captured, { stdout: "\ufffd\ufffdA", stderr: "e" });
      const out = await bytes(program.stdout);
      assert.deepEqual([...out], [0xff, 0xfe, 65]);
      assert.deepEqual(program.captured, { stdout: "", stderr: "e" });
      const result = await program.result;
      assert.deepEqual([result.stdout, result.stderr, result.exitCode], ["\ufffd\ufffdA", "e", 0]);
    });
  });

  test("hold the program up until they are read; one that nobody has asked for does not", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.writeFile("/workspace/written", "0");
      const program = await runtime.spawn(counting);
      const reader = program.stdout.getReader();
      const first = await reader.read();
      assert.ok(first.value && first.value.length > 0);
      // Another program's whole life passes, and this one has not gone on.
      const written = async () => Number(await runtime.readFile("/workspace/written", "utf8"));
      let before = -1;
      for (let now = await written(); now !== before; now = await written()) {
        before = now;
        await runtime.exec("for (let i = 0; i < 1e7; i++);");
      }
      assert.ok(before < 64, `${before} pieces were taken`);
      assert.equal(program.exitCode, null);
      let length = first.value.length;
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        length += next.value.length;
      }
      assert.equal(length, 4 * megabyte);
      assert.equal(await program.wait(), 0);

      const untouched = await runtime.spawn(counting);
      assert.equal(await untouched.wait(), 0);
      assert.equal(untouched.captured.stdout.length, 4 * megabyte);
    });
  });

  test("that are cancelled drop the rest, and the program goes on", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn(`${counting} process.stderr.write("done");`);
      await program.stdout.cancel();
      assert.equal(await text(program.stderr), "done");
      assert.equal(await program.wait(), 0);

      const waiting = await runtime.spawn("process.stdin.resume();");
      const reader = waiting.stdout.getReader();
      const read = reader.read();
      await reader.cancel("enough");
      assert.deepEqual(await read, { done: true, value: undefined });
      waiting.closeStdin();
      assert.equal(await waiting.wait(), 0);
    });
  });

  test("are there beside callbacks and what the call keeps", async () => {
    await withRuntime({}, async (runtime) => {
      let shown = "";
      const program = await runtime.spawn(
        "process.stdin.once('data', () => { process.stdout.write('abcdef'); process.exit(); });",
        {
          onStdout: (chunk) => {
            shown += decoder.decode(chunk);
            chunk.fill(0);
          },
          maxOutputBytes: 4,
        },
      );
      const out = text(program.stdout);
      await program.writeStdin("go");
      assert.equal(await out, "abcdef");
      await program.wait();
      assert.equal(shown, "abcdef");
      assert.equal(program.captured.stdout, "abcd");
      assert.equal(program.captured.stdoutTruncated, true);
    });
  });

  test("end where the program is killed, times out or is over a limit, which the result tells", async () => {
    await withRuntime({ limits: { jsRuntime: { v8HeapLimitMb: 24 } } }, async (runtime) => {
      const endless = "console.log('up'); setInterval(() => {}, 1000);";
      const killed = await runtime.spawn(endless);
      const reader = killed.stdout.getReader();
      assert.equal(decoder.decode((await reader.read()).value), "up\n");
      killed.kill("SIGKILL");
      assert.deepEqual(await reader.read(), { done: true, value: undefined });
      assert.equal((await killed.result).signal, "SIGKILL");

      const late = await runtime.spawn(endless, { timeout: 300 });
      assert.equal(await text(late.stdout), "up\n");
      assert.equal((await late.result).timedOut, true);

      const large = await runtime.spawn("console.log('up'); const a = []; for (;;) a.push({ a });");
      assert.equal(await text(large.stdout), "up\n");
      await assert.rejects(large.result, { code: "ERR_RESOURCE_LIMIT" });

      const abort = new AbortController();
      const aborted = await runtime.spawn(endless, { signal: abort.signal });
      const rest = aborted.stdout.getReader();
      await rest.read();
      abort.abort(new Error("enough"));
      assert.equal((await rest.read()).done, true);
      await assert.rejects(aborted.result, { message: "enough" });
    });
  });

  test("end with the runtime, whoever waits for them", async () => {
    let read: Promise<unknown> | undefined;
    let stuck: NodeRuntimeProcess | undefined;
    await withRuntime({}, async (runtime) => {
      const idle = await runtime.spawn("setInterval(() => {}, 1000);");
      read = idle.stdout.getReader().read();
      stuck = await runtime.spawn(counting);
      await stuck.stdout.getReader().read();
    });
    assert.deepEqual(await read, { done: true, value: undefined });
    assert.equal(await stuck?.wait(), 143);
  });
});

describe("a program that is iterated", () => {
  test("gives both channels in their order, what was kept first", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn(`
        import { writeSync } from "node:fs";
        for (let i = 0; i < 20; i++) writeSync(1 + (i % 2), i + " ");
        process.stdin.once("data", () => { writeSync(2, "a"); writeSync(1, "b"); process.exit(3); });
      `);
      await until(() => program.captured.stderr.endsWith("19 "));
      const pieces: OutputPiece[] = [];
      for await (const piece of program) {
        pieces.push(piece);
        if (decoder.decode(piece.data).endsWith("19 ")) await program.writeStdin("go");
      }
      const of = (channel: string) =>
        pieces
          .filter((piece) => piece.channel === channel)
          .map(({ data }) => decoder.decode(data))
          .join("");
      assert.equal(of("stdout"), "0 2 4 6 8 10 12 14 16 18 b");
      assert.equal(of("stderr"), "1 3 5 7 9 11 13 15 17 19 a");
      assert.equal(await program.wait(), 3);
    });
  });

  test("is read by one reader: a second one is told so", async () => {
    await withRuntime({}, async (runtime) => {
      const iterated = await runtime.spawn("console.log(1);");
      const pieces = iterated[Symbol.asyncIterator]();
      assert.throws(() => iterated[Symbol.asyncIterator](), { code: "ERR_INVALID_STATE" });
      assert.throws(() => iterated.stdout, { code: "ERR_INVALID_STATE" });
      const [first, second, third] = await Promise.all([
        pieces.next(),
        pieces.next(),
        pieces.next(),
      ]);
      assert.equal(decoder.decode(first.value.data), "1\n");
      assert.deepEqual([second.done, third.done], [true, true]);

      const streamed = await runtime.spawn("console.log(1);");
      streamed.stderr;
      assert.throws(() => streamed[Symbol.asyncIterator](), { code: "ERR_INVALID_STATE" });
    });
  });

  test("goes on where the loop is left, and waits for nobody", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn(counting);
      for await (const { channel } of program) {
        assert.equal(channel, "stdout");
        break;
      }
      assert.equal(await program.wait(), 0);
    });
  });
});

describe("standard input as a stream", () => {
  test("takes text and bytes, as fast as the program reads", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawnCommand("wc", ["-c"]);
      const chunks = ["12345", new Uint8Array(5 * megabyte)];
      const source = new ReadableStream<string | Uint8Array>({
        pull(controller) {
          const chunk = chunks.shift();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
      });
      await source.pipeTo(program.stdin);
      assert.equal((await text(program.stdout)).trim(), String(5 + 5 * megabyte));
      assert.equal(await program.wait(), 0);
    });
  });

  test("fails with EPIPE behind the program's end, and refuses what is no data", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn("process.exit(4);");
      assert.equal(await program.wait(), 4);
      let pulls = 0;
      const endless = new ReadableStream<string>({
        pull(controller) {
          pulls += 1;
          controller.enqueue("more");
        },
      });
      await assert.rejects(endless.pipeTo(program.stdin), { code: "EPIPE" });
      assert.ok(pulls < 10);
      const other = await runtime.spawn("process.stdin.resume();");
      const writer = other.stdin.getWriter();
      await assert.rejects(writer.write(5 as never), { code: "ERR_INVALID_ARG_TYPE" });
    });
  });

  test("carries a program's output to another one", async () => {
    await withRuntime({}, async (runtime) => {
      const numbers = await runtime.spawnCommand("seq", ["100000"]);
      const sum = await runtime.spawnCommand("awk", ["{ s += $1 } END { print s }"]);
      await numbers.stdout.pipeTo(sum.stdin);
      assert.equal(await text(sum.stdout), "5000050000\n");
    });
  });
});

describe("kill with time to end", () => {
  test("sends the signal, and SIGKILL where that does not do", async () => {
    await withRuntime({}, async (runtime) => {
      const polite = await runtime.spawn(
        "process.on('SIGTERM', () => process.exit(7)); console.log('up'); setInterval(() => {}, 1000);",
      );
      await until(() => polite.captured.stdout !== "");
      assert.equal(await polite.kill({ graceMs: 60_000 }), 7);
      const stubborn = await runtime.spawn(
        "process.on('SIGINT', () => console.log('no')); console.log('up'); setInterval(() => {}, 1000);",
      );
      await until(() => stubborn.captured.stdout !== "");
      assert.equal(await stubborn.kill({ signal: "SIGINT", graceMs: 50 }), 137);
      assert.equal(stubborn.captured.stdout, "up\nno\n");
      assert.equal(await stubborn.kill({ graceMs: 0 }), 137);
    });
  });

  test("refuses what it does not know", async () => {
    await withRuntime({}, async (runtime) => {
      const program = await runtime.spawn("");
      for (const [wrong, code] of [
        [{}, "ERR_INVALID_ARG_TYPE"],
        [{ graceMs: -1 }, "ERR_OUT_OF_RANGE"],
        [{ graceMs: 1, signal: "SIGNO" }, "ERR_UNKNOWN_SIGNAL"],
        [{ graceMs: 1, after: 2 }, "ERR_INVALID_ARG_VALUE"],
      ] as const) {
        assert.throws(() => program.kill(wrong as never), { code });
      }
      await program.wait();
    });
  });
});

describe("a program and the host's process", () => {
  const host = fileURLToPath(new URL("./fixtures/referenced-process.mjs", import.meta.url));
  for (const [how, expected] of [
    ["nothing", "started\n"],
    ["ref", "started\nended 0\n"],
    ["unref", "started\n"],
    ["read", "started\nread\nended 0\n"],
    ["unref-read", "started\n"],
  ] as const) {
    test(`whose handle is told ${how}`, () => {
      const { stdout, stderr, status } = spawnSync(process.execPath, [host, how], {
        encoding: "utf8",
        timeout: 60_000,
      });
      assert.equal(stderr.replace(/^.*SECURE_EXEC_NOT_DISPOSED.*\n.*\n?/m, ""), "");
      assert.deepEqual([stdout, status], [expected, 0]);
    });
  }
});
