// Prints what `publint` and `attw` find wrong with a tarball of the package, a line for each problem.
// Argument: the tarball.

import { readFile } from "node:fs/promises";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const data = await readFile(process.argv[2]);

const types = await checkPackage(createPackageFromTarballData(data));
if (!types.types) console.log("attw: the package has no types");
for (const problem of types.problems ?? []) console.log(`attw: ${JSON.stringify(problem)}`);

const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
for (const message of messages) console.log(`publint: ${formatMessage(message, pkg)}`);
