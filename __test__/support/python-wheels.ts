// The wheels that the set-up has fetched for the tests.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const script = join(import.meta.dirname, "../../scripts/lib/python-wheels.mjs");

/** The folder that has them. */
export const { wheelsFolder } = (await import(pathToFileURL(script).href)) as {
  wheelsFolder: string;
};

/** Why tests with wheels are skipped, or `false`. */
export const notFetched = existsSync(wheelsFolder)
  ? false
  : "the wheels are not there: node scripts/setup.mjs fetches them";
