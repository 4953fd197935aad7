// The packages as a user gets them: from a registry, by a package manager, into an empty project. `npm run matrix` does it
// with every package manager and runtime; here it is npm and the pinned Node.js.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { Project, programs } from "./support/project.ts";
import { Registry } from "./support/registry.ts";
import {
  archived,
  manifestOf,
  packageFolders,
  packed,
  root,
  thinFolders,
} from "./support/releases.ts";
import { after, before, describe, test } from "./support/suite.ts";

const run = promisify(execFile);

/** Archives of a hundred megabytes are made and unpacked. */
const timeout = 300_000;
const names = packageFolders.map((folder) => manifestOf(folder).name);

describe("installed by npm", () => {
  let registry: Registry;
  let project: Project;

  before(
    async () => {
      const [platform = "", ...others] = packageFolders;
      registry = await Registry.start([
        await archived(platform),
        ...(await Promise.all(others.map(packed))),
        await archived(join(root, "node_modules/typescript")),
        await archived(join(root, "node_modules/ws")),
      ]);
      project = await Project.create(registry.url);
      const wanted = names.filter((name) => name !== manifestOf(platform).name);
      await project.run("npm", ["install", ...wanted]);
    },
    { timeout },
  );

  after(async () => {
    await project[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });

  test("brings the binary along, and nothing of others", async () => {
    // It looks whether optional peers are there, and goes on without them.
    const optionalPeers = [root, join(root, "node_modules/ws")].flatMap((folder) =>
      Object.keys(manifestOf(folder).peerDependenciesMeta ?? {}),
    );
    assert.deepEqual(new Set(registry.missing), new Set(optionalPeers));
    const lock = JSON.parse(await readFile(join(project.folder, "package-lock.json"), "utf8"));
    const { "": own, ...installed } = lock.packages;
    assert(own);
    assert.deepEqual(
      Object.keys(installed).sort(),
      [...names, "typescript", "ws"].map((name) => `node_modules/${name}`).sort(),
    );
    const { os, cpu, libc, optional } = installed["node_modules/@secure-exec/linux-x64-gnu"];
    assert.deepEqual(
      { os, cpu, libc, optional },
      { os: ["linux"], cpu: ["x64"], libc: ["glibc"], optional: true },
    );
  });

  for (const [program, printed] of Object.entries(programs)) {
    test(`runs ${program}`, { timeout }, async () => {
      assert.equal(await project.run(process.execPath, [program]), printed);
    });
  }

  for (const [name, module, moduleResolution] of [
    ["node16", ts.ModuleKind.Node16, ts.ModuleResolutionKind.Node16],
    ["bundler", ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler],
  ] as const) {
    test(`strict TypeScript finds the types by ${name}`, { timeout }, () => {
      const files = name === "node16" ? ["names.mts", "names.cts"] : ["names.mts"];
      const options = { strict: true, noEmit: true, skipLibCheck: false, types: [] };
      const program = ts.createProgram(
        files.map((file) => join(project.folder, file)),
        { ...options, target: ts.ScriptTarget.ES2022, module, moduleResolution },
      );
      const found = ts.getPreEmitDiagnostics(program).map(({ messageText }) => messageText);
      assert.deepEqual(found, []);
    });
  }

  test("without the binary's package, says which is missing and how to get it", {
    timeout,
  }, async () => {
    const platform = join(project.folder, "node_modules/@secure-exec/linux-x64-gnu");
    const program = `
      import { NodeRuntime, VmError } from "secure-exec";
      const error = await NodeRuntime.create().catch((error) => error);
      const limits = { resources: { maxProcesses: 4 } };
      const another = await NodeRuntime.create({ limits }).catch((error) => error);
      console.log(JSON.stringify([typeof VmError, error.code, error.message, another.code]));
    `;
    await rename(platform, `${platform}.away`);
    try {
      const args = ["--input-type=module", "-e", program];
      const told = JSON.parse(await project.run(process.execPath, args));
      const [type, code, message, another] = told;
      assert.equal(type, "function");
      assert.equal(code, "ERR_PLATFORM_PACKAGE_MISSING");
      assert.equal(another, code);
      assert.match(message, /@secure-exec\/linux-x64-gnu.*not installed/);
      assert.match(message, /npm install --include=optional/);
      assert.match(message, /lockfile.*another platform/);
    } finally {
      await rename(`${platform}.away`, platform);
    }
  });
});

describe("the packages", () => {
  test("export every name that documents and examples import from them", async () => {
    const { findSeeds } = await import(pathToFileURL(join(root, "scripts/lib/seeds.mjs")).href);
    const seeds: string | undefined = await findSeeds();
    const texts = [
      ...globSync(join(root, "examples/**/*.{ts,mjs}")),
      ...(seeds === undefined ? [] : globSync(join(seeds, "*.txt"))),
    ].map((path) => readFileSync(path, "utf8"));
    const pattern = /import\s*\{([^}]*)\}\s*from\s*"((?:@secure-exec\/|secure-exec)[^"]*)"/g;
    const imports = texts
      .flatMap((text) => [...text.matchAll(pattern)])
      .flatMap(([, list = "", from = ""]) =>
        list.split(",").map((name) => [from, name.trim().split(" as ")[0] ?? ""] as const),
      )
      .filter(([, name]) => name !== "" && !name.startsWith("type "));
    assert(imports.length > 10);
    const missing = new Set<string>();
    for (const [from, name] of imports) {
      const exported = await import(from).catch(() => ({}));
      if (!(name in exported)) missing.add(`${from}: ${name}`);
    }
    assert.deepEqual([...missing], []);
  });

  for (const folder of thinFolders) {
    const { name } = manifestOf(folder);
    test(`publint and attw find nothing in ${name}`, { timeout }, async () => {
      const file = join(await mkdtemp(join(tmpdir(), "secure-exec-lint-")), "package.tgz");
      try {
        await writeFile(file, (await packed(folder)).tarball);
        const lint = join(root, "__test__/support/package-lint.mjs");
        assert.equal((await run(process.execPath, [lint, file])).stdout, "");
      } finally {
        await rm(dirname(file), { recursive: true, force: true });
      }
    });
  }

  test("are of one version, and want each other in that one", () => {
    const { version } = manifestOf(root);
    for (const folder of packageFolders) {
      const manifest = manifestOf(folder);
      assert.equal(manifest.version, version, manifest.name);
      const wanted = { ...manifest.dependencies, ...manifest.optionalDependencies };
      for (const name of names.filter((each) => each in wanted)) {
        assert.equal(wanted[name], version, `${manifest.name} wants ${name}`);
      }
    }
  });

  for (const folder of thinFolders) {
    const { name } = manifestOf(folder);
    test(`${name} declares the values that it exports, and no other`, { timeout }, async () => {
      const values = Object.keys(await import(name)).sort();
      const file = join(folder, "index.d.ts");
      const program = ts.createProgram([file], {
        strict: true,
        types: [],
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.Node16,
      });
      const checker = program.getTypeChecker();
      const source = program.getSourceFile(file) ?? assert.fail(file);
      const symbol = checker.getSymbolAtLocation(source) ?? assert.fail("no module");
      const declared = checker
        .getExportsOfModule(symbol)
        .map((each) => (each.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(each) : each))
        .filter(({ flags }) => flags & ts.SymbolFlags.Value)
        .map((each) => each.name);
      assert.deepEqual(declared.sort(), values);
      const required = Object.keys(createRequire(file)(name));
      assert.deepEqual(required.sort(), values, "of CommonJS");
    });
  }
});
