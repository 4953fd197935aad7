// `node` at a terminal: Node's own REPL.

import assert from "node:assert/strict";
import type { NodeRuntime } from "secure-exec";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";
import { reader } from "./support/terminal.ts";

type Session = {
  /** Types keys. */
  type: (keys: string) => Promise<void>;
  /** Types a line and gives what is printed up to the next prompt, without the echo. */
  answer: (line: string) => Promise<string>;
  /** Waits for a text and gives what came before it. */
  until: (text: string) => Promise<string>;
};

/** Runs `node` on a terminal that neither colours nor moves the cursor, and waits for its end. */
async function inRepl(runtime: NodeRuntime, work: (session: Session) => Promise<void>) {
  await session(runtime, { TERM: "dumb" }, work);
}

/** The same on a terminal with line editing; colours are off, so that texts can be found. */
async function inEditor(runtime: NodeRuntime, work: (session: Session) => Promise<void>) {
  await session(runtime, { TERM: "xterm", NO_COLOR: "1", NODE_DISABLE_COLORS: "1" }, work);
}

async function session(
  runtime: NodeRuntime,
  env: Record<string, string>,
  work: (session: Session) => Promise<void>,
) {
  const terminal = await runtime.openShell({ command: "node", env });
  const until = reader(terminal);
  const type = (keys: string) => terminal.write(keys);
  await until("Welcome to Node.js v24.21.0.");
  await until("> ");
  const answer = async (line: string) => {
    await type(`${line}\r`);
    await until("\n");
    return (await until("> ")).replaceAll("\r", "");
  };
  await work({ type, answer, until });
  assert.equal(await terminal.wait(), 0);
}

describe("node at a terminal", () => {
  test("answers what is typed key by key, until .exit", async () => {
    await withRuntime({}, async (runtime) => {
      await inEditor(runtime, async ({ type, until }) => {
        for (const key of ["6", "*", "7", "\r"]) await type(key);
        await until("\n42\r\n");
        await type(".exit\r");
      });
    });
  });

  test("evaluates several lines, awaits, errors and what is not finished", async () => {
    await withRuntime({}, async (runtime) => {
      await inRepl(runtime, async ({ type, answer, until }) => {
        assert.equal(await answer("await Promise.resolve(8)"), "8\n");
        assert.equal(await answer("const { readFileSync } = await import('fs')"), "undefined\n");
        assert.equal(await answer("typeof readFileSync"), "'function'\n");
        await type("function three() {\r");
        await until("| ");
        await type("return 3\r");
        await until("| ");
        assert.equal(await answer("}"), "undefined\n");
        assert.equal(await answer("three()"), "3\n");
        assert.match(
          await answer("missing"),
          /^Uncaught ReferenceError: missing is not defined\n$/,
        );
        assert.match(
          await answer("await Promise.reject(new Error('no'))"),
          /^Uncaught Error: no\n/,
        );
        assert.equal(await answer("_error.message"), "'no'\n");
        await type("`half\r");
        await until("| ");
        await type("\x03");
        await until("> ");
        assert.equal(await answer("process.features.inspector"), "true\n");
        await type("\x04");
      });
    });
  });

  test("Ctrl-C twice ends it", async () => {
    await withRuntime({}, async (runtime) => {
      await inRepl(runtime, async ({ type, until }) => {
        await type("\x03");
        await until("(To exit, press Ctrl+C again or Ctrl+D or type .exit)");
        await type("\x03");
      });
    });
  });

  test("has Node's commands", async () => {
    const files = { "/workspace/lib.js": "const loaded = 'from ' + 'file';\n" };
    await withRuntime({ files }, async (runtime) => {
      await inEditor(runtime, async ({ type, until }) => {
        await type(".help\r");
        await until("Print this help message");
        await type(".load lib.js\r");
        await until("undefined\r\n");
        await type("loaded\r");
        await until("\n'from file'\r\n");
        await type(".editor\r");
        await until("(Ctrl+D to finish, Ctrl+C to cancel)");
        await type("const one = 1;\rone + 1\r\x04");
        await until("\n2\r\n");
        await type(".save saved.js\r");
        await until("Session saved to: saved.js");
        await type(".nonsense\r");
        await until("Invalid REPL keyword");
        await type(".exit\r");
      });
      assert.match(await runtime.readFile("/workspace/saved.js", "utf8"), /const one = 1;/);
    });
  });

  test("completes what Tab is pressed behind", async () => {
    await withRuntime({}, async (runtime) => {
      await inEditor(runtime, async ({ type, until }) => {
        await type("globalThis.answer = { fortyTwo: 42 }; 0\r");
        await until("\n0\r\n");
        await type("answer.fort\t");
        await until("answer.fortyTwo");
        await type("\r");
        await until("\n42\r\n");
        await type("fs.readF\t");
        await until("fs.readFile");
        await type("\t");
        await until("fs.readFileSync");
        await type("\x03.exit\r");
      });
    });
  });

  test("keeps its history in a file, for the arrow keys and Ctrl-R", async () => {
    await withRuntime({}, async (runtime) => {
      await inEditor(runtime, async ({ type, until }) => {
        await type("'from ' + 'before'\r");
        await until("'from before'");
        await type(".exit\r");
      });
      const history = await runtime.readFile("/home/user/.node_repl_history", "utf8");
      assert.deepEqual(history.split("\n"), [".exit", "'from ' + 'before'"]);
      await inEditor(runtime, async ({ type, until }) => {
        await type("\x1b[A\x1b[A");
        await until("'from ' + 'before'");
        await type("\r");
        await until("'from before'\r\n");
        await type("\x12");
        await until("bck-i-search: ");
        await type("before");
        await until("bck-i-search: before_");
        await type("\r");
        await until("'from before'\r\n");
        await type("\x04");
      });
    });
  });

  test("repl.start() serves a program's own streams", async () => {
    await withRuntime({}, async (runtime) => {
      const code = `
        import repl from "node:repl";
        import { PassThrough } from "node:stream";
        const [input, output] = [new PassThrough(), new PassThrough()];
        const server = repl.start({ prompt: "own> ", input, output, terminal: true, preview: true });
        server.context.shared = 20;
        server.on("exit", () => console.log(JSON.stringify(String(output.read()).includes("22"))));
        input.write("shared + 2\\n.exit\\n");
      `;
      const { stdout, stderr } = await runtime.exec(code, { timeout: 20_000 });
      assert.deepEqual([stdout, stderr], ["true\n", ""]);
    });
  });
});

describe("what a guest says of its build", () => {
  test("what it says is there is there", async () => {
    await withRuntime({}, async (runtime) => {
      const code = `
        console.log(JSON.stringify([
          process.features.inspector,
          process.features.tls,
          process.config.variables.v8_enable_inspector,
          "sqlite" in process.versions,
          typeof console.profile,
        ]));
      `;
      const { stdout, stderr } = await runtime.exec(code, { timeout: 20_000 });
      const expected = [true, true, 1, true, "function"];
      assert.equal(stderr, "");
      assert.deepEqual(JSON.parse(stdout), expected);
    });
  });
});
