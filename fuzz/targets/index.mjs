// The targets that are written in JavaScript.

import events from "./events.mjs";

export const targets = [events];
