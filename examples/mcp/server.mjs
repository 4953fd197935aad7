// A server of your own: a machine with your tools and files, for one client in this process. Over standard input and output it
// is `new StdioServerTransport()`, over HTTP one of the SDK's transports for that.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { NodeRuntime } from "secure-exec";
import { createMcpServer } from "secure-exec/ai";

const rt = await NodeRuntime.create({
  files: { "/workspace/in.txt": "three words here\n" },
  tools: {
    weather: {
      description: "Tells the weather of a city.",
      inputSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
      handler: ({ city }) => `sunny in ${city}`,
    },
  },
});
const server = createMcpServer(rt, { timeoutMs: 20_000, maxChars: 4000 });
const [here, there] = InMemoryTransport.createLinkedPair();
await server.connect(there);

const client = new Client({ name: "example", version: "1.0.0" });
await client.connect(here);
const line = "wc -w < in.txt; weather --city Paris";
const { content } = await client.callTool({ name: "shell", arguments: { command: line } });
console.log(content[0].text.trimEnd());
await client.close();
await server.close();
await rt.dispose();
