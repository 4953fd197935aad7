// The configuration of VitePress. scripts/site.mjs puts it beside the pages that it has put together.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const { base, sections } = JSON.parse(
  readFileSync(join(import.meta.dirname, "navigation.json"), "utf8"),
);

const first = (text) => `/${sections.find((section) => section.text === text).pages[0].path}`;

export default {
  base,
  title: "secure-exec",
  description:
    "Run untrusted JavaScript from Node.js in a small, deny-by-default, Linux-like machine.",
  lang: "en",
  // Works on hosts that know nothing of it, and from a folder.
  cleanUrls: false,
  lastUpdated: false,
  ignoreDeadLinks: false,
  head: [["link", { rel: "icon", type: "image/svg+xml", href: `${base}icon.svg` }]],
  markdown: { theme: { light: "github-light-high-contrast", dark: "github-dark" } },
  // The index of the search, which is loaded when somebody searches.
  vite: { build: { chunkSizeWarningLimit: 2000 } },
  themeConfig: {
    logo: "/icon.svg",
    outline: { level: [2, 3] },
    search: { provider: "local" },
    nav: [
      { text: "Quickstart", link: first("Start here") },
      { text: "Guides", link: first("Guides") },
      { text: "Security", link: first("Security") },
      { text: "Reference", link: "/reference/types/node-runtime" },
    ],
    sidebar: sections.map(({ text, collapsed, pages }) => ({
      text,
      collapsed,
      items: pages.map(({ text, path }) => ({ text, link: `/${path}` })),
    })),
    footer: { message: "Apache-2.0" },
  },
};
