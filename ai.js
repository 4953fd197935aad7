// The ES module entry of what gives models a machine: the same objects as the CommonJS one.

import entry from "./ai.cjs";

export const { aiTools, createMcpServer, forModel } = entry;
