// What the site is made of: every page has its place, and every example is a file that is tested. `npm run site` builds it,
// and `npm test -- site` opens it in a browser.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { llmsText, navigation, pageText } from "./support/site.ts";
import { describe, test } from "./support/suite.ts";

const root = join(import.meta.dirname, "..");
const sections = await navigation();
const pages = sections.flatMap(({ pages }) => pages);
const written = pages.filter(({ source }) => source !== undefined);
const paths = new Map(written.map(({ source, path }) => [source as string, path]));
const files = (folder: string, end = ".md") =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(end))
    .map((name) => `${folder}/${name}`);

describe("the site's navigation", () => {
  test("has pages that are there, each once", () => {
    assert.deepEqual(
      written.filter(({ source }) => !existsSync(join(root, source as string))),
      [],
    );
    assert.equal(new Set(pages.map(({ path }) => path)).size, pages.length);
    for (const { text } of pages) assert.doesNotMatch(text, /\.md$/);
  });

  test("has every page of the documentation and of the site, and every file of declarations", () => {
    const all = ["docs", "docs/design", "site/pages/guide"].flatMap((folder) => files(folder));
    assert(all.length > 40);
    assert.deepEqual(
      all.filter((file) => !paths.has(file)),
      [],
    );
    const reference = new Set(pages.map(({ path }) => path));
    const declared = files("types", ".d.ts").map((file) => file.replace(/\.d\.ts$/, ""));
    assert.deepEqual(
      declared.filter((file) => file !== "types/host" && !reference.has(`reference/${file}`)),
      [],
    );
  });

  test("says of each page that was written for it what is there", () => {
    for (const { source, about } of written) {
      if (source?.startsWith("site/")) assert.ok(about.length > 10, source);
    }
  });
});

describe("pages of the site", () => {
  const included = written.flatMap(({ source = "" }) =>
    [...readFileSync(join(root, source), "utf8").matchAll(/^<<< @\/(\S+?)(?:#\S+)?$/gm)].map(
      ([, file = ""]) => file,
    ),
  );

  test("include all examples of the five documents, each of which the tests run", () => {
    const wanted = [
      "executing-code",
      "output-capture",
      "child-processes",
      "node-runtime-kernel-first",
      "sandbox-exec-module",
    ].flatMap((document) => files(`examples/${document}`, ".ts"));
    assert(wanted.length > 25);
    assert.deepEqual(
      wanted.filter((file) => !included.includes(file)),
      [],
    );
    for (const file of included.filter((file) => !file.endsWith(".out"))) {
      assert.ok(existsSync(join(root, file.replace(/\.\w+$/, ".out"))), `${file} is not run`);
    }
  });

  test("have their examples in them, without what is around regions", async () => {
    const text = await pageText("site/pages/guide/output-capture.md", paths);
    assert.doesNotMatch(text, /<<<|#region/);
    assert.match(text, /```ts\nconst { stderr, exitCode } = await rt\.exec\(code\);\nif \(/);
    assert.match(text, /```text\nexitCode: 3\n/);
  });

  test("link to what they name", async () => {
    const text = await pageText("SECURITY.md", paths);
    assert.match(text, /\[`docs\/limits\.md`\]\(\/docs\/limits\.md\)/);
  });

  test("an example that is not there is an error", async () => {
    const missing = "__test__/fixtures/site/missing.md";
    await assert.rejects(
      pageText(missing, paths),
      /includes examples\/none\.ts, which is not there/,
    );
    const region = "__test__/fixtures/site/missing-region.md";
    await assert.rejects(pageText(region, paths), /has no region none/);
  });
});

test("llms.txt has every page, below the path of the site", () => {
  const text = llmsText(sections, "/secure-exec/");
  for (const { path } of pages) assert.ok(text.includes(`](/secure-exec/${path}.md)`), path);
  assert.match(text, /^# secure-exec\n\n> /);
});
