// Each package manager in each Node.js: installs into an empty project, and what is installed runs.

import assert from "node:assert/strict";
import { programs } from "../support/project.ts";
import { test } from "../support/suite.ts";
import { describeInstalled, nodeVersion, nodeVersions, timeout, tool, wanted } from "./tools.ts";

interface Manager {
  name: string;
  /** Its program, and how it is told to install what the registry has. */
  program: string;
  install: string[];
  /** The oldest Node.js that it runs in. */
  since?: number;
  /** Files that the project has before. */
  files?: (registry: string) => Record<string, string>;
  /** How a program of the project is run; by default, by Node.js alone. */
  start?: string[];
}

const yarn = (linker: string) => (registry: string) => ({
  ".yarnrc.yml": [
    `npmRegistryServer: "${registry}"`,
    'unsafeHttpWhitelist: ["127.0.0.1"]',
    `nodeLinker: ${linker}`,
    "enableGlobalCache: false",
    "enableTelemetry: false",
    "enableImmutableInstalls: false",
    "npmMinimalAgeGate: 0",
    "",
  ].join("\n"),
  "yarn.lock": "",
});

const managers: Manager[] = [
  { name: "npm 11", program: tool("npm/bin/npm-cli.js"), install: ["install"] },
  { name: "npm 12", program: tool("npm12/bin/npm-cli.js"), install: ["install"], since: 22 },
  { name: "pnpm 10", program: tool("pnpm/bin/pnpm.cjs"), install: ["add"] },
  { name: "pnpm 12", program: tool("pnpm12/bin/pnpm.mjs"), install: ["add"] },
  {
    name: "Yarn 1",
    program: tool("yarn/bin/yarn.js"),
    install: ["add", "--non-interactive"],
  },
  {
    name: "Yarn 4 with node_modules",
    program: tool("@yarnpkg/cli-dist/bin/yarn.js"),
    install: ["add", "--exact"],
    files: yarn("node-modules"),
  },
  {
    name: "Yarn 4 with Plug'n'Play",
    program: tool("@yarnpkg/cli-dist/bin/yarn.js"),
    install: ["add", "--exact"],
    // The compiler is mounted into a machine, which cannot be done with what is in an archive.
    files: (registry) => ({
      ...yarn("pnp")(registry),
      "package.json": JSON.stringify({
        private: true,
        dependenciesMeta: { typescript: { unplugged: true } },
      }),
    }),
    start: [tool("@yarnpkg/cli-dist/bin/yarn.js"), "node"],
  },
];

describeInstalled("installed by each package manager", (newProject) => {
  for (const { name, program, install, since = 20, files, start = [] } of managers) {
    for (const version of nodeVersions.filter((each) => Number.parseInt(each, 10) >= since)) {
      test(`${name} in Node.js ${version}`, { timeout }, async () => {
        const node = await nodeVersion(version);
        await using project = await newProject();
        for (const [path, text] of Object.entries(files?.(project.registry) ?? {})) {
          await project.write(path, text);
        }
        await project.run(node, [program, ...install, ...wanted], node);
        for (const [file, printed] of Object.entries(programs)) {
          assert.equal(await project.run(node, [...start, file], node), printed, file);
        }
      });
    }
  }
});
