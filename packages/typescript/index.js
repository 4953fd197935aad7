// The ES module entry: the same objects as the CommonJS one.

import entry from "./index.cjs";

export const { createTypeScriptTools } = entry;
