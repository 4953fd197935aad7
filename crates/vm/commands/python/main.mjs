// The command python3, by this name.

import { main } from "../python3/run.mjs";

await main("python");
