// The targets that are written in JavaScript.

import ends from "./ends.mjs";
import events from "./events.mjs";

export const targets = [ends, events];
