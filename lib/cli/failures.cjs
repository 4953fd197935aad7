"use strict";
// How the command line ends when it is not the program that ends it: messages and exit statuses.

const { constants } = require("node:os");
const { translate } = require("./machine-options.cjs");
const { UsageError } = require("./usage-error.cjs");

/** sysexits.h. */
const EX_USAGE = 64;
const EX_SOFTWARE = 70;
const EX_OSERR = 71;

const { SIGABRT, SIGKILL, SIGPIPE } = constants.signals;

/** Something outside the machine is in the way: a file that cannot be read, a folder that does not fit. */
class CommandError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The reader of the output has gone: as a process that dies by SIGPIPE, in silence. */
class ClosedOutput extends Error {
  exitCode = 128 + SIGPIPE;
}

/** Limits of memory end a program as V8 and the C library end it: by SIGABRT. */
const memoryLimits = /v8HeapLimitMb|maxMemoryBytes/;
/** Why a whole machine ended (`VmError.why`) where memory was the reason. */
const outOfMemory = /heap limit|out of memory/i;

/** A limit that the program's output tells already, as V8's last words do, need not be told again. */
class ToldLimit extends Error {
  constructor(error) {
    super(error.message, { cause: error });
    this.exitCode = statusOf(error);
  }
}

/** What is left to tell of an error behind the end of the program's output. */
function untold(error, tail) {
  const told = error.code === "ERR_RESOURCE_LIMIT" && tail.includes("FATAL ERROR: ");
  return told ? new ToldLimit(error) : error;
}

/** What to print, if anything, and the exit status. */
function failure(error) {
  if (error instanceof ClosedOutput || error instanceof ToldLimit) {
    return { exitCode: error.exitCode };
  }
  if (error instanceof UsageError) {
    return {
      message: `secure-exec: ${error.message}\nTry 'secure-exec --help'.\n`,
      exitCode: EX_USAGE,
    };
  }
  // One line, whatever names of files it has.
  const text = translate(error.message);
  const message = printable(error instanceof CommandError ? text.replaceAll("\n", "\\n") : text);
  return { message: `secure-exec: ${message}\n`, exitCode: statusOf(error) };
}

/** Names of files and what programs say of themselves must not reach a terminal as commands, nor as lines of ours. */
function printable(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, escaped);
}

function escaped(character) {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

function statusOf(error) {
  if (error instanceof CommandError) return error.exitCode;
  switch (error.code) {
    case "ERR_RESOURCE_LIMIT":
      return 128 + (memoryLimits.test(error.limit) ? SIGABRT : SIGKILL);
    case "ERR_VM_CRASHED":
      return crashStatus(error.why);
    case "ERR_VM_START":
      return EX_OSERR;
    case "ERR_INVALID_ARG_TYPE":
    case "ERR_INVALID_ARG_VALUE":
    case "ERR_OUT_OF_RANGE":
      return EX_USAGE;
    default:
      return error.name === "VmError" && !error.syscall ? EX_SOFTWARE : 1;
  }
}

/** A machine that ended by a signal ends this process as if it had been its own. */
function crashStatus(why) {
  if (outOfMemory.test(why)) return 128 + SIGABRT;
  const number = constants.signals[/\bsignal (SIG[A-Z0-9]+)/.exec(why)?.[1]];
  return number === undefined ? EX_SOFTWARE : 128 + number;
}

module.exports = { ClosedOutput, CommandError, failure, printable, untold };
