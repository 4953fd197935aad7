// Defects of ours: a panic of native code, wherever it happens, takes the VM out of use, says where it was, and costs no
// file. And the sources: what V8 or another library calls cannot panic out of the call.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

describe("a panic of native code", () => {
  const places = [
    ["a function", "defects.call()", "guest"],
    ["a cell that is borrowed twice", "defects.borrowTwice()", "guest"],
    ["a constructor", "new defects.Defect(true)", "guest"],
    ["a getter", "new defects.Defect(false).getter", "guest"],
    ["a property handler", "defects.handlers().name", "guest"],
    ["a collection", "defects.collect()", "guest"],
    ["a delegate of a serializer", "defects.serialize(() => {})", "guest"],
    ["the event loop", "defects.later('loop')", "guest"],
    ["the thread pool", "defects.later('pool')", "thread-pool"],
    ["another thread", "defects.later('thread')", "defect"],
  ] as const;
  for (const [place, code, thread] of places) {
    test(`in ${place} is told, and the files are kept`, async () => {
      const program = `
        const defects = require("internal/test/binding").internalBinding("secure_exec_defects");
        require("fs").writeFileSync("/workspace/written", "by the guest");
        process.stdin.resume().once("data", () => { try { ${code} } catch {} });
        console.log("ready");
      `;
      await withRuntime({ files: { "/workspace/program.js": program } }, async (runtime) => {
        const child = await runtime.spawnCommand("node", ["--expose-internals", "program.js"], {
          onStdout: () => child.writeStdin("go\n"),
        });
        await assert.rejects(child.wait(), (error: Error & { code?: string; why?: string }) => {
          assert.equal(error.code, "ERR_VM_CRASHED");
          assert.match(
            error.why ?? "",
            new RegExp(`^internal error of secure-exec \\(thread ${thread}, crates/node/src/`),
          );
          return true;
        });
        assert.equal(await runtime.readFile("/workspace/written", "utf8"), "by the guest");
        assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
      });
    });
  }

  test("in a worker ends the whole program", async () => {
    const program = `
      const { Worker, isMainThread } = require("worker_threads");
      if (isMainThread) new Worker(__filename).on("error", () => {});
      else require("internal/test/binding").internalBinding("secure_exec_defects").later("loop");
    `;
    await withRuntime({ files: { "/workspace/program.js": program } }, async (runtime) => {
      await assert.rejects(
        runtime.execCommand("node", ["--expose-internals", "program.js"]),
        (error: Error & { code?: string; why?: string }) => {
          assert.equal(error.code, "ERR_VM_CRASHED");
          assert.match(error.why ?? "", /thread worker, /);
          return true;
        },
      );
    });
  });
});

const root = fileURLToPath(new URL("..", import.meta.url));

type Source = { file: string; text: string };

function sourcesOf(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".rs") && !/(^|\/)tests(\.rs|\/)/.test(name))
      .map((name) => ({
        file: join(folder, name),
        // Without comments and the tests at the end of a file.
        text: readFileSync(join(root, folder, name), "utf8")
          .replace(/#\[cfg\(test\)\]\s*mod tests \{[\s\S]*$/, "")
          .replace(/^\s*\/\/.*$/gm, ""),
      })),
  );
}

/** What stands between the bracket at `start` and the one that closes it. */
function bracketed(text: string, start: number): string {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if ("([{".includes(text[at] ?? "")) depth++;
    if (")]}".includes(text[at] ?? "") && --depth === 0) return text.slice(start, at + 1);
  }
  return text.slice(start);
}

const sources = sourcesOf("crates/node/src", "crates/vm/src", "crates/wasm/src");
const contained = /\bcontain(_bare)?\(/;

/** Bodies of all functions of a name. */
function bodiesOf(name: string): string[] {
  return sources.flatMap(({ text }) =>
    [...text.matchAll(new RegExp(`\\bfn ${name}\\b[^;{]*\\{`, "g"))].map((found) =>
      bracketed(text, found.index + found[0].length - 1),
    ),
  );
}

/** Functions of some bindings that run what they are given contained: each itself, or by one above it. */
const containers: [file: string, name: string][] = [
  ["http2/callbacks_ffi.rs", "with_session"],
  ["sqlite/scope.rs", "borrowed"],
  ["sqlite/vfs/file.rs", "with_file"],
  ["sqlite/vfs/file.rs", "on_file"],
  ["sqlite/aggregate.rs", "enter"],
  ["sqlite/aggregate.rs", "step"],
  ["sqlite/changeset.rs", "ask"],
];
const calling = (names: string[]) => new RegExp(`\\b(contain(_bare)?|${names.join("|")})\\(`);
const containedByThem = calling(containers.map(([, name]) => name));

/** Functions of C whose bodies have nothing in them that can panic, by name, or by the end of the path and name. */
const cannotPanic = new Set([
  "add", // a name of OpenSSL's to a vector
  "no_password",
  "password",
  "allocate", // zlib's, by calloc; that of array buffers is contained
  "release",
  "__wrap_gettimeofday",
  "out_of_memory", // does not return
  "aborted", // a signal handler
  // The allocator: to contain a panic takes memory.
  "__wrap_malloc",
  "__wrap_calloc",
  "__wrap_realloc",
  "__wrap_posix_memalign",
  "__wrap_free",
  "__wrap_mmap",
  "__wrap_mmap64",
  "__wrap_mprotect",
  "without_memory",
  // What frees something of OpenSSL's, or answers with a number.
  "crypto/alternative_names_ffi.rs: free",
  "crypto/secure_context/credentials.rs: free_certificate",
  "tls_wrap/callbacks.rs: accept_any",
  "http2/callbacks_ffi.rs: invalid_header",
  "http2/memory_ffi.rs: allocate_zeroed",
  "http2/memory_ffi.rs: reallocate",
  "sqlite/database.rs: progress",
  "machine_code/mod.rs: give_code", // a cell of the thread that is never dropped
  "sqlite/memory.rs: reallocate",
  "sqlite/memory.rs: size",
  "sqlite/memory.rs: round_up",
  "sqlite/memory.rs: initialize",
  "sqlite/memory.rs: shut_down",
  "sqlite/mutex.rs: succeed",
  "sqlite/mutex.rs: enter",
  "sqlite/mutex.rs: try_enter",
  "sqlite/mutex.rs: leave",
  "sqlite/start.rs: open_in_memory",
  "sqlite/start.rs: sqlite3_os_end",
  "vfs/file.rs: sector_size",
  "vfs/file.rs: device_characteristics",
  "vfs/mod.rs: sleep",
  "vfs/mod.rs: last_error",
  "vfs/mod.rs: current_time_int64", // the clock is read contained
  "vfs/mod.rs: current_time",
  "vfs/shared_memory.rs: barrier",
]);

const isKnown = (place: string, name: string) =>
  cannotPanic.has(name) || [...cannotPanic].some((known) => place.endsWith(`/${known}`));

describe("what other libraries call", () => {
  test("every function of C is contained", () => {
    const found = sources.flatMap(({ file, text }) =>
      [...text.matchAll(/extern "C" fn (\w+)[^;{]*\{/g)].map((start) => ({
        place: `${file}: ${start[1]}`,
        name: start[1] ?? "",
        body: bracketed(text, start.index + start[0].length - 1),
      })),
    );
    assert.ok(found.length > 15, `${found.length} functions`);
    for (const [at, [file, name]] of containers.entries()) {
      const text = sources.find((source) => source.file.endsWith(file))?.text ?? "";
      const start = text.search(new RegExp(`\\bfn ${name}\\b`));
      assert.ok(start >= 0, `${file}: ${name}`);
      const above = containers.slice(0, at).map(([, other]) => other);
      const body = bracketed(text, text.indexOf("{\n", start));
      assert.match(body, calling(["contain", ...above]), `${file}: ${name}`);
    }
    const isContained = (place: string, body: string) =>
      (/\/(sqlite|http2)\//.test(place) ? containedByThem : contained).test(body);
    const bare = found.filter(
      ({ place, name, body }) => !isContained(place, body) && !isKnown(place, name),
    );
    assert.deepEqual(
      bare.map(({ place }) => place),
      [],
    );
  });

  test("functions for V8 are made by `callback` alone", () => {
    const made =
      /\b(Function|FunctionTemplate)::(new|builder|builder_raw)\(|\.map_fn_to\(|MapFnTo\b/g;
    const allowed = /^(crates\/node\/src\/(callback\/|js\/class\.rs))/;
    const bare: string[] = [];
    for (const { file, text } of sources) {
      if (allowed.test(file)) continue;
      for (const found of text.matchAll(made)) {
        const line = text.slice(text.lastIndexOf("\n", found.index) + 1, found.index);
        const given = found[0].endsWith("(")
          ? bracketed(text, found.index + found[0].length - 1)
          : "";
        const raw =
          found[0].endsWith("builder_raw(") && /callback|constructor|getter|setter/.test(given);
        if (raw || /callback::/.test(line + given) || /^\s*use /.test(line)) continue;
        bare.push(`${file}: ${line.trim()}${found[0]}`);
      }
    }
    assert.deepEqual(bare, []);
  });

  test("property handlers are made by `callback` alone", () => {
    const kinds = "getter|setter|query|deleter|enumerator|definer|descriptor";
    const bare: string[] = [];
    let count = 0;
    for (const { file, text } of sources) {
      for (const found of text.matchAll(/PropertyHandlerConfiguration::new\(\)([^;]*?)\n\s*\);/g)) {
        for (const [part] of (found[1] ?? "").matchAll(
          new RegExp(`\\.(${kinds})\\([\\s\\S]{0,20}`, "g"),
        )) {
          count++;
          if (!/\(\s*callback::/.test(part)) bare.push(`${file}: ${part}`);
        }
      }
    }
    assert.ok(count > 15, `${count} handlers`);
    assert.deepEqual(bare, []);
  });

  test("hooks, finalizers and delegates are contained", () => {
    const takers =
      /\b(set_\w+_callback|add_\w+_callback|add_message_listener|request_interrupt|instantiate_module2?|create_synthetic_module|take_heap_snapshot|with_finalizer|with_guaranteed_finalizer|Value(?:Des|S)erializer::new)\(/g;
    const bare: string[] = [];
    let count = 0;
    for (const { file, text } of sources) {
      for (const found of text.matchAll(takers)) {
        if (/fn \w*$/.test(text.slice(0, found.index))) continue;
        const given = bracketed(text, found.index + found[0].length - 1);
        const names = given.match(/\b[a-z_]\w+\b/g) ?? [];
        const before = text.slice(Math.max(0, found.index - 900), found.index);
        const delegates =
          /Serializer|Deserializer/i.test(found[0]) && /Contained\(/.test(before + given);
        const closures =
          contained.test(given) || (/finalizer/.test(given) && contained.test(before));
        count++;
        if (delegates || closures) continue;
        const bodies = names.flatMap(bodiesOf);
        if (!bodies.some((body) => contained.test(body))) bare.push(`${file}: ${found[0]}`);
      }
    }
    assert.ok(count > 15, `${count} calls`);
    assert.deepEqual(bare, []);
  });
});
