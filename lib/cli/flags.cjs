"use strict";
// The options: their spellings, what they take, which commands have them.

const { variable, variablesOf } = require("./environment.cjs");
const { mount } = require("./mount.cjs");
const { namedFile } = require("./named-file.cjs");
const { bytes, count, milliseconds, port, seconds } = require("./quantities.cjs");
const { traceFilter } = require("./trace-filter.cjs");

const word = (text) => text;
const all = ["run", "exec", "shell"];
const serve = ["serve"];
/** What makes a machine, whoever uses it. */
const machines = [...all, "mcp"];

/**
 * @typedef {object} Flag
 * @property {string} name Its key among the parsed options.
 * @property {string[]} of The commands that have it.
 * @property {(text: string, flag: string) => unknown} [read] What its value becomes; without, it takes none.
 * @property {boolean} [many] It may be repeated: the values are collected.
 * @property {boolean} [attachedOnly] A value only behind `=`.
 */

/** @type {Record<string, Flag>} */
const flags = {
  "--eval": { name: "eval", of: ["run"], read: word },
  "--print": { name: "print", of: ["run"], read: word },
  "--no-copy": { name: "noCopy", of: ["run", "shell"] },
  "--copy": { name: "copy", of: machines, read: word },
  "--file": { name: "file", of: machines, read: namedFile, many: true },
  "--overlay": { name: "overlay", of: ["run", "shell"] },
  "--mount": { name: "mounts", of: machines, read: mount, many: true },
  "--env": { name: "env", of: machines, read: variable, many: true },
  "--env-file": { name: "envFile", of: machines, read: variablesOf, many: true },
  "--cwd": { name: "cwd", of: machines, read: word },
  "--memory": { name: "memory", of: machines, read: bytes },
  "--heap": { name: "heap", of: machines, read: bytes },
  "--disk": { name: "disk", of: machines, read: bytes },
  "--inodes": { name: "inodes", of: machines, read: count },
  "--cpus": { name: "cpus", of: machines, read: count },
  "--timeout": { name: "timeout", of: machines, read: milliseconds },
  "--tty": { name: "tty", of: all },
  "--no-tty": { name: "noTty", of: all },
  "--commands": { name: "commandsDir", of: machines, read: word },
  "--trace": { name: "trace", of: all, read: traceFilter, attachedOnly: true },
  "--trace-output": { name: "traceOutput", of: all, read: word },
  "-tt": { name: "microseconds", of: all },
  "-r": { name: "relativeTimes", of: all },
  // As `docker run -t`; with `--trace` it is strace's: see settle() of arguments.cjs.
  "-t": { name: "t", of: all },
  "-c": { name: "line", of: ["shell"], read: word },
  "--max-chars": { name: "maxChars", of: ["mcp"], read: count },
  "--json": { name: "json", of: ["doctor"] },
  "--host": { name: "host", of: serve, read: word },
  "--port": { name: "port", of: serve, read: port },
  "--config": { name: "config", of: serve, read: word },
  "--token-file": { name: "tokenFile", of: serve, read: word },
  "--no-auth": { name: "noAuth", of: serve },
  "--tls-cert": { name: "tlsCert", of: serve, read: word },
  "--tls-key": { name: "tlsKey", of: serve, read: word },
  "--allow-origin": { name: "allowedOrigins", of: serve, read: word, many: true },
  "--max-sandboxes": { name: "maxSandboxes", of: serve, read: count },
  "--max-body": { name: "maxBody", of: serve, read: bytes },
  "--idle-seconds": { name: "idleSeconds", of: serve, read: seconds },
  "--lifetime-seconds": { name: "lifetimeSeconds", of: serve, read: seconds },
  "--drain-seconds": { name: "drainSeconds", of: serve, read: seconds },
  "--playground": { name: "playground", of: serve },
  "--agent-sandbox-port": { name: "agentSandboxPort", of: serve, read: port },
  "--help": { name: "help", of: [...machines, ...serve] },
  "--version": { name: "version", of: [...machines, ...serve] },
};

const short = {
  "-e": "--eval",
  "-p": "--print",
  "-pe": "--print",
  "-o": "--trace-output",
  "-h": "--help",
  "-v": "--version",
};

/** Options of features that are not there yet. */
const later = new Set(["--allow-net"]);

/** The flag of a spelling, or undefined. */
function flagOf(spelling) {
  const long = short[spelling] ?? spelling;
  return Object.hasOwn(flags, long) ? flags[long] : undefined;
}

module.exports = { flagOf, later };
