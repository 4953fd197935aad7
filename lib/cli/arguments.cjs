"use strict";
// Reading the command line. Options come before the file; what follows it is the program's.

class UsageError extends Error {}

const known = {
  "--cwd": { name: "cwd", read: (text) => text },
  "--env": { name: "env", read: variable, many: true },
  "--timeout": { name: "timeout", read: milliseconds },
  "--commands": { name: "commandsDir", read: (text) => text },
  "--trace": { name: "trace" },
  "--help": { name: "help" },
  "-h": { name: "help" },
  "--version": { name: "version" },
};

/** Options of features that are not there yet. */
const later = new Set(["--allow-net", "--mount"]);

function parseCommandLine(argv) {
  const flags = { env: [] };
  const rest = [...argv];
  let command;
  while (rest.length > 0) {
    const word = rest[0];
    if (word === "--") {
      rest.shift();
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      if (command !== undefined) break;
      command = rest.shift();
      continue;
    }
    rest.shift();
    const [flag, attached] = splitOnce(word);
    if (later.has(flag)) throw new UsageError(`${flag} is not available yet`);
    if (!Object.hasOwn(known, flag)) throw new UsageError(`unknown option: ${flag}`);
    const { name, read, many } = known[flag];
    if (!read) {
      if (attached !== undefined) throw new UsageError(`${flag} takes no value`);
      flags[name] = true;
      continue;
    }
    const text = attached ?? rest.shift();
    if (text === undefined) throw new UsageError(`${flag} needs a value`);
    if (many) flags[name].push(read(text, flag));
    else flags[name] = read(text, flag);
  }
  return { command, flags, operands: rest };
}

function splitOnce(word) {
  const at = word.indexOf("=");
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function variable(text, flag) {
  const [name, value] = splitOnce(text);
  if (name === "" || value === undefined) throw new UsageError(`${flag} takes NAME=value`);
  return [name, value];
}

function milliseconds(text, flag) {
  const value = Number(text);
  if (!(value > 0)) throw new UsageError(`${flag} takes milliseconds, not '${text}'`);
  return value;
}

/** Options of `NodeRuntime.create` that the flags stand for. */
function runtimeOptions(flags) {
  const trace = (lines) => process.stderr.write(lines);
  return {
    ...(flags.env.length > 0 && { env: Object.fromEntries(flags.env) }),
    ...(flags.cwd !== undefined && { cwd: flags.cwd }),
    ...(flags.commandsDir !== undefined && { commandsDir: flags.commandsDir }),
    ...(flags.trace && { onTrace: trace }),
  };
}

module.exports = { UsageError, parseCommandLine, runtimeOptions };
