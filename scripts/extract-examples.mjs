// Checks that the examples are what the documents beside the clone (../shared/seeds) say, and names
// every piece of code in a document that has no example. The documents lost their line breaks on
// the way, so white space does not count.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./lib/paths.mjs";
import { findSeeds } from "./lib/seeds.mjs";
import { runMain, say, StepError } from "./lib/steps.mjs";

/** The documents whose examples are in `examples/<name>`. */
const documents = [
  "output-capture",
  "executing-code",
  "child-processes",
  "node-runtime-kernel-first",
  "sandbox-exec-module",
];

/** Calls of the API in a document, without white space. */
const calls =
  /(?:await|=)(?:(?:rt|runtime|kernel)\.(?:exec|run|mount)(?:<[^(]*>)?|ts\.\w+)\(.{12}|newNodeRuntime\(.{12}|=awaitsandbox\.exec\.\w+\([^)]{6,}/gs;

const documentedPart = /^[ \t]*\/\/ #region documented\n([\s\S]*?)^[ \t]*\/\/ #endregion/gm;

await runMain(async () => {
  const seeds = await findSeeds();
  if (!seeds) return void say("no documents in ../shared/seeds: nothing to compare with");
  let count = 0;
  for (const document of documents) {
    const text = squeeze(await readFile(join(seeds, `${document}.txt`), "utf8"));
    const files = await examplesOf(document);
    for (const file of files) {
      const parts = documentedParts(await readFile(file, "utf8"));
      if (parts.length === 0) throw new StepError(`${file}: no "#region documented"`);
      if (!parts.every((part) => text.includes(part))) {
        throw new StepError(`${file}: its documented part is not in ${document}.txt`);
      }
      count += 1;
    }
    await checkAllCovered(document, text, files);
  }
  say(`${count} examples are as documented`);
});

// Every call of the API in the document is inside the documented part of some example.
async function checkAllCovered(document, text, files) {
  const examples = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const covered = examples.flatMap(documentedParts);
  for (const { 0: call } of text.matchAll(calls)) {
    if (!covered.some((part) => part.includes(call))) {
      throw new StepError(`${document}.txt: no example has ${call}`);
    }
  }
}

function documentedParts(example) {
  return Array.from(example.matchAll(documentedPart), ([, part]) => squeeze(part));
}

async function examplesOf(document) {
  const folder = join(root, "examples", document);
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith(".ts")).map((name) => join(folder, name));
}

function squeeze(text) {
  return text.replace(/\s+/g, "");
}
