import { Sandbox } from "secure-exec";

// #region create
import { NodeRuntime } from "secure-exec";

await using rt = await NodeRuntime.create({
  files: { "/workspace/notes.txt": "one\ntwo\nthree\n" },
  env: { MODE: "demo" },
  limits: { resources: { maxMemoryBytes: 256 * 1024 * 1024 } },
});
// #endregion

// #region exec
const report = await rt.exec(`
  import { readFileSync } from "node:fs";
  const lines = readFileSync("notes.txt", "utf8").trim().split("\\n");
  console.log(process.env.MODE, lines.length);
`);
console.log(report.exitCode, report.stdout); // 0 demo 3
// #endregion

// #region value
const { value } = await rt.run<{ primes: number[] }>(`
  const primes = [2, 3, 5, 7].filter((n) => n > 2);
  globalThis.__return({ primes });
`);
console.log(value?.primes); // [ 3, 5, 7 ]
// #endregion

// #region ends
const thrown = await rt.exec(`throw new Error("no luck")`);
console.log(thrown.exitCode, thrown.stderr.includes("no luck")); // 1 true

const endless = await rt.exec("for (;;) {}", { timeout: 100 });
console.log(endless.exitCode, endless.timedOut); // 137 true
// #endregion

// #region commands
const sorted = await rt.execCommand("sh", ["-c", "sort -r notes.txt | head -1"]);
console.log(sorted.stdout); // two
// #endregion

// #region files
await rt.writeFile("/workspace/data.json", JSON.stringify({ n: 41 }));
await rt.exec(`
  import fs from "node:fs/promises";
  const { n } = JSON.parse(await fs.readFile("data.json", "utf8"));
  await fs.writeFile("answer.txt", String(n + 1));
`);
console.log(await rt.readFile("/workspace/answer.txt", "utf8")); // 42
// #endregion

// #region server
const server = await rt.spawn(`
  import http from "node:http";
  http.createServer((req, res) => res.end("you asked for " + req.url)).listen(3000);
`);
await rt.waitForListener({ port: 3000 });
const answer = await rt.fetch(3000, { path: "/tea" });
console.log(answer.status, answer.body); // 200 you asked for /tea
server.kill();
await server.wait();
// #endregion

// #region tools
await rt.registerTools({
  weather: {
    description: "Tells the weather of a city",
    inputSchema: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    },
    handler: ({ city }) => `${city}: rain`,
  },
});
const asked = await rt.execCommand("weather", ["--city", "Bergen"]);
console.log(asked.stdout); // {"ok":true,"result":"Bergen: rain"}
// #endregion

// #region shell
await using shell = await rt.shell();
await shell.run("cd /tmp && count=7");
const { stdout } = await shell.run('echo "$PWD $((count * 6))"');
console.log(stdout); // /tmp 42
// #endregion

// #region sandbox
const sandbox = await Sandbox.create();
const listing = await sandbox.exec.run("mkdir -p app && cd app && touch a b && ls | wc -l");
console.log(listing.exitCode, listing.stdout.trim()); // 0 2
await sandbox.kill();
// #endregion
