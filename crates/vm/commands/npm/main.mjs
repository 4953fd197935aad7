// npm(1) of a machine without a registry: scripts, installed programs, and what can be done without downloading.

import { readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { install, writeFileSync } from "./install.mjs";
import { existsSync, findPrefix, join, NpmError } from "./project.mjs";
import { needManifest, readManifest, version } from "./project.mjs";
import { listScripts, runProgram, runScript } from "./run.mjs";

const aliases = {
  add: "install",
  clean: "ci",
  "clean-install": "ci",
  create: "init",
  i: "install",
  in: "install",
  la: "ls",
  list: "ls",
  ll: "ls",
  rum: "run",
  "run-script": "run",
  t: "test",
  tst: "test",
  urn: "run",
  x: "exec",
};

/** Options that take a value, in two words or after "=". */
const valued = new Set([
  "--prefix",
  "-C",
  "--loglevel",
  "--registry",
  "--cache",
  "--omit",
  "--include",
  "-w",
  "--workspace",
]);

function parse(args) {
  const parsed = { words: [], rest: [], flags: new Set(), values: {} };
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at];
    if (arg === "--") {
      parsed.rest = args.slice(at + 1);
      break;
    }
    const [name, inline] = arg.startsWith("--") ? arg.split(/=(.*)/s) : [arg];
    if (valued.has(name)) {
      if (inline === undefined) at += 1;
      parsed.values[name] = inline ?? args[at];
    } else if (arg.length > 1 && arg.startsWith("-")) {
      parsed.flags.add(arg);
    } else {
      parsed.words.push(arg);
      // What stands behind the program is the program's own.
      if (parsed.words[0] === "exec" || parsed.words[0] === "x") {
        if (parsed.words.length > 1) {
          parsed.rest = args.slice(at + 1).filter((each, index) => each !== "--" || index > 0);
          break;
        }
      }
    }
  }
  return parsed;
}

const help = `npm <command>

Usage:

npm run <foo>        run the script named <foo>
npm test             run this project's tests
npm start, npm stop  run the scripts of that name
npm install          check that all the dependencies are there
npm exec <foo>       run a program of an installed package
npm init -y          make a package.json
npm ls               list the dependencies

npm@${version} /usr/bin/npm
`;

function list(folder) {
  const manifest = readManifest(folder) ?? {};
  const title = manifest.name ? `${manifest.name}@${manifest.version ?? ""} ${folder}` : folder;
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).sort();
  const lines = names.map((name, index) => {
    const found = readManifest(join(folder, "node_modules", ...name.split("/")));
    const branch = index === names.length - 1 ? "└──" : "├──";
    const range = { ...manifest.dependencies, ...manifest.devDependencies }[name];
    const shown = found ? `${name}@${found.version}` : `UNMET DEPENDENCY ${name}@${range}`;
    return { text: `${branch} ${shown}`, isMissing: !found };
  });
  const body = lines.length > 0 ? lines.map(({ text }) => text).join("\n") : "└── (empty)";
  process.stdout.write(`${title}\n${body}\n\n`);
  return lines.some(({ isMissing }) => isMissing) ? 1 : 0;
}

function init(folder) {
  const file = join(folder, "package.json");
  const manifest = {
    name: basename(folder).toLowerCase() || "app",
    version: "1.0.0",
    description: "",
    main: readdirSync(folder).find((name) => name.endsWith(".js")) ?? "index.js",
    scripts: { test: 'echo "Error: no test specified" && exit 1' },
    keywords: [],
    author: "",
    license: "ISC",
    type: "commonjs",
    ...(existsSync(file) ? needManifest(folder) : {}),
  };
  const text = JSON.stringify(manifest, undefined, 2);
  writeFileSync(file, `${text}\n`);
  process.stdout.write(`Wrote to ${file}:\n\n${text}\n\n\n\n`);
  return 0;
}

function main(args) {
  const { words, rest, flags, values } = parse(args);
  if (flags.has("-v") || flags.has("--version")) {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const given = words.shift();
  const command = Object.hasOwn(aliases, given ?? "") ? aliases[given] : given;
  const chosen = values["--prefix"] ?? values["-C"];
  const here = chosen ? resolve(chosen) : process.cwd();
  const folder = chosen ? here : findPrefix(here);
  if (values["-w"] !== undefined || values["--workspace"] !== undefined) {
    throw new NpmError(undefined, [
      "workspaces are not supported here: run npm in the package's folder",
    ]);
  }
  const has = (...names) => names.some((name) => flags.has(name));
  const settings = {
    silent: has("-s", "--silent") || values["--loglevel"] === "silent",
    ifPresent: has("--if-present"),
    ignoreScripts: has("--ignore-scripts"),
    omitDev: has("--production") || values["--omit"] === "dev",
    noSave: has("--no-save", "--no-package-lock"),
  };
  switch (command) {
    case "run":
      if (words.length === 0) return listScripts(folder);
      return runScript(folder, words[0], [...words.slice(1), ...rest], settings);
    case "test":
    case "start":
    case "stop":
    case "restart":
      return runScript(folder, command, [...words, ...rest], settings);
    case "install":
    case "ci":
      return install(folder, command, words, settings);
    case "exec":
      return runProgram(folder, [...words, ...rest]);
    case "init":
      if (!has("-y", "--yes")) {
        throw new NpmError(undefined, [
          "questions cannot be asked here: npm init -y takes the defaults",
        ]);
      }
      return init(here);
    case "ls":
      return list(folder);
    case "prefix":
    case "root":
      process.stdout.write(`${command === "root" ? join(folder, "node_modules") : folder}\n`);
      return 0;
    case undefined:
    case "help":
      process.stdout.write(help);
      return command === undefined && !has("-h", "--help") ? 1 : 0;
    default:
      throw new NpmError(undefined, [
        `"${given}" is not done here: there is run, test, start, stop, restart, install, ci, exec, init, ls, prefix, root`,
      ]);
  }
}

try {
  process.exitCode = main(process.argv.slice(1));
} catch (error) {
  if (!(error instanceof NpmError)) throw error;
  for (const line of error.lines) process.stderr.write(`npm error ${line}`.trimEnd().concat("\n"));
  process.exitCode = error.status;
}
