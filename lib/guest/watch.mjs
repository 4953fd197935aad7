// Watches a path for the host: lines of JSON on standard output, the first when it has begun.

import { watch } from "node:fs";

const [path, recursive] = process.argv.slice(1);

function tell(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function fail({ code, errno, message, syscall }) {
  process.stdout.write(`${JSON.stringify({ failure: { code, errno, message, syscall } })}\n`, () =>
    process.exit(1),
  );
}

try {
  const watcher = watch(path, { recursive: recursive === "true" });
  watcher.on("change", (eventType, filename) => tell({ eventType, filename }));
  watcher.on("error", fail);
  tell({});
} catch (error) {
  fail(error);
}
