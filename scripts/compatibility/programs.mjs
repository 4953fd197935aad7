// What is run of which program, and what of it must be the same on the host and in a machine.

import { buildNumpy, numpyWheel } from "../numpy/build.mjs";

/**
 * @typedef {object} Program
 * @property {string} name As its users know it.
 * @property {string} package What npm calls it.
 * @property {string} project Its folder in `__test__/fixtures/compatibility`.
 * @property {string[]} args What `node` is given.
 * @property {Record<string, string>} [env]
 * @property {string[]} [before] What `node` is given before that, to its end.
 * @property {string[]} [makes] Files that it leaves behind, compared whole.
 * @property {Request[]} [requests] It is a server at `PORT`, and this is what it is asked.
 * @property {Page} [page] What it serves is a page, too, which a browser opens.
 * @property {import("../lib/steps.mjs").Step[]} [builds] What is built before that.
 * @property {string} [file] What they build, which the project has beside its sources.
 * @property {string} [note] What users must know.
 *
 * @typedef {object} Request
 * @property {string} path
 * @property {string} [method]
 * @property {string} [body] JSON.
 * @property {string} [has] Compared is whether the answer has this, not the whole answer.
 *
 * @typedef {object} Page A page with a button that counts how often it was clicked.
 * @property {Change[]} changes What is changed while it is open, one after the other.
 *
 * @typedef {object} Change
 * @property {string} file
 * @property {string} from What the file has.
 * @property {string} to What it has in place of that.
 * @property {string} look What the page shows then, as an expression.
 */

/** The port of every server. */
export const port = 3210;

/** @type {Request[]} */
const greetAndEcho = [
  { path: "/greet/ada" },
  { path: "/echo", method: "POST", body: '{"list":[1,2,{"deep":null}]}' },
];

const hello = "Hello from the machine";
const [blue, red] = ["rgb(0, 0, 255)", "rgb(255, 0, 0)"];
const heading = `document.querySelector("h1")?.textContent`;
const colour = `getComputedStyle(document.querySelector("h1")).color`;
const changed = "Changed meanwhile";
const nextEnv = {
  NEXT_TELEMETRY_DISABLED: "1",
  NEXT_TEST_WASM_DIR: "node_modules/@next/swc-wasm-nodejs",
};
const next = "node_modules/next/dist/bin/next";
const astro = "node_modules/astro/bin/astro.mjs";
const astroEnv = { ASTRO_TELEMETRY_DISABLED: "1" };
const swcNote =
  "with `@next/swc-wasm-nodejs` installed and `NEXT_TEST_WASM_DIR` naming its folder: Next.js looks for it elsewhere";
const esbuildNote =
  "with npm's override of `esbuild` by `esbuild-wasm` and of `rollup` by `@rollup/wasm-node`";

const server = (name, of) => ({
  name,
  package: of,
  project: "servers",
  args: [`${of}.mjs`],
  requests: greetAndEcho,
});

/** @type {Program[]} */
export const programs = [
  server("Express", "express"),
  server("Fastify", "fastify"),
  server("Hono", "hono"),
  server("Koa", "koa"),
  {
    name: "TypeScript (`tsc`)",
    package: "typescript",
    project: "tools",
    args: ["node_modules/typescript/bin/tsc", "--pretty", "false"],
  },
  {
    name: "ESLint",
    package: "eslint",
    project: "tools",
    args: ["node_modules/eslint/bin/eslint.js", "source/entry.js"],
  },
  {
    name: "Prettier",
    package: "prettier",
    project: "tools",
    args: ["node_modules/prettier/bin/prettier.cjs", "source/entry.js"],
  },
  {
    name: "esbuild",
    package: "esbuild-wasm",
    project: "tools",
    args: ["node_modules/esbuild-wasm/bin/esbuild", "source/entry.js", "--bundle", "--minify"],
    note: "as `esbuild-wasm`",
  },
  {
    name: "Rollup",
    package: "@rollup/wasm-node",
    project: "tools",
    args: ["node_modules/@rollup/wasm-node/dist/bin/rollup", "source/entry.js", "--silent"],
    note: "as `@rollup/wasm-node`",
  },
  {
    name: "webpack",
    package: "webpack",
    project: "tools",
    args: ["node_modules/webpack/bin/webpack.js", "--mode=production", "--entry=./source/entry.js"],
    makes: ["dist/main.js"],
  },
  {
    name: "Vite, build",
    package: "vite",
    project: "vite",
    args: ["node_modules/vite/bin/vite.js", "build", "--logLevel=warn"],
    makes: ["dist"],
    note: "with `@rolldown/binding-wasm32-wasi` and `lightningcss-wasm` installed",
  },
  {
    name: "Vite, development server",
    package: "vite",
    project: "vite",
    args: ["node_modules/vite/bin/vite.js", `--port=${port}`],
    requests: [{ path: "/" }, { path: "/src/greeting.jsx", has: hello }],
    page: {
      changes: [
        { file: "src/greeting.jsx", from: hello, to: changed, look: heading },
        { file: "src/greeting.css", from: blue, to: red, look: colour },
        { file: "src/title.js", from: "A page of Vite", to: changed, look: "document.title" },
      ],
    },
    note: "as above",
  },
  {
    name: "vitest with coverage",
    package: "vitest",
    project: "vite",
    args: ["node_modules/vitest/vitest.mjs", "run", "--coverage", "--coverage.reporter=text"],
  },
  {
    name: "Next.js, a built app",
    package: "next",
    project: "next",
    env: nextEnv,
    before: [next, "build"],
    args: [next, "start", `--port=${port}`],
    requests: [
      { path: "/", has: hello },
      { path: "/none", has: "404" },
    ],
    note: swcNote,
  },
  {
    name: "Next.js, `next dev`",
    package: "next",
    project: "next",
    env: nextEnv,
    args: [next, "dev", `--port=${port}`],
    requests: [{ path: "/", has: hello }],
    page: {
      changes: [
        { file: "app/page.js", from: hello, to: changed, look: heading },
        { file: "app/style.css", from: blue, to: red, look: colour },
        {
          file: "app/counter.js",
          from: "clicked",
          to: "pressed",
          look: `document.querySelector("button")?.textContent.split(" ")[0]`,
        },
      ],
    },
    note: swcNote,
  },
  {
    name: "Astro, build",
    package: "astro",
    project: "astro",
    env: astroEnv,
    args: [astro, "build", "--silent"],
    makes: ["dist"],
    note: esbuildNote,
  },
  {
    name: "Astro, development server",
    package: "astro",
    project: "astro",
    env: astroEnv,
    args: [astro, "dev", `--port=${port}`],
    requests: [{ path: "/", has: hello }],
    note: esbuildNote,
  },
  {
    name: "Python (Pyodide) with NumPy",
    package: "pyodide",
    project: "python",
    args: ["python.mjs"],
    builds: buildNumpy,
    file: numpyWheel,
    note: "NumPy 2.4.6 from `npm run numpy`: no registry of packages has it as WebAssembly",
  },
];
