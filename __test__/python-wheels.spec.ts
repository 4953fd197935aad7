// Python packages with machine code: wheels of PyPI in C and in Rust, as they are.

import assert from "node:assert/strict";
import type { NodeRuntime } from "secure-exec";
import { createWithWheels, notFetched, wheelsFolder } from "./support/python-wheels.ts";
import { after, before, describe, test } from "./support/suite.ts";

/** The first program of a process waits for the snapshot. */
const slow = { timeout: 300_000 };

describe("machine code in wheels:", { skip: notFetched }, () => {
  let rt: NodeRuntime;

  before(async () => {
    rt = await createWithWheels(wheelsFolder);
  });
  after(() => rt?.dispose());

  const python = async (code: string) => {
    const { stdout, stderr, exitCode } = await rt.execCommand("python3", ["-c", code]);
    return { stdout, stderr, exitCode };
  };

  const rows: [title: string, code: string, stdout: string][] = [
    [
      "in C, with classes of Python on top",
      "from bitarray import bitarray; a = bitarray('1101'); a.extend([0, 1]); print(a, a.count(), a.tobytes())",
      "bitarray('110101') 4 b'\\xd4'\n",
    ],
    [
      "in C, with one module that is nothing else",
      `
import msgspec
class Order(msgspec.Struct):
    name: str
    count: int = 1
order = msgspec.json.decode(b'{"name": "tea", "count": 3}', type=Order)
print(order, msgspec.msgpack.encode(order).hex())
try:
    msgspec.json.decode(b'{"name": 1}', type=Order)
except msgspec.ValidationError as error:
    print(error)
`,
      "Order(name='tea', count=3) 82a46e616d65a3746561a5636f756e7403\nExpected `str`, got `int` - at `$.name`\n",
    ],
    [
      "in Rust",
      `
import jiter
print(jiter.from_json(b'{"a": [1, 2.5, null, "\\\\u00e9"], "b": true}'))
try:
    jiter.from_json(b"[1,")
except ValueError as error:
    print(error)
`,
      "{'a': [1, 2.5, None, 'é'], 'b': True}\nEOF while parsing a value at line 1 column 3\n",
    ],
    [
      "several in one program",
      "import jiter, msgspec; print(msgspec.json.encode(jiter.from_json(b'[1]')))",
      "b'[1]'\n",
    ],
  ];
  for (const [title, code, stdout] of rows) {
    test(title, slow, async () => {
      assert.deepEqual(await python(code), { stdout, stderr: "", exitCode: 0 });
    });
  }

  test("a package's own tests", slow, async () => {
    const { stdout, stderr, exitCode } = await python(
      "import sys, bitarray; r = bitarray.test(verbosity=0); sys.exit(0 if r.wasSuccessful() else 1)",
    );
    assert.equal(exitCode, 0, stdout + stderr);
    assert.match(stdout + stderr, /Ran \d{3} tests[\s\S]*OK/);
  });

  test("in rt.python.run", slow, async () => {
    const { value } = await rt.python.run("import jiter\njiter.from_json(text)", {
      inputs: { text: new TextEncoder().encode("[1, 2]") },
    });
    assert.deepEqual(value, [1, 2]);
  });

  test("what is not a module is refused as Python refuses it", slow, async () => {
    const { stderr, exitCode } = await python("import bitarray._nosuch");
    assert.equal(exitCode, 1);
    assert.match(stderr, /ModuleNotFoundError: No module named 'bitarray\._nosuch'/);
  });
});
