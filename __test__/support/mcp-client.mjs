// What tests use of the SDK of the Model Context Protocol. Its declarations do not hold under the options that ours are
// checked with.

export { Client } from "@modelcontextprotocol/sdk/client/index.js";
export { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
export { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
