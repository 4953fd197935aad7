// The SDK's own client with `secure-exec mcp` over standard input and output, as desktop applications and editors start it.
import { createRequire } from "node:module";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

// Where the package is installed this is: command: "npx", args: ["secure-exec", "mcp", ...]
const require = createRequire(import.meta.url);
const cli = require.resolve("secure-exec/package.json").replace("package.json", "lib/cli/main.cjs");
const client = new Client({ name: "example", version: "1.0.0" });
const flags = ["--timeout", "20s", "--max-chars", "2000", "--memory", "512m"];
await client.connect(
  new StdioClientTransport({ command: process.execPath, args: [cli, "mcp", ...flags] }),
);

const call = async (name, input, options) => {
  const { content } = await client.callTool({ name, arguments: input }, undefined, options);
  return content[0].text.trimEnd();
};

const { tools } = await client.listTools();
console.log(tools.map(({ name }) => name).join(", "));
console.log(await call("run", { code: "const six: number = 6; console.log(six * 7)" }));
await call("shell", { command: "mkdir -p notes && cd notes && echo hello > a.txt" });
console.log(await call("shell", { command: "pwd; cat a.txt" }));
console.log(await call("list_files", { path: "notes" }));
console.log(await call("run", { code: "for (;;);", timeoutMs: 200 }));

// A client that cancels ends the program; one that asks for progress hears of its output meanwhile.
const stop = new AbortController();
const endless = "console.log('working'); setInterval(() => {}, 1000)";
const onprogress = ({ message }) => {
  console.log("heard:", message.trimEnd());
  stop.abort();
};
await call("run", { code: endless }, { signal: stop.signal, onprogress }).catch(() =>
  console.log("cancelled"),
);
await client.close();
