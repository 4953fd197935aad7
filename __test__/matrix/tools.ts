// The programs of `npm run matrix`, which its set-up has installed, and the registry that has the clone's packages.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Project } from "../support/project.ts";
import { Registry } from "../support/registry.ts";
import { archived, packageFolders, packed, root } from "../support/releases.ts";
import { after, before, describe } from "../support/suite.ts";

const load = (name: string) => import(pathToFileURL(join(root, "scripts/lib", name)).href);

const { matrixFolder } = (await load("programs.mjs")) as { matrixFolder: string };

export const { nodeVersion, nodeVersions } = (await load("packages.mjs")) as {
  nodeVersions: string[];
  nodeVersion(version: string): Promise<string>;
};

/** A file of a package that the matrix has. */
export const tool = (path: string): string => join(matrixFolder, "node_modules", path);

/** What is wanted of the registry: all but the binary's package, which comes along. */
export const wanted = [
  "secure-exec",
  "@secure-exec/core",
  "@secure-exec/nodejs",
  "@secure-exec/typescript",
];

/** Waits minutes at most: archives of a hundred megabytes are made, sent and unpacked. */
export const timeout = 300_000;

/** The packages as they are published, and the compiler, on which one of them depends. */
async function registryOfClone(): Promise<Registry> {
  const [platform = "", ...others] = packageFolders;
  return await Registry.start([
    await packed(platform),
    ...(await Promise.all(others.map(packed))),
    await archived(join(root, "node_modules/typescript")),
    await archived(join(root, "node_modules/ws")),
  ]);
}

/** Tests in projects of users, whose registry has the clone's packages. */
export function describeInstalled(
  name: string,
  tests: (newProject: () => Promise<Project>) => void,
): void {
  describe(name, () => {
    let registry: Registry;

    before(
      async () => {
        registry = await registryOfClone();
      },
      { timeout },
    );

    after(() => registry[Symbol.asyncDispose]());

    tests(() => Project.create(registry.url));
  });
}
