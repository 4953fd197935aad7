"use strict";
// Where the binary and the files beside it are: in a clone in `npm/<platform>`, where the build puts them, and otherwise in
// the platform's package.

const { existsSync, readFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { withCode: coded } = require("./errors.cjs");
const supported = require("./platform.cjs");

const root = join(__dirname, "..");
const addonName = `secure-exec.${supported.triple}.node`;

/**
 * The folder that has the addon.
 *
 * @returns {string}
 * @throws {Error} `ERR_PLATFORM_UNSUPPORTED`, `ERR_PLATFORM_PACKAGE_MISSING`, `ERR_PLATFORM_PACKAGE_VERSION`,
 *   `ERR_NOT_BUILT`: there is none that works here.
 */
function binaryFolder() {
  const { platform, arch } = process;
  if (platform !== supported.platform || arch !== supported.arch) {
    throw unsupported(`${platform}-${arch}`);
  }
  const ofClone = join(root, "npm", supported.triple);
  if (existsSync(ofClone)) return withAddon(ofClone);
  const manifest = platformManifest();
  checkVersion(manifest);
  return withAddon(dirname(manifest));
}

function withAddon(folder) {
  if (!existsSync(join(folder, addonName))) throw notBuilt(folder);
  return folder;
}

/** Where the package manager put it: beside this package, or wherever its layout has it. */
function platformManifest() {
  try {
    return require.resolve(`${supported.package}/package.json`);
  } catch (cause) {
    throw isMusl() ? unsupported("musl", cause) : packageMissing(cause);
  }
}

/** What the two say to each other changes from version to version. */
function checkVersion(manifest) {
  const wanted = versionIn(join(root, "package.json"));
  const found = versionIn(manifest);
  if (found === wanted) return;
  throw withCode(
    "ERR_PLATFORM_PACKAGE_VERSION",
    `secure-exec ${wanted} needs ${supported.package} ${wanted}, but ${found} is installed in ` +
      `${dirname(manifest)}. Remove overrides of that package, and install again`,
  );
}

function versionIn(manifest) {
  return JSON.parse(readFileSync(manifest, "utf8")).version;
}

// Asked only where the package is missing: making a report takes milliseconds. What has no reports is taken for glibc.
function isMusl() {
  const header = process.report?.getReport?.()?.header;
  return header !== undefined && header.glibcVersionRuntime === undefined;
}

function unsupported(system, cause) {
  return withCode(
    "ERR_PLATFORM_UNSUPPORTED",
    `secure-exec is not supported on ${system}: it runs on linux x64 with glibc ${supported.oldest.GLIBC} or later`,
    cause,
  );
}

function packageMissing(cause) {
  return withCode(
    "ERR_PLATFORM_PACKAGE_MISSING",
    `secure-exec has its binary in the package ${supported.package}, which is not installed. It is an optional ` +
      "dependency: install with `npm install --include=optional`, without --omit=optional, --no-optional and their " +
      "like. If node_modules or the lockfile were made on another platform, remove both and install again here",
    cause,
  );
}

function notBuilt(folder) {
  const how = "run `npm run build` in a clone, or install the package again";
  return withCode("ERR_NOT_BUILT", `secure-exec has no binary in ${folder}: ${how}`);
}

/** An error of the API's, wherever it is met: also where options are read, the table of whose limits is the binary's. */
function withCode(code, message, cause) {
  return coded(new Error(message, { cause }), code);
}

module.exports = { addonName, binaryFolder, unsupported, withCode };
