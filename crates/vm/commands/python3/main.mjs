// The command python3, whose other name is python.

import { main } from "./run.mjs";

await main("python3");
