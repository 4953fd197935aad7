// The page of a development server in a browser of the host, while files of the project are changed.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { StepError } from "../lib/steps.mjs";

/** How long the page may take until it shows something. */
const patience = 60_000;

/** What is wanted of the page, as expressions. `opened` is gone if it was loaded once more. */
const mark = "window.opened = true";
const isMarked = "window.opened === true";
const clicked = `(() => {
  const button = document.querySelector("button");
  if (/[1-9]/.test(button?.textContent)) return button.textContent;
  button?.click();
})()`;
const button = `document.querySelector("button")?.textContent`;

/**
 * @typedef {object} Project
 * @property {(file: string) => Promise<string>} read
 * @property {(file: string, text: string) => Promise<void>} write
 */

/**
 * Opens the page, clicks on its button, and changes files one after the other. Of each change is told what has become of the
 * page: whether it shows it, what the button has counted meanwhile, and whether the page was loaded once more.
 *
 * @param {import("./programs.mjs").Program} program
 * @param {string} url
 * @param {Project} project
 * @param {string} [pictures] Where pictures of the page go, by the beginnings of their names.
 */
export async function pageInBrowser({ page }, url, project, pictures) {
  // Needs a Node.js that takes types, as that which `npm run` finds does.
  const { Browser, noBrowser } = await import("../../__test__/support/browser.ts");
  if (noBrowser) throw new StepError(`${noBrowser} (apt-get install chromium), which opens pages`);
  const browser = await Browser.start();
  try {
    const opened = await browser.open(url);
    const outcome = { clicked: await shown(opened, clicked) };
    // What is changed before the page listens to the server is told to nobody.
    await opened.hasHeard;
    await opened.value(mark);
    await picture(opened, pictures, "opened");
    for (const { file, from, to, look } of page.changes) {
      const text = await project.read(file);
      await project.write(file, text.replace(from, to));
      const has = await shown(opened, `${look} === ${JSON.stringify(to)} || undefined`);
      outcome[file] = {
        shown: has === true,
        loadedAgain: !(await opened.value(isMarked)),
        button: await opened.value(button),
      };
      await picture(opened, pictures, file.replaceAll(/\W/g, "-"));
    }
    return outcome;
  } finally {
    await browser.close();
  }
}

/** The value of an expression that has one in time; a page that is being loaded has none. */
async function shown(page, expression) {
  for (const until = performance.now() + patience; performance.now() < until; ) {
    const value = await page.valueNow(expression);
    if (value !== undefined) return value;
    await setTimeout(50);
  }
  return undefined;
}

async function picture(page, pictures, name) {
  if (pictures === undefined) return;
  await mkdir(pictures, { recursive: true });
  await writeFile(join(pictures, `${name}.png`), await page.picture());
}
