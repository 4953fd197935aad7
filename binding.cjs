"use strict";
// Loads the addon of this platform and tells it where the rest of its package is.

const { existsSync } = require("node:fs");
const { dirname, join } = require("node:path");

const triple = platformTriple();
const folder = findPackage();
const addon = join(folder, `secure-exec.${triple}.node`);
const snapshot = join(folder, "node.snapshot");

const binding = require(addon);
binding.configure(
  join(folder, "secure-exec-vm"),
  addon,
  existsSync(snapshot) ? snapshot : undefined,
);

module.exports = Object.assign(binding, { folder });

function platformTriple() {
  const { platform, arch } = process;
  if (platform !== "linux") return `${platform}-${arch}`;
  const glibc = process.report?.getReport?.().header?.glibcVersionRuntime;
  return `linux-${arch}-${glibc ? "gnu" : "musl"}`;
}

/** The folder with the addon: built in place, or the package that npm installed for the platform. */
function findPackage() {
  const local = join(__dirname, "npm", triple);
  if (existsSync(join(local, `secure-exec.${triple}.node`))) return local;
  try {
    return dirname(require.resolve(`secure-exec-${triple}/package.json`));
  } catch (cause) {
    throw new Error(
      `secure-exec has no binary for ${triple}. In a clone run \`npm run build\`; otherwise install ` +
        `the package secure-exec-${triple} (npm leaves it out with --omit=optional).`,
      { cause },
    );
  }
}
