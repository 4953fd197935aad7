// Values of another realm, as plugin hosts and test runners pass them.

import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import { withRuntime } from "./support/guest.ts";
import { test } from "./support/suite.ts";

test("bytes of another realm are bytes", async () => {
  const data = runInNewContext("new Uint8Array([65, 66])") as Uint8Array;
  assert.equal(data instanceof Uint8Array, false);
  await withRuntime({ files: { "/tmp/a": data, "/tmp/b": { data } } }, async (runtime) => {
    await runtime.writeFile("/tmp/c", data);
    const { stdout } = await runtime.execCommand("cat", ["/tmp/a", "/tmp/b", "/tmp/c", "-"], {
      stdin: data,
    });
    assert.equal(stdout, "ABABABAB");
  });
});

test("an abort signal is what acts as one", async () => {
  class Signal extends EventTarget {
    aborted = false;
    reason: unknown;
    throwIfAborted() {
      if (this.aborted) throw this.reason;
    }
    abort(reason: unknown) {
      Object.assign(this, { aborted: true, reason });
      this.dispatchEvent(new Event("abort"));
    }
  }
  await withRuntime({}, async (runtime) => {
    const signal = new Signal();
    const reason = new Error("enough");
    const onStdout = () => signal.abort(reason);
    const given = signal as unknown as AbortSignal;
    const call = runtime.exec("console.log(1); for (;;);", { signal: given, onStdout });
    await assert.rejects(call, reason);
    const no = { aborted: false } as unknown as AbortSignal;
    await assert.rejects(runtime.exec("1", { signal: no }), { code: "ERR_INVALID_ARG_TYPE" });
  });
});
