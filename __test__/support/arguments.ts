// Arguments that are wrong.

import assert from "node:assert/strict";

const argumentErrors = /^ERR_(INVALID_ARG_TYPE|INVALID_ARG_VALUE|OUT_OF_RANGE)$/;

/** Calls a method with arguments that its type forbids, and expects an error that names the option. */
export async function rejectsArgument(
  call: (loose: never) => unknown,
  value: unknown,
  option = "",
): Promise<void> {
  await assert.rejects(
    async () => await call(value as never),
    (error: NodeJS.ErrnoException) => {
      assert.ok(error instanceof TypeError || error instanceof RangeError, String(error));
      assert.match(error.code ?? "", argumentErrors, String(error));
      assert.ok(error.message.includes(option), error.message);
      return true;
    },
    `accepted ${option} ${describeValue(value)}`,
  );
}

function describeValue(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
