// What is published, and how the package fails where it cannot work.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir, tmpdir } from "node:os";
import { dirname, join, posix, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { packageFolders } from "./support/releases.ts";
import { after, before, describe, test } from "./support/suite.ts";

const root = join(import.meta.dirname, "..");
const entry = pathToFileURL(join(root, "index.js")).href;

/** Runs a program of the host that prints JSON. */
function host(program: string, flags: string[] = ["--input-type=module"]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, "-e", program], {
    encoding: "utf8",
  });
  return { status, stderr, value: status === 0 ? JSON.parse(stdout) : undefined };
}

/** A program that imports the package and says how `create` and a wrong option fail. */
function creation(index: string, before = "") {
  return `
    ${before}
    const { NodeRuntime, VmError } = await import(${JSON.stringify(index)});
    const failure = (error) => ({ code: error.code, message: error.message });
    const created = await NodeRuntime.create().then((rt) => rt.dispose(), failure);
    const option = await NodeRuntime.create({ nope: 1 }).catch(failure);
    console.log(JSON.stringify({ created, option, isClass: typeof VmError }));
  `;
}

describe("the published packages", () => {
  test("have every file that runs and no other", { timeout: 120_000 }, async () => {
    const copy = await mkdtemp(join(tmpdir(), "secure-exec-contents-"));
    try {
      for (const name of await readdir(root)) {
        if (!/^(node_modules|npm|target|vendor|\.git)$/.test(name)) {
          await cp(join(root, name), join(copy, name), { recursive: true });
        }
      }
      // The binaries by name only: npm compresses what it lists.
      const names = await readdir(join(root, "npm"), { recursive: true, withFileTypes: true });
      for (const entry of names.filter((each) => each.isFile())) {
        const source = join(entry.parentPath, entry.name);
        const target = join(copy, relative(root, source));
        await mkdir(dirname(target), { recursive: true });
        if (/\.(json|md)$/.test(entry.name)) await cp(source, target);
        else await writeFile(target, "");
      }
      const scripts = pathToFileURL(join(root, "scripts")).href;
      const { value, stderr } = host(`
        import { join, relative } from "node:path";
        const { packageContents } = await import("${scripts}/check-package.mjs");
        const { publishedPackages } = await import("${scripts}/lib/published.mjs");
        const found = {};
        for (const published of publishedPackages) {
          const folder = join(${JSON.stringify(copy)}, relative(${JSON.stringify(root)}, published.folder));
          found[published.manifest.name] = (await packageContents(published, folder)).files;
        }
        console.log(JSON.stringify(found));
      `);
      const contents: Record<string, string[]> = value ?? assert.fail(stderr);
      const main = contents["secure-exec"] ?? [];
      const platform = contents["@secure-exec/linux-x64-gnu"] ?? [];
      for (const name of ["binding.cjs", "index.d.cts"]) assert(main.includes(name), name);
      assert(platform.includes("node.snapshot.sha256"));
      const strange = /\.(wasm|rs|map)$|\.spec\.ts$|^binding\.d|\/package\.json$/;
      assert.deepEqual(
        Object.values(contents)
          .flat()
          .filter((name) => strange.test(name)),
        [],
      );
      const dead: string[] = [];
      for (const page of main.filter((name) => name.endsWith(".md"))) {
        const text = await readFile(join(root, page), "utf8");
        for (const [, target = ""] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
          const linked = posix.join(posix.dirname(page), target);
          if (!/^https?:/.test(target) && !main.includes(linked)) dead.push(`${page}: ${target}`);
        }
      }
      assert.deepEqual(dead, [], "links of the package's pages to what it does not have");
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  });

  test("its files have no path of the machine that built them", async () => {
    const { buildPathsIn, withoutBuildPaths } = await import(
      pathToFileURL(join(root, "scripts/lib/build-paths.mjs")).href
    );
    const home = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"));
    const crate = `${home}/registry/src/index.crates.io-0123456789abcdef/`;
    const before = Buffer.from(`\0\xff${crate}a-1.0.0/src/lib.rs/root /home/user/x\xe9`, "latin1");
    const clean: Buffer = withoutBuildPaths(before);
    assert.equal(clean.length, before.length);
    const blank = `/${"_".repeat(crate.length - 2)}/`;
    assert.equal(
      clean.toString("latin1"),
      `\0\xff${blank}a-1.0.0/src/lib.rs/root /home/user/x\xe9`,
    );
    assert.deepEqual(buildPathsIn(before).includes(crate), true);
    assert.deepEqual(buildPathsIn(clean), []);
    const strangers = Buffer.from("at /home/someone/.cargo/registry/src/x");
    assert.deepEqual(buildPathsIn(strangers), ["/home/someone/.cargo/"]);
  });

  test("nor one of another machine, on which part of it was built", async () => {
    const { buildPathsIn } = await import(
      pathToFileURL(join(root, "scripts/lib/build-paths.mjs")).href
    );
    const folders = [
      "/srv/ci-1/a_b/release/build/openssl-sys-47b1e749766c7cb8/",
      "/x/target/wasm32-wasip1/debug/build/sh-0123456789abcdef/",
      "/opt/cargo/registry/src/index.crates.io-0123456789abcdef/",
    ];
    for (const folder of folders) {
      assert.deepEqual(buildPathsIn(Buffer.from(`\0at ${folder}out/x.rs:1`)), [folder]);
    }
    assert.deepEqual(buildPathsIn(Buffer.from("/usr/lib/ssl, /a/release/build/x/, /a/debug")), []);
  });

  test("their commands have no table of symbols", async () => {
    const { withoutSymbols } = await import(
      pathToFileURL(join(root, "scripts/lib/module-symbols.mjs")).href
    );
    const commands = join(root, "npm/linux-x64-gnu/commands");
    const names = (await readdir(commands)).filter((name) => name.endsWith(".cwasm"));
    assert(names.length > 0);
    for (const name of names) {
      const file = await readFile(join(commands, name));
      assert.equal(withoutSymbols(file).length, file.length, name);
    }
  });

  test("their READMEs have no link that a registry's page cannot follow", async () => {
    const pages = [...packageFolders].map((folder) => join(folder, "README.md"));
    for (const page of pages) {
      const text = await readFile(page, "utf8");
      const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, target = ""]) => target);
      assert.deepEqual(
        links.filter((target) => !/^(https:\/\/|#)/.test(target)),
        [],
        page,
      );
    }
  });

  test("its README says what the package and the build hold to", async () => {
    const [readme, gates] = await Promise.all(
      ["README.md", "scripts/lib/packages.mjs"].map((name) => readFile(join(root, name), "utf8")),
    );
    const { oldest } = createRequire(import.meta.url)("../lib/platform.cjs");
    assert(readme?.includes(`glibc ${oldest.GLIBC} or later`), "the oldest C library");
    for (const [, major] of (gates ?? "").matchAll(/"(\d+)\.\d+\.\d+"/g)) {
      assert.match(readme ?? "", new RegExp(`Node\\.js.*\\b${major}\\b`), `Node.js ${major}`);
    }
  });
});

describe("where the package cannot work", () => {
  let folder = "";

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "secure-exec-packaging-"));
    await writeFile(join(folder, "package.json"), '{ "private": true }');
  });

  after(() => rm(folder, { recursive: true, force: true }));

  /** A copy of the package without its binary. */
  async function copyTo(name: string) {
    const target = join(folder, name);
    for (const part of ["package.json", "index.js", "index.cjs", "binding.cjs", "lib"]) {
      await cp(join(root, part), join(target, part), { recursive: true });
    }
    return target;
  }

  for (const [platform, arch] of [
    ["darwin", "arm64"],
    ["win32", "x64"],
    ["linux", "arm64"],
  ]) {
    test(`on ${platform} ${arch} it loads, and a machine cannot be made`, () => {
      const fake = `
        Object.defineProperty(process, "platform", { value: "${platform}" });
        Object.defineProperty(process, "arch", { value: "${arch}" });
      `;
      const { value, stderr } = host(creation(entry, fake));
      assert(value, stderr);
      assert.equal(value.created.code, "ERR_PLATFORM_UNSUPPORTED");
      assert.match(
        value.created.message,
        new RegExp(`not supported on ${platform}-${arch}.*glibc`),
      );
      assert.doesNotMatch(value.created.message, /secure-exec-(linux|darwin|win32)/);
      assert.equal(value.option.code, "ERR_INVALID_ARG_VALUE");
      assert.equal(value.isClass, "function");
    });
  }

  test("without its binary's package it names that one", async () => {
    const copy = await copyTo("alone");
    const { value, stderr } = host(creation(pathToFileURL(join(copy, "index.js")).href));
    assert.equal(value?.created.code, "ERR_PLATFORM_PACKAGE_MISSING", stderr);
    assert.match(value.created.message, /@secure-exec\/linux-x64-gnu/);
    assert.equal(value.option.code, "ERR_INVALID_ARG_VALUE");
  });

  test("nor on musl, which is said rather than that the package is missing", async () => {
    const copy = await copyTo("musl");
    const fake = `process.report.getReport = () => ({ header: {} });`;
    const { value, stderr } = host(creation(pathToFileURL(join(copy, "index.js")).href, fake));
    assert.equal(value?.created.code, "ERR_PLATFORM_UNSUPPORTED", stderr);
    assert.match(value.created.message, /not supported on musl.*glibc/);
  });

  test("with a binary of another version it says which it wants", async () => {
    const copy = await copyTo("node_modules/secure-exec");
    const other = join(folder, "node_modules/@secure-exec/linux-x64-gnu");
    await mkdir(other, { recursive: true });
    const manifest = { name: "@secure-exec/linux-x64-gnu", version: "0.0.1" };
    await writeFile(join(other, "package.json"), JSON.stringify(manifest));
    const { value, stderr } = host(creation(pathToFileURL(join(copy, "index.js")).href));
    await rm(join(folder, "node_modules"), { recursive: true });
    assert.equal(value?.created.code, "ERR_PLATFORM_PACKAGE_VERSION", stderr);
    assert.match(value.created.message, /needs @secure-exec\/linux-x64-gnu \S+, but 0\.0\.1/);
  });

  test("without a build it says what to do", async () => {
    const copy = await copyTo("unbuilt");
    await mkdir(join(copy, "npm/linux-x64-gnu"), { recursive: true });
    const { value, stderr } = host(creation(pathToFileURL(join(copy, "index.js")).href));
    assert.equal(value?.created.code, "ERR_NOT_BUILT", stderr);
  });

  test("a binary that the linker refuses is told with its reason", async () => {
    const copy = await copyTo("refused");
    const platform = join(copy, "npm/linux-x64-gnu");
    await mkdir(platform, { recursive: true });
    await writeFile(join(platform, "secure-exec.linux-x64-gnu.node"), "no library");
    const { value, stderr } = host(creation(pathToFileURL(join(copy, "index.js")).href));
    assert.equal(value?.created.code, "ERR_DLOPEN_FAILED", stderr);
    assert.match(value.created.message, /secure-exec\.linux-x64-gnu\.node/);
  });

  test("an old C library is named", async () => {
    const copy = await copyTo("old");
    const platform = join(copy, "npm/linux-x64-gnu");
    await mkdir(platform, { recursive: true });
    await writeFile(join(platform, "secure-exec.linux-x64-gnu.node"), "");
    const linker = "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.99' not found";
    const fake = `
      const { createRequire, Module } = await import("node:module");
      Module._extensions[".node"] = () => { throw new Error(${JSON.stringify(linker)}); };
    `;
    const { value, stderr } = host(creation(pathToFileURL(join(copy, "index.js")).href, fake));
    assert.equal(value?.created.code, "ERR_PLATFORM_UNSUPPORTED", stderr);
    assert.match(value.created.message, /GLIBC_2\.99.*linux x64 with glibc/);
  });

  test("the package of somebody else is never loaded as the binary", async () => {
    const copy = await copyTo("node_modules/secure-exec");
    const other = join(folder, "node_modules/secure-exec-linux-x64-gnu");
    await mkdir(other, { recursive: true });
    const manifest = { name: "secure-exec-linux-x64-gnu", main: "index.js" };
    await writeFile(join(other, "package.json"), JSON.stringify(manifest));
    await writeFile(join(other, "secure-exec.linux-x64-gnu.node"), "");
    const { value, stderr } = host(creation(pathToFileURL(join(copy, "index.js")).href));
    assert.equal(value?.created.code, "ERR_PLATFORM_PACKAGE_MISSING", stderr);
  });

  // As bundlers put it into their output: the text of the file, in another place.
  test("in a bundle of CommonJS it asks to be external", async () => {
    const text = await readFile(join(root, "binding.cjs"), "utf8");
    const bundle = join(folder, "bundle.cjs");
    await writeFile(bundle, text);
    const { status, stderr } = host(`require(${JSON.stringify(bundle)})`, []);
    assert.equal(status, 1);
    assert.match(stderr, /mark secure-exec as external/i);
    assert.match(stderr, /ERR_BUNDLED/);
    assert.match(stderr, /serverExternalPackages/);
  });

  test("in a bundle of ES modules too, before it requires anything", async () => {
    const files = { index: join(root, "index.cjs"), binding: join(root, "binding.cjs") };
    const [index, binding] = await Promise.all(
      Object.values(files).map((file) => readFile(file, "utf8")),
    );
    const bundle = join(folder, "bundle.mjs");
    // esbuild's form: modules as functions, and a `require` that knows the bundle's own modules only.
    await writeFile(
      bundle,
      `const modules = {
         "./binding.cjs"(exports, module, require) { ${binding} },
         "./index.cjs"(exports, module, require) { ${index} },
       };
       function require(name) {
         if (!modules[name]) throw new Error('Dynamic require of "' + name + '" is not supported');
         const module = { exports: {} };
         modules[name](module.exports, module, require);
         return module.exports;
       }
       require("./index.cjs");`,
    );
    const { status, stderr } = host(`await import(${JSON.stringify(pathToFileURL(bundle).href)})`);
    assert.equal(status, 1);
    assert.match(stderr, /mark secure-exec as external/i);
  });
});
