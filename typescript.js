// The ES module entry of the TypeScript tools: the same objects as the CommonJS one.

import entry from "./typescript.cjs";

export const { createTypeScriptTools } = entry;
