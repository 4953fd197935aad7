// The site for language models: `llms.txt` (llmstxt.org) with a line for each page, each page as Markdown beside its HTML,
// and all but the optional ones in `llms-full.txt`.

import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

const introduction = `# secure-exec

> Run untrusted JavaScript from Node.js in a small, deny-by-default, Linux-like machine: V8 with Node.js's own library, a
> kernel with files, processes, pipes and a network of its own, a shell with some 130 commands, and limits for everything.

Install: \`npm install secure-exec\` (Linux on x64 with glibc, Node.js 20 or later). \`NodeRuntime.create()\` gives a machine,
\`rt.exec(code)\` runs an ES module in it, \`rt.run(code)\` hands a value back, \`await rt.dispose()\` ends it.
`;

/**
 * @param {import("./navigation.mjs").Section[]} sections
 * @param {string} base The path of the site on its host, with a slash at its end.
 */
export function llmsText(sections, base) {
  const parts = sections.map(({ text, optional, pages }) => {
    const lines = pages.map(({ text, path, about }) => {
      return `- [${text}](${base}${path}.md)${about ? `: ${about}` : ""}`;
    });
    return `## ${optional ? "Optional" : text}\n\n${lines.join("\n")}\n`;
  });
  return [introduction, ...parts].join("\n");
}

/**
 * @param {string} pagesFolder
 * @param {string} dist
 * @param {import("./navigation.mjs").Section[]} sections
 * @param {string} base
 */
export async function writeLlms(pagesFolder, dist, sections, base) {
  await writeFile(join(dist, "llms.txt"), llmsText(sections, base));
  const texts = [introduction];
  for (const { optional, pages } of sections) {
    for (const { path } of pages) {
      const page = `${path}.md`;
      await mkdir(dirname(join(dist, page)), { recursive: true });
      await copyFile(join(pagesFolder, page), join(dist, page));
      if (!optional) texts.push(await readFile(join(pagesFolder, page), "utf8"));
    }
  }
  await writeFile(join(dist, "llms-full.txt"), texts.join("\n"));
}
