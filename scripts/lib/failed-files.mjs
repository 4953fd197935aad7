// A reporter of `node --test`: the files with a test that failed, a line each.

/** @param {AsyncIterable<{ type: string, data: { file?: string, entryFile?: string, name: string } }>} events */
export default async function* failedFiles(events) {
  const told = new Set();
  for await (const { type, data } of events) {
    // `file` is where the test was defined, which a file that was run may have imported. What ended before its first test
    // is told by its name alone.
    const file = data?.entryFile ?? data?.file ?? data?.name;
    if (type !== "test:fail" || told.has(file)) continue;
    told.add(file);
    yield `${file}\n`;
  }
}
