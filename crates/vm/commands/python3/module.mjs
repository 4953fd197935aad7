// The interpreter's WebAssembly, compiled: what the host has of it, and what Pyodide compiles where it has nothing.

import { promises } from "node:fs";
import { syncBuiltinESMExports } from "node:module";

/** What the machine has of it (crates/node/src/boot/prepared_module.rs). No program shall. */
const prepared = globalThis.__preparedModule;
delete globalThis.__preparedModule;

/** Bytes from which on a module is the interpreter's: Pyodide compiles small ones too. */
const LARGE = 1 << 20;

/** The module that Pyodide has compiled. */
let made;

/** The module with its machine code, if the host has that. */
export function compiledModule() {
  return prepared?.();
}

/** What the host is to keep of the module that Pyodide has compiled: the code of what has run of it. */
export function keptModule() {
  return prepared(made);
}

/** What the host is to keep of the module of Pyodide's in JavaScript: the code of what has run of it. */
export function keptScript() {
  return prepared("script");
}

/** Where its memory is: among what it imports, or what it exports. */
let memory;

/** The memory of the interpreter that starts. */
export const interpreterMemory = () => memory;

/** Given to Pyodide for the bytes of a module that is compiled already. */
const UNREAD = Buffer.from(new ArrayBuffer(8));

/** Has Pyodide take a module where it would read and compile it, and tells which one it has taken. */
export async function withModule(module, load) {
  const { instantiate } = WebAssembly;
  const { readFile } = promises;
  WebAssembly.instantiate = async (source, imports) => {
    const isUnread = source.buffer === UNREAD.buffer;
    if (!isUnread && !(source.byteLength >= LARGE)) return await instantiate(source, imports);
    const result = module
      ? { module, instance: await instantiate(module, imports) }
      : await instantiate(source, imports);
    made = result.module;
    memory = imports.env?.memory ?? result.instance.exports.memory;
    return result;
  };
  if (module) {
    promises.readFile = async (path, ...rest) =>
      String(path).endsWith("/pyodide.asm.wasm") ? UNREAD : await readFile(path, ...rest);
    syncBuiltinESMExports();
  }
  try {
    return await load();
  } finally {
    WebAssembly.instantiate = instantiate;
    if (module) {
      promises.readFile = readFile;
      syncBuiltinESMExports();
    }
  }
}

/** A program that does what many do: of what it runs the machine code is kept. */
export const TYPICAL = `
import ast, asyncio, base64, collections, datetime, functools, io, itertools, json, math, os, random, re, sys, tempfile
import dataclasses, pathlib, statistics, string, time, traceback

@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0

    def __repr__(self):
        return f"<{self.x:.2f} {self.y!r}>"

def numbers(count):
    for number in range(count):
        yield number * number

words = re.findall(r"[a-z]+", "the quick brown fox jumps over the lazy dog " * 3)
counted = collections.Counter(words)
print(json.dumps({"words": dict(counted), "list": [1, 2.5, None, True, "\\u00fc"]}, indent=2))
print(json.loads('{"a": [1, {"b": -2.5e3}], "c": "\\\\u00e4"}'), sorted(counted, key=counted.get, reverse=True)[:3])
print(sum(numbers(200)), math.sqrt(2), statistics.mean([1, 2, 6]), 2**100 % 97, divmod(-7, 3), round(2.675, 2))
print([Point(1), Point(2, 3)], "%5.2f|%-4s|%x" % (1.5, "a", 255), "a,b".split(","), " x ".strip(), "ab".encode().hex())
print(datetime.date(2024, 2, 29) + datetime.timedelta(days=1), base64.b64encode(b"abc"), len({1, 2} | {3}), [*range(5)][::-1])
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "file.txt"
    path.write_text("one\\ntwo\\n", encoding="utf-8")
    with open(path, encoding="utf-8") as file:
        print([line.rstrip() for line in file], os.path.getsize(path), os.listdir(folder))
try:
    {}["missing"]
except KeyError:
    print(traceback.format_exc())
main = {}
tree = ast.parse("import math\\nx = [i for i in range(3)]\\nx")
last = tree.body.pop()
exec(compile(tree, "<string>", "exec"), main)
print(eval(compile(ast.Expression(last.value), "<string>", "eval"), main), file=sys.stderr)
`;
