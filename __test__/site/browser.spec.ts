// The built site in a browser: every page shows, nothing is asked of other hosts, and the search finds pages.
// `npm test -- site` builds it first.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { Browser, noBrowser, type Page } from "../support/browser.ts";
import { navigation } from "../support/site.ts";

const dist = join(import.meta.dirname, "..", "..", "site", ".vitepress", "dist");
const skip = noBrowser;

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
  ".json": "application/json",
};

let server: Server;
let origin: string;
let browser: Browser;
let page: Page;

before(async () => {
  server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const file = join(dist, normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname));
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile()) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  if (skip) return;
  browser = await Browser.start();
  page = await browser.open(`${origin}/`);
});

after(async () => {
  await browser?.close();
  server.close();
  server.closeAllConnections();
});

/** The page has been taken over by its script, which shows its heading. */
const heading = `document.querySelector("#app")?.__vue_app__ && document.querySelector("h1")?.textContent || undefined`;

test("the home page has the example", { skip }, async () => {
  assert.match(await page.value<string>(heading), /secure-exec/);
  const code = await page.value<string>(`document.querySelector(".home-example")?.textContent`);
  assert.match(code, /NodeRuntime\.create\(\)/);
});

test("every page of the navigation shows, in a wide and a narrow window", { skip }, async () => {
  const pages = (await navigation()).flatMap(({ pages }) => pages);
  assert(pages.length > 50);
  for (const { path } of pages) {
    await page.resize(1280, 800);
    await page.goTo(`${origin}/${path}.html`);
    const title = await page.value<string>(heading);
    assert.notEqual(title, "404", path);
    assert.ok(title.length > 2, path);
    const linked = `document.querySelector('.VPSidebar a[href="/${path}.html"]') !== null`;
    assert.equal(await page.value(linked), true, `${path} is in the sidebar`);
    await page.resize(390, 844);
    const wide = await page.value<number>("document.documentElement.scrollWidth");
    assert.ok(wide <= 390, `${path} is ${wide} pixels wide in a window of 390`);
  }
});

test("the search finds pages by their text", { skip }, async () => {
  await page.resize(1280, 800);
  await page.goTo(`${origin}/guide/quickstart.html`);
  await page.value(heading);
  await page.value(`document.querySelector("#local-search button")?.click() ?? true`);
  await page.value(
    `document.querySelector("#localsearch-input") === document.activeElement || undefined`,
  );
  await page.enter("securebits");
  const found = await page.value<string>(
    `document.querySelector("#localsearch-list a[href*='/docs/isolation.html']")?.textContent`,
  );
  assert.match(found, /Isolation/);
});

test("nothing was asked of other hosts", { skip }, () => {
  assert(page.requests.length > 50);
  const foreign = page.requests.filter(
    (url) => !url.startsWith(origin) && !url.startsWith("data:"),
  );
  assert.deepEqual(foreign, []);
});

test("llms.txt has a line for each page, which is there as Markdown", async () => {
  const text = await readFile(join(dist, "llms.txt"), "utf8");
  for (const { path } of (await navigation()).flatMap(({ pages }) => pages)) {
    assert.ok(text.includes(`](/${path}.md)`), path);
    const markdown = await readFile(join(dist, `${path}.md`), "utf8");
    assert.match(markdown, /^# /m);
    assert.doesNotMatch(markdown, /^<<< /m);
  }
});
