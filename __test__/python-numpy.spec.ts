// NumPy in the machine, as wheel that was built for it.

import assert from "node:assert/strict";
import type { NodeRuntime } from "secure-exec";
import { createWithWheels, notBuilt, numpyFolder } from "./support/python-wheels.ts";
import { after, before, describe, test } from "./support/suite.ts";

/** The first program of a process waits for the snapshot. */
const slow = { timeout: 300_000 };

describe("NumPy:", { skip: notBuilt }, () => {
  let rt: NodeRuntime;

  before(async () => {
    rt = await createWithWheels(numpyFolder);
  });
  after(() => rt?.dispose());

  test("arrays come from lists of the host, and go back as lists", slow, async () => {
    const { value, stderr } = await rt.python.run(
      "import numpy as np\na = np.array(rows)\n{'sum': a.sum(), 'product': a @ a, 'mean': a.mean(axis=0), 'any': (a > 3).any()}",
      {
        inputs: {
          rows: [
            [1, 2],
            [3, 4],
          ],
        },
      },
    );
    assert.equal(stderr, "");
    assert.deepEqual(value, {
      sum: 10,
      product: [
        [7, 10],
        [15, 22],
      ],
      mean: [2, 3],
      any: true,
    });
  });

  test("an array's file is read by the next program", slow, async () => {
    const python = (code: string) => rt.execCommand("python3", ["-c", code]);
    const wrote = await python(
      "import numpy as np; np.save('/tmp/a.npy', np.random.default_rng(1).integers(0, 9, (2, 3)))",
    );
    assert.deepEqual([wrote.stderr, wrote.exitCode], ["", 0]);
    const read = await python(
      "import numpy as np; a = np.load('/tmp/a.npy', mmap_mode=None); print(a.tolist(), a.dtype)",
    );
    assert.equal(read.stdout, "[[4, 4, 6], [8, 0, 1]] int64\n");
  });

  test("errors of its C and C++ are Python's", slow, async () => {
    const { value } = await rt.python.run(`
import numpy as np
told = []
for wrong in (
    lambda: np.zeros(3) @ np.zeros(4),
    lambda: np.arange(3)[5],
    lambda: np.zeros((1 << 28, 1 << 2)),
    lambda: np.array(["x"]).astype(int),
):
    try:
        wrong()
    except Exception as error:
        told.append(type(error).__name__)
told
`);
    assert.deepEqual(value, ["ValueError", "IndexError", "ValueError", "ValueError"]);
  });

  test(
    "more memory than the machine has is a MemoryError, and the interpreter goes on",
    slow,
    async () => {
      const { value } = await rt.python.run(`
import numpy as np
try:
    told = np.ones(200_000_000).nbytes
except MemoryError:
    told = "MemoryError"
[told, int(np.arange(4).sum())]
`);
      assert.deepEqual(value, ["MemoryError", 6]);
    },
  );
});
