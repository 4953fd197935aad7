// Python of the machine: the commands, files, values and packages.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { NodeRuntime } from "secure-exec";
import { after, before, describe, test } from "./support/suite.ts";
import { reader } from "./support/terminal.ts";

/** For what starts an interpreter without a snapshot, or many with one, on a busy machine. */
const slow = { timeout: 300_000 };

let rt: NodeRuntime;
let wheels: string;

before(async () => {
  wheels = mkdtempSync(join(tmpdir(), "wheels-"));
  makeWheel(wheels);
  rt = await NodeRuntime.create({
    python: { wheelsDir: wheels },
    limits: { jsRuntime: { cpuTimeLimitMs: 120_000 } },
  });
});
after(async () => {
  await rt?.dispose();
  rmSync(wheels, { recursive: true, force: true });
});

/** A wheel of pure Python, with a file of data beside its code. */
function makeWheel(folder: string) {
  const source = join(folder, "source");
  mkdirSync(join(source, "greeting"), { recursive: true });
  writeFileSync(
    join(source, "greeting", "__init__.py"),
    'from importlib.resources import files\ntext = files(__name__).joinpath("text").read_text()\n',
  );
  writeFileSync(join(source, "greeting", "text"), "from a wheel");
  mkdirSync(join(source, "greeting-1.0.dist-info"));
  writeFileSync(
    join(source, "greeting-1.0.dist-info", "METADATA"),
    "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
  );
  const target = join(folder, "greeting-1.0-py3-none-any.whl");
  execFileSync("zip", ["-qr", target, "."], { cwd: source });
  rmSync(source, { recursive: true });
}

const python = async (args: string[], stdin?: string) => {
  const { stdout, stderr, exitCode } = await rt.execCommand("python3", args, { stdin });
  return { stdout, stderr, exitCode };
};

const sh = async (line: string) => {
  const { stdout, stderr, exitCode } = await rt.execCommand("sh", ["-c", line]);
  return { stdout, stderr, exitCode };
};

describe("the command line:", () => {
  test("python3 -c 'print(1+1)'", async () => {
    assert.deepEqual(await python(["-c", "print(1+1)"]), {
      stdout: "2\n",
      stderr: "",
      exitCode: 0,
    });
    assert.match((await rt.execCommand("python", ["--version"])).stdout, /^Python 3\.\d+\.\d+\n$/);
  });

  const show = "import sys; print(sys.argv, __name__, sys.path[0], sys.flags.optimize)";
  test("arguments, and what is at the head of the path", slow, async () => {
    await rt.writeFile("/workspace/show.py", show);
    assert.equal((await python(["-c", show, "a", "-b"])).stdout, "['-c', 'a', '-b'] __main__  0\n");
    const script = await python(["show.py", "a"]);
    assert.equal(script.stdout, "['show.py', 'a'] __main__ /workspace 0\n");
    assert.equal((await python(["-", "a"], show)).stdout, "['-', 'a'] __main__  0\n");
    assert.equal((await python([], show)).stdout, "[''] __main__  0\n");
    const module = await python(["-m", "show", "x"]);
    assert.equal(module.stdout, "['/workspace/show.py', 'x'] __main__ /workspace 0\n");
  });

  test("options that need a new interpreter", slow, async () => {
    assert.equal((await python(["-O", "-c", show])).stdout, "['-c'] __main__  1\n");
    const unknown = await python(["-Z"]);
    assert.equal(unknown.exitCode, 2);
    assert.match(unknown.stderr, /^Unknown option: -Z\n/);
  });

  test("modules of the library as programs", async () => {
    assert.equal(
      (await python(["-m", "json.tool"], '{"a":[1]}')).stdout,
      '{\n    "a": [\n        1\n    ]\n}\n',
    );
    const none = await python(["-m", "nosuch"]);
    assert.deepEqual(
      [none.exitCode, none.stderr],
      [1, "/usr/bin/python3: No module named nosuch\n"],
    );
  });

  test("statuses", async () => {
    for (const [code, status, stderr] of [
      ["import sys; sys.exit(7)", 7, ""],
      ["import sys; sys.exit('told')", 1, "told\n"],
      ["raise SystemExit", 0, ""],
    ] as const) {
      const result = await python(["-c", code]);
      assert.deepEqual([result.exitCode, result.stderr], [status, stderr], code);
    }
    assert.equal((await python(["nosuch.py"])).exitCode, 2);
  });

  test("environment, and PYTHONPATH", async () => {
    await sh("mkdir -p lib; echo 'where = 5' > lib/onpath.py");
    const { stdout } = await sh(
      "A=ü PYTHONPATH=lib python3 -c 'import os, onpath; print(os.environ[\"A\"], onpath.where)'",
    );
    assert.equal(stdout, "ü 5\n");
  });
});

describe("tracebacks are CPython's:", () => {
  const script = `def inner(n):
    return 1 / n


def outer():
    try:
        inner(0)
    except ZeroDivisionError as error:
        raise ValueError("wrong: ü") from error


outer()
`;
  test("with causes and lines of the source", async () => {
    await rt.writeFile("/workspace/fails.py", script);
    assert.deepEqual(await python(["fails.py"]), {
      stdout: "",
      exitCode: 1,
      stderr: `Traceback (most recent call last):
  File "/workspace/fails.py", line 7, in outer
    inner(0)
    ~~~~~^^^
  File "/workspace/fails.py", line 2, in inner
    return 1 / n
           ~~^~~
ZeroDivisionError: division by zero

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/workspace/fails.py", line 12, in <module>
    outer()
    ~~~~~^^
  File "/workspace/fails.py", line 9, in outer
    raise ValueError("wrong: ü") from error
ValueError: wrong: ü
`,
    });
  });

  test("of a line that is no Python", async () => {
    const { stderr, exitCode } = await python(["-c", "x = = 1"]);
    assert.equal(exitCode, 1);
    assert.equal(
      stderr,
      '  File "<string>", line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n',
    );
  });

  test("of KeyboardInterrupt, with status 130", async () => {
    const { stderr, exitCode } = await python(["-c", "raise KeyboardInterrupt"]);
    assert.equal(exitCode, 130);
    assert.match(stderr, /\nKeyboardInterrupt\n$/);
  });
});

describe("input and output:", () => {
  test("lines, bytes and input()", async () => {
    const lines = await python(
      ["-c", "import sys\nfor line in sys.stdin: print(repr(line))"],
      "a\nü",
    );
    assert.equal(lines.stdout, "'a\\n'\n'ü'\n");
    assert.equal((await python(["-c", "print(input('? '))"], "x\n")).stdout, "? x\n");
    const bytes = await sh(
      "printf '\\377\\000x' | python3 -c 'import sys; print(sys.stdin.buffer.read())'",
    );
    assert.equal(bytes.stdout, "b'\\xff\\x00x'\n");
  });

  test("a pipeline of the shell", async () => {
    await rt.writeFile("/workspace/x.py", "for i in range(12345): print(i)");
    assert.equal((await sh("python3 x.py | wc -l")).stdout.trim(), "12345");
    assert.equal(
      (await sh("yes | head -n 100000 | python3 -c 'import sys; print(len(sys.stdin.read()))'"))
        .stdout,
      "200000\n",
    );
  });

  test("a pipe that nobody reads any more is BrokenPipeError", async () => {
    const { stdout, stderr } = await sh("python3 -c 'while True: print(1)' | head -n 1");
    assert.equal(stdout, "1\n");
    assert.match(stderr, /BrokenPipeError/);
  });

  test("a live program's output comes as it is flushed, and its input as it is written", async () => {
    let heard = "";
    let told = () => {};
    const ready = new Promise<void>((resolve) => {
      told = resolve;
    });
    const child = await rt.spawnCommand("python3", ["-u", "-c", "print('ready'); print(input())"], {
      onStdout: (chunk) => {
        heard += Buffer.from(chunk);
        if (heard === "ready\n") told();
      },
    });
    await ready;
    await child.writeStdin("written\n");
    await child.wait();
    assert.equal(heard, "ready\nwritten\n");
  });
});

test("a terminal has CPython's prompt", slow, async () => {
  const terminal = await rt.openShell({ command: "python3" });
  const read = reader(terminal);
  await read(">>> ");
  terminal.write("6 * 7\r");
  await read("\n\r");
  await read("42\r\n");
  await read(">>> ");
  terminal.write("exit(3)\r");
  assert.equal(await terminal.wait(), 3);
});

describe("files:", () => {
  test("a script reads and writes the machine's", async () => {
    await rt.writeFile("/workspace/numbers.txt", "1\n2\n39\n");
    const { stderr } = await python([
      "-c",
      "open('sum', 'w').write(str(sum(map(int, open('/workspace/numbers.txt')))))",
    ]);
    assert.equal(stderr, "");
    assert.equal(await rt.readFile("/workspace/sum", "utf8"), "42");
  });

  test("times, links, renames, trees, temporary files and large ones", async () => {
    const code = `
import os, shutil, stat, tempfile
folder = tempfile.mkdtemp()
path = os.path.join(folder, "a")
with open(path, "wb") as file:
    file.write(bytes(range(256)) * 16384)
os.rename(path, folder + "/b")
os.symlink("b", folder + "/link")
os.utime(folder + "/b", (1, 2))
os.chmod(folder + "/b", 0o640)
status = os.stat(folder + "/link")
print(status.st_size, status.st_mtime, stat.filemode(status.st_mode), os.readlink(folder + "/link"))
shutil.copytree(folder, "/workspace/tree")
shutil.rmtree(folder)
os.chdir("/workspace/tree")
print(os.getcwd(), sorted(os.listdir()), os.path.exists(folder))
with open("b", "r+b") as file:
    file.seek(4194304 - 1)
    print(file.read(), file.truncate(5))
for wrong in ("/etc/new", "/nosuch", "/workspace"):
    try:
        open(wrong, "w" if wrong == "/etc/new" else "r")
    except OSError as error:
        print(type(error).__name__, error.strerror)
`;
    assert.deepEqual(await python(["-c", code]), {
      stdout: `4194304 2.0 -rw-r----- b
/workspace/tree ['b', 'link'] False
b'\\xff' 5
PermissionError Permission denied
FileNotFoundError No such file or directory
IsADirectoryError Is a directory
`,
      stderr: "",
      exitCode: 0,
    });
    assert.equal((await rt.stat("/workspace/tree/b")).size, 5);
  });

  test("a database of sqlite3, which the command of that name reads", async () => {
    await python([
      "-c",
      "import sqlite3\nwith sqlite3.connect('p.db') as db: db.execute('create table t as select 5 as a')",
    ]);
    assert.equal((await sh("sqlite3 p.db 'select a from t'")).stdout, "5\n");
  });

  test("nothing of the host's", async () => {
    const { value } = await rt.python.run("import os\n[os.path.exists(path) for path in paths]", {
      inputs: { paths: [process.cwd(), process.execPath, wheels] },
    });
    assert.deepEqual(value, [false, false, false]);
    const change = await python(["-c", "open('/usr/lib/pyodide-snapshot/memory', 'r+b')"]);
    assert.match(change.stderr, /\n(OSError|PermissionError): /);
  });
});

describe("processes:", () => {
  test("subprocess runs the machine's commands", async () => {
    const code = `
import os, subprocess as s, sys
print(s.run(["echo", "a"], capture_output=True, text=True))
print(s.check_output("cat; echo shell", shell=True, input=b"xyz"))
for call in (lambda: s.run(["false"], check=True), lambda: s.run(["nosuch"]), lambda: s.run(["sleep", "9"], timeout=0.1)):
    try:
        call()
    except (s.SubprocessError, OSError) as error:
        print(type(error).__name__)
child = s.Popen(["wc", "-c"], stdin=s.PIPE, stdout=s.PIPE, text=True)
print(child.communicate("hey")[0].strip(), child.returncode)
print(s.getstatusoutput("echo o; echo e >&2; exit 3"))
print(s.run(["sh", "-c", "kill -9 $$"]).returncode)
s.run(["echo", "inherited"])
print(os.popen("echo p").read(), os.system("exit 3"))
print(s.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout)
`;
    assert.deepEqual(await python(["-c", code]), {
      stdout: `CompletedProcess(args=['echo', 'a'], returncode=0, stdout='a\\n', stderr='')
b'xyzshell\\n'
CalledProcessError
FileNotFoundError
TimeoutExpired
3 0
(3, 'o\\ne')
-9
inherited
p
 768
b'1\\n'
`,
      stderr: "",
      exitCode: 0,
    });
  });

  test("an endless loop ends by timeout, by its own hand, and by SIGINT", async () => {
    const { exitCode } = await sh("timeout 1 python3 -c 'while True: pass'");
    assert.equal(exitCode, 124);
    const code =
      "try:\n  print('in', flush=True)\n  while True: pass\nexcept KeyboardInterrupt: print('caught')";
    let heard = "";
    let told = () => {};
    const ready = new Promise<void>((resolve) => {
      told = resolve;
    });
    const child = await rt.spawnCommand("python3", ["-c", code], {
      onStdout: (chunk) => {
        heard += Buffer.from(chunk);
        told();
      },
    });
    await ready;
    await child.kill("SIGINT");
    assert.equal(await child.wait(), 0);
    assert.equal(heard, "in\ncaught\n");
  });

  test("SIGTERM ends it, whatever it does", async () => {
    for (const doing of ["while True: pass", "import time; time.sleep(100)", "input()"]) {
      const ready = Promise.withResolvers<void>();
      const child = await rt.spawnCommand("python3", ["-c", `print('in', flush=True)\n${doing}`], {
        onStdout: () => ready.resolve(),
      });
      await ready.promise;
      child.kill("SIGTERM");
      const { exitCode, signal } = await child.result;
      assert.deepEqual([exitCode, signal], [143, "SIGTERM"], doing);
    }
  });

  test("time.sleep uses no processor, and SIGINT ends it", async () => {
    const slept = await rt.execCommand("python3", ["-c", "import time; time.sleep(2)"]);
    assert.ok(slept.usage.wallMs > 2000);
    const { exitCode } = await sh(
      "timeout -s INT 2 python3 -c 'import time; time.sleep(60)'; echo $?",
    );
    assert.equal(exitCode, 0);
  });

  test("asyncio", async () => {
    const code =
      "import asyncio\nasync def main():\n  await asyncio.sleep(0.01)\n  return 5\nprint(asyncio.run(main()))";
    assert.equal((await python(["-c", code])).stdout, "5\n");
  });
});

describe("the end of a program is CPython's:", () => {
  test("finalizers, files that nobody has closed, generators and what atexit has", async () => {
    const code = `
import atexit, collections, sys, weakref
class Noisy:
    def __init__(self, name): self.name = name
    def __del__(self): print("del", self.name)
def waiting():
    try:
        yield
    finally:
        print("generator")
first = Noisy("global")
collections.kept = Noisy("of a module")
unclosed = open("unclosed", "w")
unclosed.write("written")
generator = waiting()
next(generator)
weakref.finalize(first, print, "finalize")
atexit.register(print, "atexit")
sys.stdout.write("no newline, ")
sys.exit(3)
`;
    const { stdout, stderr, exitCode } = await python(["-c", code]);
    assert.deepEqual([stderr, exitCode], ["", 3]);
    const lines = stdout.split("\n");
    assert.deepEqual(lines.slice(0, 2), ["no newline, atexit", "finalize"]);
    const rest = ["", "del global", "del of a module", "generator"];
    assert.deepEqual(lines.slice(2).sort(), rest);
    assert.equal(await rt.readFile("/workspace/unclosed", "utf8"), "written");
  });

  /** Each alone: the end frees less thoroughly where it finds nothing that has an end of its own. */
  const ends: Record<string, [code: string, stdout: string]> = {
    nothing: ["x = {'a': [1, 2]}; x['a'].append(x)", ""],
    __del__: ["class A:\n def __del__(self): print('end')\na = A()", "end\n"],
    "__del__ of a base": [
      "class A:\n def __del__(self): print('end')\nclass B(A): pass\na = [B()]",
      "end\n",
    ],
    "__del__ of what the collector does not know": [
      "class A(str):\n __slots__ = ()\n def __del__(self): print('end')\na = A('x')",
      "end\n",
    ],
    "__del__ given later": [
      "class A: pass\na = A()\nA.__del__ = lambda self: print('end')",
      "end\n",
    ],
    "a generator": ["def g():\n try: yield\n finally: print('end')\nx = g(); next(x)", "end\n"],
    "a reference's call": [
      "import weakref\nclass A: pass\na = A(); r = weakref.ref(a, lambda _: print('end'))",
      "end\n",
    ],
    "a reference's call in a class of its own": [
      "import weakref\nclass R(weakref.ref): pass\nclass A: pass\na = A(); r = R(a, lambda _: print('end'))",
      "end\n",
    ],
    "tables of references": [
      "import weakref\nclass A: pass\na = A(); t = weakref.WeakKeyDictionary({a: 1}); s = weakref.WeakSet([a])",
      "",
    ],
    "another standard output": [
      "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer)\nprint('end')",
      "end\n",
    ],
    "standard output by another descriptor": [
      "import os\nf = os.fdopen(os.dup(1), 'w'); f.write('end\\n')",
      "end\n",
    ],
    atexit: ["import atexit\natexit.register(print, 'end')", "end\n"],
    "a metaclass that is not asked": [
      "class M(type):\n def __getattribute__(c, n): print(n); return type.__getattribute__(c, n)\nclass A(metaclass=M): pass\nx = A()",
      "",
    ],
  };
  for (const [name, [code, expected]] of Object.entries(ends)) {
    test(`what has one: ${name}`, async () => {
      for (const [last, status] of [
        ["", 0],
        ["\nimport sys; sys.exit(3)", 3],
      ] as const) {
        const { stdout, stderr, exitCode } = await python(["-c", code + last]);
        assert.deepEqual([stdout, stderr, exitCode], [expected, "", status]);
      }
    });
  }

  test("what cannot be written in the end has the status 120", async () => {
    const { stdout } = await sh("python3 -c 'print(1)' > /dev/full; echo $?");
    assert.equal(stdout, "120\n");
  });
});

describe("the machine code of the interpreter", () => {
  test("is reached by no program, and changed by none", async () => {
    const shown = "typeof globalThis.__preparedModule";
    const { stdout } = await rt.exec(`console.log(${shown})`);
    assert.equal(stdout, "undefined\n");
    const code = `
import js
print(hasattr(js, "__preparedModule"), js.eval("${shown}"))
for name in ("memory", "module", "script"):
    for act in (lambda path: open(path, "r+b"), __import__("os").unlink):
        try:
            act("/usr/lib/pyodide-snapshot/" + name)
        except OSError as error:
            print(error.strerror)
`;
    assert.deepEqual(await python(["-c", code]), {
      stdout: `False undefined\n${"Permission denied\nRead-only file system\n".repeat(3)}`,
      stderr: "",
      exitCode: 0,
    });
  });

  test("is there again for the next program", async () => {
    for (let round = 0; round < 3; round += 1) {
      assert.equal((await python(["-c", "print(sum(range(1000)))"])).stdout, "499500\n");
    }
    const many = await Promise.all(
      Array.from({ length: 3 }, (_, index) => python(["-c", `print(${index} + 1)`])),
    );
    assert.deepEqual(
      many.map(({ stdout }) => stdout),
      ["1\n", "2\n", "3\n"],
    );
  });
});

describe("rt.python.run:", () => {
  test("inputs are globals, and the last expression is the value", async () => {
    const inputs = {
      none: null,
      yes: true,
      text: "ü\u{1f600}",
      whole: 3,
      half: 0.5,
      big: 2n ** 70n,
      bytes: new Uint8Array([0, 255]),
      list: [1, [2, { a: "b" }]],
      nan: Number.NaN,
      negative: Number.NEGATIVE_INFINITY,
    };
    const names = Object.keys(inputs).join(", ");
    const { value, exitCode, stderr } = await rt.python.run(
      `print(type(whole), type(half), type(big), type(bytes))\n[${names}]`,
      { inputs },
    );
    assert.deepEqual([exitCode, stderr], [0, ""]);
    assert.deepEqual(value, Object.values(inputs));
  });

  test("output, no value, and dictionaries with any key", async () => {
    const said = await rt.python.run(
      "import sys\nprint('out')\nprint('err', file=sys.stderr)\nx = 1",
    );
    assert.deepEqual(
      [said.stdout, said.stderr, said.value, said.exitCode],
      ["out\n", "err\n", null, 0],
    );
    const { value } = await rt.python.run<Record<string, unknown>>(
      "{'__proto__': 1, 'b': (1, None)}",
    );
    assert.deepEqual(Object.entries(value ?? {}), [
      ["__proto__", 1],
      ["b", [1, null]],
    ]);
  });

  test("what fails has its traceback, without frames of ours", async () => {
    const failed = await rt.python.run("def f():\n    return {}['a']\n\nf()");
    assert.equal(failed.exitCode, 1);
    assert.equal(failed.value, undefined);
    assert.equal(
      failed.stderr,
      `Traceback (most recent call last):
  File "<string>", line 4, in <module>
    f()
    ~^^
  File "<string>", line 2, in f
    return {}['a']
           ~~^^^^^
KeyError: 'a'
`,
    );
    const wrong = await rt.python.run("x = = 1");
    assert.equal(
      wrong.stderr,
      '  File "<string>", line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n',
    );
    assert.equal((await rt.python.run("import sys; sys.exit(4)")).exitCode, 4);
  });

  test("what has no counterpart in JavaScript is refused by name", async () => {
    for (const [code, message] of [
      ["{'rows': [1, object()]}", /the value\['rows'\]\[1\] is of the type object/],
      ["{1: 2}", /has the key 1, which is not a str/],
      ["a = []\na.append(a)\na", /the value\[0\] holds itself/],
    ] as const) {
      await assert.rejects(rt.python.run(code), { code: "ERR_INVALID_VALUE", message });
    }
    // The second is short, and takes much where it is built.
    for (const code of ["'x' * 2_000_000", "[[]] * 100_000"]) {
      await assert.rejects(rt.python.run(code), {
        code: "ERR_RESOURCE_LIMIT",
        limit: "limits.jsRuntime.returnValueLimitBytes",
      });
    }
  });

  test("a picture as bytes", async () => {
    const { value, stderr } = await rt.python.run<Uint8Array>(
      `
import struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
rows = b"".join(b"\\0" + bytes((x * y) % 256 for x in range(size)) for y in range(size))
(b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0))
 + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
`,
      { inputs: { size: 64 } },
    );
    assert.equal(stderr, "");
    assert.ok(value instanceof Uint8Array);
    assert.deepEqual(
      [...value.subarray(1, 4)],
      [..."PNG"].map((letter) => letter.charCodeAt(0)),
    );
    assert.equal(Buffer.from(value).readUInt32BE(16), 64);
  });

  test("wrong arguments", async () => {
    for (const inputs of [{ "a b": 1 }, { f: () => {} }, { d: new Date() }]) {
      await assert.rejects(rt.python.run("1", { inputs }), { code: /^ERR_INVALID_ARG/ });
    }
    // @ts-expect-error: no such option
    await assert.rejects(rt.python.run("1", { input: {} }), { code: "ERR_INVALID_ARG_VALUE" });
  });

  test("leaves no file behind", async () => {
    assert.deepEqual(
      (await rt.readDir("/tmp")).filter((name) => name.startsWith(".python")),
      [],
    );
  });
});

describe("packages:", () => {
  test("a wheel of the folder is there when it is imported", async () => {
    assert.deepEqual(await python(["-c", "import greeting; print(greeting.text)"]), {
      stdout: "from a wheel\n",
      stderr: "",
      exitCode: 0,
    });
    const none = await python(["-c", "import nosuch"]);
    assert.match(none.stderr, /\nModuleNotFoundError: No module named 'nosuch'\n$/);
  });

  test("one that is broken keeps no other from being imported", async () => {
    const broken = join(wheels, "a_broken-1.0-py3-none-any.whl");
    const list = join(wheels, "pyodide-lock.json");
    writeFileSync(broken, "PK");
    writeFileSync(list, JSON.stringify({ packages: { x: { file_name: "greeting-1.0.whl" } } }));
    try {
      const { stdout, stderr, exitCode } = await python(["-c", "import greeting; print(1)"]);
      assert.deepEqual([stdout, exitCode], ["1\n", 0]);
      assert.equal(
        stderr,
        "python3: a_broken-1.0-py3-none-any.whl is no wheel: File is not a zip file\n",
      );
    } finally {
      rmSync(broken);
      rmSync(list);
    }
  });

  test("without the package the command says how to get it", async () => {
    const other = await NodeRuntime.create();
    try {
      const { stderr, exitCode } = await other.execCommand("python3", ["-c", "1"]);
      assert.equal(exitCode, 127);
      assert.match(
        stderr,
        /^python3: the npm package "pyodide" is not here: npm install pyodide[^\n]*\n$/,
      );
    } finally {
      await other.dispose();
    }
  });

  test("a directory that is not the package is refused", async () => {
    await assert.rejects(NodeRuntime.create({ python: { packageDir: wheels } }), {
      code: "ERR_INVALID_ARG_VALUE",
      message: /options\.python\.packageDir/,
    });
  });
});

describe("what means harm:", () => {
  test("memory without end is MemoryError, and recursion RecursionError", async () => {
    const code = `
held = []
try:
    while True: held.append(bytearray(2 ** 24))
except MemoryError:
    held.clear()
    print("MemoryError")
def deeper(): deeper()
try:
    deeper()
except RecursionError:
    print("RecursionError")
`;
    assert.equal((await python(["-c", code])).stdout, "MemoryError\nRecursionError\n");
  });

  test("a fork bomb by way of subprocess is bounded", slow, async () => {
    const bomb = await NodeRuntime.create({
      python: true,
      limits: { resources: { maxProcesses: 6 }, jsRuntime: { cpuTimeLimitMs: 60_000 } },
    });
    try {
      const code =
        "import subprocess, sys\nsubprocess.run([sys.executable, *sys.argv[:0], 'bomb.py'], check=True)";
      await bomb.writeFile("/workspace/bomb.py", code);
      const { exitCode } = await bomb.execCommand("python3", ["bomb.py"]);
      assert.notEqual(exitCode, 0);
      assert.equal((await bomb.execCommand("echo", ["alive"])).stdout, "alive\n");
    } finally {
      await bomb.dispose();
    }
  });

  test("an answer that the program has forged is checked", async () => {
    const code = `
import atexit, glob
def forge():
    for path in glob.glob("/tmp/.python-*"):
        open(path + "/answer", "w").write(%s)
atexit.register(forge)
`;
    for (const text of [
      "'{'",
      '\'{"value":{"object":[1]}}\'',
      "'{\"value\":' + '['*9999 + ']'*9999 + '}'",
    ]) {
      await assert.rejects(rt.python.run(code.replace("%s", text)), { code: "ERR_INVALID_VALUE" });
    }
  });
});

test("thirty programs leave nothing", slow, async () => {
  await python(["-c", "1"]);
  const before = await rt.getResourceSnapshot();
  for (let round = 0; round < 30; round += 1) await rt.python.run("1 + 1");
  const after = await rt.getResourceSnapshot();
  assert.equal((await rt.processes()).length, 0);
  assert.deepEqual([after.inodes, after.fds], [before.inodes, before.fds]);
  const grown = after.filesystemBytes - before.filesystemBytes;
  assert.ok(grown <= 0, `${grown} bytes more`);
});

test("the snapshot is gone with the process of the host", slow, () => {
  const program = `
    import { NodeRuntime } from "secure-exec";
    import { readdirSync } from "node:fs";
    const rt = await NodeRuntime.create({ python: true });
    console.log(readdirSync(process.env.TMPDIR).find((name) => name.startsWith("secure-exec-python-")));
    await rt.dispose();
  `;
  const folder = mkdtempSync(join(tmpdir(), "snapshots-"));
  try {
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      env: { ...process.env, TMPDIR: folder },
      encoding: "utf8",
    });
    const name = stdout.trim();
    assert.match(name, /^secure-exec-python-/, stderr);
    assert.ok(!existsSync(join(folder, name)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function alterByte(path: string, position: number) {
  const file = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, position);
  byte[0] = ~(byte[0] ?? 0) & 0xff;
  writeSync(file, byte, 0, 1, position);
  closeSync(file);
}

test("a package that takes its snapshot in another way is given all of it", slow, async () => {
  const folder = mkdtempSync(join(tmpdir(), "package-"));
  try {
    const known = dirname(createRequire(import.meta.url).resolve("pyodide/package.json"));
    cpSync(known, folder, { recursive: true });
    const path = join(folder, "pyodide.asm.mjs");
    const code = readFileSync(path, "latin1");
    const other = code.replace(/(API\.restoreSnapshot=.*?t=t\.)subarray\(r\)/, "$1slice(r)");
    assert.notEqual(other, code);
    writeFileSync(path, other, "latin1");
    const changed = await NodeRuntime.create({ python: { packageDir: folder } });
    const { stdout, stderr } = await changed.execCommand("python3", ["-c", "print(6 * 7)"]);
    await changed.dispose();
    assert.deepEqual([stdout, stderr], ["42\n", ""]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test(
  "the snapshot stays in a directory for it, and is made anew if it is not as it was",
  slow,
  async () => {
    const program = `
    import { NodeRuntime } from "secure-exec";
    const rt = await NodeRuntime.create({ python: { cacheDir: process.argv[1] } });
    const { value } = await rt.python.run("6 * 7");
    console.log(value);
    await rt.dispose();
  `;
    const folder = mkdtempSync(join(tmpdir(), "snapshots-"));
    const names = ["memory", "module", "script"];
    const files = names.flatMap((name) => [name, `${name}.sha256`]);
    const run = () => {
      const args = ["--input-type=module", "-e", program, folder];
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      assert.equal(stdout, "42\n", stderr);
      const [name] = readdirSync(folder);
      assert.match(name ?? "", /^python-[0-9a-f]{32}$/);
      const made = join(folder, name ?? "");
      assert.deepEqual(readdirSync(made).sort(), files);
      return { made, inode: statSync(join(made, "module")).ino };
    };
    try {
      let last = run();
      assert.equal(run().inode, last.inode);
      const small = statSync(join(last.made, "memory"));
      assert.ok(small.size < 20e6, "pages of zeros are left out");
      // What is not as it was left is made anew, the machine code too: it is run as it is.
      const damages = [
        ["memory", (path: string) => truncateSync(path, 1000)],
        ["memory", (path: string) => alterByte(path, 100_000)],
        ["module", (path: string) => truncateSync(path, 1000)],
        ["script", (path: string) => alterByte(path, 2_000_000)],
      ] as const;
      for (const [name, damage] of damages) {
        const damaged = join(last.made, name);
        chmodSync(damaged, 0o600);
        damage(damaged);
        const next = run();
        assert.notEqual(next.inode, last.inode, name);
        last = next;
      }
      chmodSync(folder, 0o722);
      const refused = NodeRuntime.create({ python: { cacheDir: folder } });
      await assert.rejects(refused, {
        code: "ERR_INVALID_ARG_VALUE",
        message: /options\.python\.cacheDir.*nobody else may write/,
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
