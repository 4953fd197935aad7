// The pages of the site, put together from those of the clone: their examples are the files that the tests run.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { root } from "../lib/paths.mjs";
import { StepError } from "../lib/steps.mjs";

/** A line such as `<<< @/examples/output-capture/stdin.ts#documented`, as VitePress has it. */
const include = /^<<< @\/([\w./-]+?)(?:#(\w+))?$/gm;

/** What is in a fence is left as it is. */
const fence = /(^```[\s\S]*?^```$)/m;

const languages = { mjs: "js", out: "text" };

/**
 * Writes the pages below a folder.
 *
 * @param {string} folder
 * @param {import("./navigation.mjs").Section[]} sections
 */
export async function writePages(folder, sections) {
  const pages = sections.flatMap(({ pages }) => pages).filter(({ source }) => source);
  const paths = new Map(pages.map(({ source, path }) => [source, path]));
  for (const page of [...pages, { source: "site/pages/index.md", path: "index" }]) {
    const file = join(folder, `${page.path}.md`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, await pageText(page.source, paths));
  }
}

/**
 * A page with its examples in it, and with links where it names other pages.
 *
 * @param {string} source
 * @param {Map<string, string>} paths What pages there are, and where they are on the site.
 */
export async function pageText(source, paths) {
  const text = await readFile(join(root, source), "utf8");
  const whole = await replaceAll(text, include, async ([, file, region]) => {
    const [, extension] = /\.(\w+)$/.exec(file) ?? [];
    const code = await example(file, region, source);
    return `\`\`\`${languages[extension] ?? extension}\n${code}\n\`\`\``;
  });
  return whole
    .split(fence)
    .map((part) => (part.startsWith("```") ? part : linked(part, paths)))
    .join("");
}

/** A file of the clone, or a region of it without what it is indented by. */
async function example(file, region, source) {
  const text = await readFile(join(root, file), "utf8").catch(() => {
    throw new StepError(`${source} includes ${file}, which is not there`);
  });
  if (region === undefined) return text.trimEnd();
  const between = new RegExp(`// #region ${region}\\n([\\s\\S]*?)\\n[ \\t]*// #endregion`);
  const [, found] = between.exec(text) ?? [];
  if (found === undefined) throw new StepError(`${source}: ${file} has no region ${region}`);
  const lines = found.split("\n");
  const indents = lines.filter((line) => line.trim()).map((line) => line.search(/\S/));
  const indent = Math.min(...indents);
  return lines.map((line) => line.slice(indent)).join("\n");
}

/** Names of pages in backquotes become links, and links to what is elsewhere on the site go there. */
function linked(text, paths) {
  return text
    .replace(/(?<!\[)`((?:docs\/)?[\w/-]+\.md)`/g, (name, source) => {
      const path = paths.get(source);
      return path ? `[${name}](/${path}.md)` : name;
    })
    .replace(/\]\((?:\.\.\/)*README\.md\)/g, "](/index.md)")
    .replace(/\]\((?:\.\.\/)*(SECURITY|CHANGELOG)\.md\)/g, (_, name) => {
      return `](/${name.toLowerCase()}.md)`;
    });
}

async function replaceAll(text, pattern, replacement) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    parts.push(text.slice(end, match.index), await replacement(match));
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)].join("");
}
