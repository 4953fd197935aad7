// npm-install(1) where nothing can be downloaded: what is there is enough, or the packages that are missing are named.

import { writeFileSync } from "node:fs";
import { existsSync, join, NpmError, readFileSync, readManifest } from "./project.mjs";
import { runLine } from "./run.mjs";

export { writeFileSync };

const installScripts = [
  "preinstall",
  "install",
  "postinstall",
  "prepublish",
  "preprepare",
  "prepare",
  "postprepare",
];

/** Names of packages that a manifest asks for and that are not in node_modules. */
function missingOf(folder, manifest, omitDev) {
  const groups = [manifest.dependencies, ...(omitDev ? [] : [manifest.devDependencies])];
  const names = groups.flatMap((group) => Object.keys(group ?? {}));
  return [...new Set(names)].filter(
    (name) => !existsSync(join(folder, "node_modules", ...name.split("/"), "package.json")),
  );
}

export function install(folder, command, wanted, { silent, ignoreScripts, omitDev, noSave }) {
  const begun = performance.now();
  const manifest = readManifest(folder) ?? {};
  if (command === "ci" && !existsSync(join(folder, "package-lock.json"))) {
    throw new NpmError("EUSAGE", [
      "",
      "The `npm ci` command can only install with an existing package-lock.json or",
      "npm-shrinkwrap.json with lockfileVersion >= 1.",
    ]);
  }
  const missing = [...wanted, ...missingOf(folder, manifest, omitDev)];
  if (missing.length > 0) {
    throw new NpmError("EACCES", [
      "packages cannot be downloaded: this machine has no network beyond itself.",
      `Missing here: ${missing.slice(0, 20).join(", ")}${missing.length > 20 ? ", ..." : ""}`,
      "Packages of the host's are there with the option nodeModules of NodeRuntime.create.",
    ]);
  }
  if (!ignoreScripts) {
    for (const event of installScripts) {
      const line = manifest.scripts?.[event];
      if (typeof line !== "string" || line === "") continue;
      if (!silent) {
        const title = manifest.name ? `${manifest.name}@${manifest.version ?? ""} ` : "";
        process.stdout.write(`\n> ${title}${event}\n> ${line}\n\n`);
      }
      const status = runLine(folder, manifest, event, line);
      if (status !== 0) return status;
    }
  }
  const installed = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length;
  if (installed === 0 && command !== "ci" && !noSave) writeLock(folder, manifest);
  if (!silent) {
    const seconds = performance.now() - begun;
    const time = seconds < 1000 ? `${Math.ceil(seconds)}ms` : `${Math.ceil(seconds / 1000)}s`;
    const count = installed + 1;
    const audited = `audited ${count} package${count === 1 ? "" : "s"} in ${time}`;
    process.stdout.write(`\nup to date, ${audited}\n\nfound 0 vulnerabilities\n`);
  }
  return 0;
}

/** The lock of a package that needs no other, unless it is there. */
function writeLock(folder, { name, version, license }) {
  const file = join(folder, "package-lock.json");
  const own = { ...(name && { name }), ...(version && { version }), ...(license && { license }) };
  const lock = {
    name: name ?? folder.split("/").at(-1),
    ...(version && { version }),
    lockfileVersion: 3,
    requires: true,
    packages: name || version ? { "": own } : {},
  };
  const text = `${JSON.stringify(lock, undefined, 2)}\n`;
  const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (before !== text && (before === undefined || !hasPackages(before))) writeFileSync(file, text);
}

function hasPackages(text) {
  try {
    return Object.keys(JSON.parse(text).packages ?? {}).some((name) => name !== "");
  } catch {
    return false;
  }
}
