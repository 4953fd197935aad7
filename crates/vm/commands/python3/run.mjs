// python3(1): CPython as WebAssembly, the npm package `pyodide`, in a process of `node`.

import { mkdirSync, writeFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { isatty } from "node:tty";
import { ENDING } from "./ending.mjs";
import { mountAll } from "./files.mjs";
import { interruptBuffer, sleep } from "./interrupts.mjs";
import { MACHINE } from "./machine.mjs";
import { memoryFile, snapshotOf } from "./memory.mjs";
import { compiledModule, keptModule, keptScript, TYPICAL, withModule } from "./module.mjs";
import { configuration, needsStart, parse } from "./options.mjs";
import { PROCESSES, runProgram } from "./processes.mjs";
import { MISSING, packageDirectory, SNAPSHOT } from "./package.mjs";

/** For the host: keep the memory of an interpreter that has run nothing, and its machine code; run a program for its value. */
const MAKE_SNAPSHOT = "--secure-exec-snapshot";
const MAKE_MODULE = "--secure-exec-module";
const CALL = "--secure-exec-call";

/** The status where what was printed cannot be written in the end (`Py_RunMain`). */
const UNFLUSHED = 120;

/** The status of a program that SIGINT has ended. */
const INTERRUPTED = 130;

/** `input` of `PyRun_StringFlags`. */
const EVAL_INPUT = 258;

/** A literal of Python's: strings of JSON are strings of Python too. */
const literal = (value) => JSON.stringify(value);

async function start(directory, settings, module) {
  const { loadPyodide } = await import(`${directory}/pyodide.mjs`);
  return await withModule(module, () =>
    loadPyodide({
      indexURL: directory,
      _sysExecutable: "/usr/bin/python3",
      fsInit: (FS) => {
        mountAll(FS);
        FS.chdir(process.cwd());
      },
      ...settings,
    }),
  );
}

const INSTALL = `
import sys, types
module = types.ModuleType("_secure_exec")
exec(compile(${literal(MACHINE + ENDING + PROCESSES)}, "<frozen _secure_exec>", "exec"), module.__dict__)
sys.modules["_secure_exec"] = module
del module, types, sys
`;

const own = { PYTHONINSPECT: "" };

let isInterrupted = false;
/** Told of a KeyboardInterrupt that nobody caught. */
const interrupted = () => void (isInterrupted = true);

/** Whether an interpreter has machine code from wheels. */
const hasLibraries = ({ LDSO }) =>
  Object.keys(LDSO.loadedLibsByName).some((name) => name !== "__main__");

async function makeSnapshot(directory, target) {
  const python = await start(directory, { _makeSnapshot: true, env: { HOME: "/", ...own } });
  run(python, INSTALL);
  run(python, "import gc; gc.collect(); gc.freeze(); del gc");
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, memoryFile(python));
}

/** Has the code made of what an interpreter of that memory runs for a typical program, from its start to its end. */
async function makeModule(directory, memory, target, script) {
  const words = ["-c", TYPICAL];
  const interpreter = await resumed(directory, snapshotOf(memory), parse(words), words);
  if ((await runMain(interpreter)) !== 0) throw new Error("the typical program fails");
  writeFileSync(target, keptModule());
  writeFileSync(script, keptScript());
}

/** Runs lines of ours in `__main__`, outside of Pyodide's own way: it imports more than that needs. */
function run(python, code) {
  const module = python._module;
  const text = module.stringToNewUTF8(code);
  const status = module._PyRun_SimpleString(text);
  module._free(text);
  if (status !== 0) throw new Error("the interpreter cannot be set up");
}

/** Changes the configuration of an interpreter that has started: its `Py_RunMain` goes by it. */
function setConfiguration(module, settings) {
  const current = module.__PyConfig_AsDict(module.__Py_GetConfig());
  const globals = module._PyDict_New();
  const text = module.stringToNewUTF8(literal(settings));
  const changed = module._PyRun_StringFlags(text, EVAL_INPUT, globals, globals, 0);
  if (!changed || module._PyDict_Update(current, changed) !== 0)
    throw new Error("no configuration");
  if (module.__PyConfig_FromDict(module.__Py_GetConfig(), current) !== 0) {
    module._PyErr_Print();
    throw new Error("the interpreter cannot be configured");
  }
  for (const object of [current, globals, changed]) module._Py_DecRef(object);
  module._free(text);
}

/** An interpreter that was started before and does as it is asked from here on. */
async function resumed(directory, snapshot, asked, words) {
  const module = compiledModule();
  const from = { _loadSnapshot: snapshot, env: { HOME: "/", ...own } };
  const python = await start(directory, from, module);
  if (snapshot.fillMemory) throw new Error("the interpreter has not taken its memory");
  const settings = configuration(asked, { words, env: process.env, cwd: process.cwd() });
  const terminals = [0, 1, 2].map((fd) => Number(isatty(fd)));
  setConfiguration(python._module, settings);
  attach(python);
  const { argv, orig_argv: given, buffered_stdio: buffered, write_bytecode: writes } = settings;
  const values = [process.env, argv, given, buffered, writes, terminals].map(literal).join(", ");
  run(python, `import _secure_exec; _secure_exec.configure(${values}); del _secure_exec`);
  return python;
}

/** A new one, for options that have a meaning only when it starts. */
async function started(directory, words) {
  const env = { ...process.env, ...own };
  if (!env.HOME?.startsWith("/")) env.HOME = "/";
  if (process.env.PYTHONINSPECT) env.PYTHONINSPECT = process.env.PYTHONINSPECT;
  const python = await start(directory, { args: words, env }, compiledModule());
  run(python, INSTALL);
  attach(python);
  run(python, "import _secure_exec; _secure_exec.prepare(); del _secure_exec");
  return python;
}

function attach(python) {
  const services = {
    sleep,
    runProgram,
    interrupted,
    hasLibraries: () => hasLibraries(python._module),
  };
  python.registerJsModule("_secure_exec_machine", services);
  run(
    python,
    "import _secure_exec, _secure_exec_machine; _secure_exec.attach(_secure_exec_machine); del _secure_exec, _secure_exec_machine",
  );
}

async function python(directory, words) {
  const asked = parse(words);
  const memory = asked.isQuick && !needsStart(process.env) ? snapshotOf(SNAPSHOT) : undefined;
  if (memory) return await resumed(directory, memory, asked, words);
  return await started(directory, words);
}

/** What the command was called for: the status, or nothing where there is none to tell. */
export async function main(name) {
  const words = process.argv.slice(1);
  const directory = packageDirectory(process.cwd());
  if (directory === undefined) {
    writeSync(2, `${name}: ${MISSING}`);
    process.exit(127);
  }
  if (words[0] === MAKE_SNAPSHOT) return await makeSnapshot(directory, words[1]);
  if (words[0] === MAKE_MODULE) return await makeModule(directory, ...words.slice(1));
  const call = `import _secure_exec; _secure_exec.call(${literal(words[1] ?? "")})`;
  const given = words[0] === CALL ? ["-c", call] : words;
  let status;
  process.on("SIGINT", () => {});
  try {
    const interpreter = await python(directory, given);
    interpreter.setInterruptBuffer(interruptBuffer());
    status = await runMain(interpreter);
  } catch (error) {
    status = statusOf(name, error);
  }
  process.exit(status);
}

/** Runs what the command line asks for, where V8 can on a stack that waits for what JavaScript does (`asyncio.run`). */
async function runMain(interpreter) {
  const module = interpreter._module;
  const status = module.validSuspender ? await module.promisingRunMain() : module._run_main();
  run(interpreter, "import _secure_exec; _secure_exec.finish()");
  // What is flushed and called here may end the program too.
  const flushed = module._Py_FinalizeEx();
  if (isInterrupted) return INTERRUPTED;
  return flushed < 0 ? UNFLUSHED : status;
}

/** An interpreter that has said itself what is wrong ends with a status; what else it throws is the end of it. */
function statusOf(name, error) {
  if (typeof error?.status === "number") return error.status;
  writeSync(2, `${name}: ${error?.stack ?? error}\n`);
  return 1;
}
