// Checks that the examples are what the documents beside the clone (../shared/seeds) say, and names
// every piece of code in a document that has no example. The documents lost their line breaks on
// the way, so white space does not count.

import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { root } from "./lib/paths.mjs";
import { capture, runMain, say, StepError } from "./lib/steps.mjs";

/** The documents whose examples are in `examples/<name>`. */
const documents = ["output-capture", "executing-code", "child-processes"];

const documentedPart = /^[ \t]*\/\/ #region documented\n([\s\S]*?)^[ \t]*\/\/ #endregion/m;

await runMain(async () => {
  const seeds = await findSeeds();
  if (!seeds) return void say("no documents in ../shared/seeds: nothing to compare with");
  let count = 0;
  for (const document of documents) {
    const text = squeeze(await readFile(join(seeds, `${document}.txt`), "utf8"));
    const files = await examplesOf(document);
    for (const file of files) {
      const part = (await readFile(file, "utf8")).match(documentedPart)?.[1];
      if (!part) throw new StepError(`${file}: no "#region documented"`);
      if (!text.includes(squeeze(part))) {
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
  const parts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const covered = parts.map((part) => squeeze(part.match(documentedPart)[1]));
  for (const { 0: call } of text.matchAll(/(?:await|=)rt\.(?:exec|run)(?:<[^(]*>)?\(.{12}/gs)) {
    if (!covered.some((part) => part.includes(call))) {
      throw new StepError(`${document}.txt: no example has ${call}`);
    }
  }
}

async function examplesOf(document) {
  const folder = join(root, "examples", document);
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith(".ts")).map((name) => join(folder, name));
}

async function findSeeds() {
  const common = await capture("git", ["rev-parse", "--path-format=absolute", "--git-common-dir"]);
  const clones = [root, ...(common ? [dirname(common.trim())] : [])];
  for (const clone of clones) {
    const folder = resolve(clone, "..", "shared", "seeds");
    const names = await readdir(folder).catch(() => []);
    if (names.includes(`${basename(documents[0])}.txt`)) return folder;
  }
  return undefined;
}

function squeeze(text) {
  return text.replace(/\s+/g, "");
}
