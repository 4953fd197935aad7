// A reporter of `node --test`: the tests that failed, each in a line of JSON with its file, its name and why.

/** A message goes on with lines of what was expected; so much of it is enough to know which fault it is. */
const longest = 400;

/** @typedef {{ file: string, name?: string, why?: string }} FailedTest Without a name: all that is known is which file. */

/** @param {AsyncIterable<{ type: string, data: any }>} events */
export default async function* failedTests(events) {
  for await (const { type, data } of events) {
    if (type === "test:fail") yield `${JSON.stringify(failedTest(data))}\n`;
  }
}

/** @returns {FailedTest} */
function failedTest({ file: definedIn, entryFile, name, details }) {
  // `file` is where the test was defined, which a file that was run may have imported. What ended before its first test
  // is told by its name alone.
  const file = entryFile ?? definedIn ?? name;
  const { failureType, cause } = details?.error ?? {};
  // A suite fails by what is in it.
  if (failureType === "subtestsFailed") return { file };
  const why = String(cause?.message ?? cause ?? details?.error?.message ?? "").trim();
  return { file, name, why: why.replaceAll(/\s+/g, " ").slice(0, longest) };
}
