"use strict";
// Reading the command line. Options come before the operand; what follows it is the program's.

const { existsSync } = require("node:fs");
const { extname } = require("node:path");
const { flagOf, later } = require("./flags.cjs");
const { traceFilter } = require("./trace-filter.cjs");
const { UsageError } = require("./usage-error.cjs");

const commands = ["run", "exec", "shell", "doctor", "mcp", "serve", "help", "version"];
/** Those that make a machine, and mind their options. */
const makers = ["run", "exec", "shell", "mcp", "serve"];
const programs = new Set([".mjs", ".cjs", ".js", ".mts", ".cts", ".ts"]);

/**
 * @typedef {object} CommandLine
 * @property {string} [command] One of `run`, `exec`, `shell`, `doctor`, `mcp`, `serve`, `help`, `version`.
 * @property {Record<string, any>} flags By the names of flags.cjs.
 * @property {string[]} operands
 */

/** @returns {CommandLine} */
function parseCommandLine(argv) {
  const rest = [...argv];
  const line = {
    command: undefined,
    flags: { allowedOrigins: [], env: [], envFile: [], file: [], mounts: [] },
    used: [],
  };
  while (rest.length > 0) {
    const word = rest[0];
    if (word === "--") {
      rest.shift();
      break;
    }
    if (word.startsWith("-") && word !== "-") {
      rest.shift();
      takeFlag(line, word, rest);
      continue;
    }
    if (!takesCommand(line, word)) break;
    line.command = rest.shift();
  }
  imply(line, rest);
  const { command, flags } = line;
  for (const { spelling, of } of line.used) {
    const fits = command === undefined || !makers.includes(command);
    if (!fits && !of.includes(command)) {
      throw new UsageError(`${spelling} belongs to ${of.join(" and ")}, not to ${command}`);
    }
  }
  return { command, flags: settle(flags), operands: rest };
}

/** Whether a word is the command: the first that is no option, unless the program is there already. */
function takesCommand({ command, flags }, word) {
  return command === undefined && (commands.includes(word) || !hasCode(flags)) && !isProgram(word);
}

/** `secure-exec file.mjs` and `secure-exec -e code` are `run`. */
function imply(line, rest) {
  if (line.command !== undefined) return;
  if (hasCode(line.flags) || (rest.length > 0 && isProgram(rest[0]))) line.command = "run";
}

function hasCode({ eval: code, print }) {
  return code !== undefined || print !== undefined;
}

/** Whether a word names a program rather than a command. */
function isProgram(word) {
  if (word === "-") return true;
  if (commands.includes(word)) return false;
  return programs.has(extname(word)) || word.includes("/") || existsSync(word);
}

function takeFlag(line, word, rest) {
  const [spelling, attached] = splitOnce(word);
  if (later.has(spelling)) throw new UsageError(`${spelling} is not available yet`);
  const flag = flagOf(spelling);
  if (!flag) throw new UsageError(`unknown option: ${spelling}`);
  const { flags } = line;
  const text = textOf(flag, spelling, attached, rest);
  // `-e trace=SET` is strace's way to say `--trace=SET`.
  if (flag.name === "eval" && flags.trace && /^trace=[\w!%,/]+$/.test(text)) {
    flags.trace = traceFilter(text.slice("trace=".length), "-e trace");
    return;
  }
  line.used.push({ spelling, of: flag.of });
  const value = text === undefined ? true : flag.read(text, spelling);
  if (flag.many) flags[flag.name].push(value);
  else flags[flag.name] = value;
}

/** The text of a flag's value, or undefined where it has none. */
function textOf({ read, attachedOnly }, spelling, attached, rest) {
  if (!read && attached !== undefined) throw new UsageError(`${spelling} takes no value`);
  if (!read || attachedOnly) return attached;
  const text = attached ?? rest.shift();
  if (text === undefined) throw new UsageError(`${spelling} needs a value`);
  return text;
}

/** What only shows when all options are there. */
function settle({ t, ...flags }) {
  // `-t` is docker's and ssh's for a terminal, and strace's for the time of day.
  if (t) flags[flags.trace ? "seconds" : "tty"] = true;
  if (flags.tty && flags.noTty) throw new UsageError("--tty and --no-tty contradict each other");
  if (flags.copy !== undefined && flags.noCopy) {
    throw new UsageError("--copy and --no-copy contradict each other");
  }
  if (flags.eval !== undefined && flags.print !== undefined) {
    throw new UsageError("--eval and --print contradict each other");
  }
  for (const [name, spelling] of traceOnly) {
    if (flags[name] && !flags.trace) throw new UsageError(`${spelling} belongs to --trace`);
  }
  if (flags.cwd !== undefined && !flags.cwd.startsWith("/")) {
    throw new UsageError(`--cwd takes an absolute path in the machine, not '${flags.cwd}'`);
  }
  return flags;
}

const traceOnly = [
  ["traceOutput", "--trace-output"],
  ["microseconds", "-tt"],
  ["relativeTimes", "-r"],
];

function splitOnce(word) {
  const at = word.indexOf("=");
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

module.exports = { commands, parseCommandLine };
