// npm-run(1), npm-exec(1): scripts of a package and programs of installed packages.

import { spawnSync } from "node:child_process";
import { accessSync, constants as fsConstants } from "node:fs";
import { constants as osConstants } from "node:os";
import { delimiter, join, NpmError, needManifest } from "./project.mjs";
import { pathWithPrograms, version } from "./project.mjs";

/** Runs a line of the shell in a package's environment; gives its status. */
export function runLine(folder, manifest, event, line, args = []) {
  const quoted = args.map((arg) => ` ${shellWord(arg)}`).join("");
  const { status, signal, error } = spawnSync("sh", ["-c", line + quoted], {
    cwd: folder,
    stdio: "inherit",
    env: {
      ...process.env,
      PATH: pathWithPrograms(folder),
      INIT_CWD: process.cwd(),
      npm_command: "run-script",
      npm_execpath: "/usr/bin/npm",
      npm_node_execpath: process.execPath,
      npm_config_user_agent: `npm/${version} node/${process.version} linux x64 workspaces/false`,
      npm_lifecycle_event: event,
      npm_lifecycle_script: line,
      npm_package_json: join(folder, "package.json"),
      ...(manifest.name !== undefined && { npm_package_name: String(manifest.name) }),
      ...(manifest.version !== undefined && { npm_package_version: String(manifest.version) }),
    },
  });
  if (error) throw error;
  return signal ? 128 + osConstants.signals[signal] : status;
}

function shellWord(arg) {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`;
}

/** Runs a script with those that go before and after it. */
export function runScript(folder, name, args, { silent, ifPresent, ignoreScripts }) {
  const manifest = needManifest(folder);
  const scripts = { ...manifest.scripts };
  if (name === "restart" && scripts.restart === undefined) {
    const ends = ["stop", "start"].map((each) =>
      runScript(folder, each, args, { silent, ifPresent: each === "stop", ignoreScripts }),
    );
    return ends.find((status) => status !== 0) ?? 0;
  }
  if (name === "start" && scripts.start === undefined && isReadable(join(folder, "server.js"))) {
    scripts.start = "node server.js";
  }
  if (typeof scripts[name] !== "string") {
    if (ifPresent) return 0;
    throw missingScript(name);
  }
  const around = ignoreScripts ? [name] : [`pre${name}`, name, `post${name}`];
  for (const event of around) {
    const line = scripts[event];
    if (typeof line !== "string" || line === "") continue;
    const given = event === name ? args : [];
    if (!silent) {
      const title = manifest.name ? `${manifest.name}@${manifest.version ?? ""} ` : "";
      const shown = [line, ...given].join(" ").replaceAll("\n", "\n> ");
      process.stdout.write(`\n> ${title}${event}\n> ${shown}\n\n`);
    }
    const status = runLine(folder, manifest, event, line, given);
    if (status !== 0) return status;
  }
  return 0;
}

function missingScript(name) {
  return new NpmError(undefined, [
    `Missing script: "${name}"`,
    "",
    "To see a list of scripts, run:",
    "  npm run",
  ]);
}

const lifecycle = new Set(["test", "start", "stop", "restart"]);

/** Lists the scripts, as `npm run` does. */
export function listScripts(folder) {
  const { name, version: own, scripts = {} } = needManifest(folder);
  const of = `${name ?? ""}${own ? `@${own}` : ""}`;
  const known = Object.entries(scripts).filter(([script]) => lifecycle.has(script));
  const others = Object.entries(scripts).filter(([script]) => !lifecycle.has(script));
  const lines = (entries) => entries.map(([script, line]) => `  ${script}\n    ${line}\n`).join("");
  let text = "";
  if (known.length > 0) text += `Lifecycle scripts included in ${of}:\n${lines(known)}`;
  if (others.length > 0) {
    const head =
      known.length > 0
        ? "available via `npm run`:\n"
        : `Scripts available in ${of} via \`npm run\`:\n`;
    text += head + lines(others);
  }
  process.stdout.write(text);
  return 0;
}

function isReadable(path) {
  try {
    accessSync(path, fsConstants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs a program of an installed package, or of the machine. */
export function runProgram(folder, [name, ...args]) {
  if (name === undefined) throw new NpmError(undefined, ["a program to run must be named"]);
  const path = pathWithPrograms(folder);
  const isThere = path.split(delimiter).some((each) => isReadable(join(each, name)));
  if (!isThere) {
    throw new NpmError("EACCES", [
      `${name} is not installed here, and packages cannot be downloaded: this machine has no network beyond itself`,
    ]);
  }
  const { status, signal, error } = spawnSync(name, args, {
    stdio: "inherit",
    env: { ...process.env, PATH: path, INIT_CWD: process.cwd(), npm_command: "exec" },
  });
  if (error) throw error;
  return signal ? 128 + osConstants.signals[signal] : status;
}
