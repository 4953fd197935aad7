// The targets that are written in JavaScript.

import { bindings, calls } from "./bindings.mjs";
import ends from "./ends.mjs";
import events from "./events.mjs";
import kills from "./kills.mjs";
import loaders from "./loaders.mjs";
import memory from "./memory.mjs";
import nodeWasi from "./node-wasi.mjs";
import options from "./options.mjs";
import parsers from "./parsers.mjs";
import wasi from "./wasi.mjs";

export const targets = [
  events,
  options,
  parsers,
  bindings,
  calls,
  wasi,
  nodeWasi,
  loaders,
  kills,
  memory,
  ends,
];
