"use strict";
// A server of the Model Context Protocol whose tools and resources are a machine's.

const { version } = require("../../package.json");
const { modelOptions, runtimeOf } = require("../ai/ai-tools.cjs");
const { MachineTools } = require("../ai/machine-tools.cjs");
const { Resources } = require("./resources.cjs");
const { sdk } = require("./sdk.cjs");

/** What the tools are called here, as other servers spell theirs. */
const names = new Map([
  ["run", "run"],
  ["shell", "shell"],
  ["read_file", "readFile"],
  ["write_file", "writeFile"],
  ["list_files", "listFiles"],
]);

/** What clients may show of them. */
const annotations = {
  run: { title: "Run code", openWorldHint: false },
  shell: { title: "Run a shell command", openWorldHint: false },
  read_file: { title: "Read a file", readOnlyHint: true, openWorldHint: false },
  write_file: { title: "Write a file", destructiveHint: true, openWorldHint: false },
  list_files: { title: "List files", readOnlyHint: true, openWorldHint: false },
};

const instructions =
  "A sandbox: a small Linux-like machine with Node.js and a shell, without network. Files and the shell's state stay between calls.";

/** @returns {object} A `Server` of the SDK. */
function createMcpServer(target, given) {
  return serverOf(runtimeOf(target), modelOptions(given));
}

/**
 * @param {import("../node-runtime.cjs").NodeRuntime} runtime
 * @param {{ maxChars: number, timeoutMs: number, cwd: string, prepare?: () => Promise<void> }} settings `prepare` settles
 *   when the machine has its files: it is waited for before each call.
 */
function serverOf(runtime, settings) {
  const { Server, types } = sdk();
  const { prepare = async () => {} } = settings;
  const machine = new MachineTools(runtime, settings);
  const resources = new Resources(runtime, settings.cwd, types);
  const server = new Server(
    { name: "secure-exec", version },
    { capabilities: { resources: {}, tools: {} }, instructions },
  );
  const definitions = new Map(machine.definitions.map((each) => [each.name, each]));
  server.setRequestHandler(types.ListToolsRequestSchema, () => ({
    tools: Array.from(names, ([name, own]) => {
      const { description, schema } = definitions.get(own);
      return { name, description, inputSchema: schema, annotations: annotations[name] };
    }),
  }));
  server.setRequestHandler(
    types.CallToolRequestSchema,
    async ({ params }, { signal, ...extra }) => {
      const name = names.get(params.name);
      if (name === undefined) {
        const shown = JSON.stringify(params.name.slice(0, 64));
        throw new types.McpError(types.ErrorCode.InvalidParams, `There is no tool ${shown}`);
      }
      await prepare();
      const answer = await machine.call(name, params.arguments, { signal, ...progressOf(extra) });
      return { content: contentOf(answer), isError: answer.isError };
    },
  );
  server.setRequestHandler(types.ListResourcesRequestSchema, async ({ params }) => {
    await prepare();
    return await resources.list(params?.cursor);
  });
  server.setRequestHandler(types.ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: resources.templates,
  }));
  server.setRequestHandler(types.ReadResourceRequestSchema, async ({ params }) => {
    await prepare();
    return await resources.read(params.uri);
  });
  const close = server.close.bind(server);
  // Whoever closes it ends what only it has.
  server.close = async () => {
    await machine.close();
    await close();
  };
  return server;
}

function contentOf({ text, picture }) {
  const content = [{ type: "text", text }];
  if (picture) {
    const { data, mediaType } = picture;
    content.push({
      type: "image",
      data: Buffer.from(data.buffer, data.byteOffset, data.length).toString("base64"),
      mimeType: mediaType,
    });
  }
  return content;
}

/** Output as it comes, for a client that has asked for progress: characters so far, and those that are new. */
function progressOf({ _meta, sendNotification }) {
  const progressToken = _meta?.progressToken;
  if (progressToken === undefined) return {};
  let progress = 0;
  // What a program writes waits until the client has taken what came before.
  const onOutput = (message) => {
    progress += message.length;
    const params = { progressToken, progress, message };
    return sendNotification({ method: "notifications/progress", params });
  };
  return { onOutput };
}

module.exports = { createMcpServer, serverOf };
