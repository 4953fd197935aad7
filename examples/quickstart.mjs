// Run it with `npm start`, or with `node examples/quickstart.mjs` once the addon is built.

import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create({
  files: { "/workspace/greeting.txt": "hello from a file in the sandbox\n" },
});

try {
  // A guest program is an ES module with Node's own standard library.
  const { stdout, exitCode } = await rt.exec(`
    import { readFileSync } from "node:fs";
    import os from "node:os";

    process.stdout.write(readFileSync("greeting.txt", "utf8"));
    console.log("node", process.version, "on", os.platform(), "as", os.userInfo().username);
  `);
  process.stdout.write(stdout);
  console.log("exit code:", exitCode);

  // It can hand a value back ...
  const { value } = await rt.run(`
    const squares = [1, 2, 3].map((n) => n ** 2);
    globalThis.__return({ squares });
  `);
  console.log("value:", value);

  // ... sees nothing of the host ...
  const probe = await rt.exec(`
    import { existsSync } from "node:fs";
    console.log(Object.keys(process.env).length > 20, existsSync("/etc/shadow"));
  `);
  console.log("host in sight:", probe.stdout.trim());

  // ... and cannot run for longer than it may.
  const endless = await rt.exec("for (;;) {}", { timeout: 200 });
  console.log("endless loop:", endless.exitCode, endless.timedOut);
} finally {
  await rt.dispose();
}
