"use strict";
// What a fuzzing guest keeps safe from its own calls: the way it says that it ran to the end.

const { Input } = require("./input.cjs");
const { internalBinding } = require("internal/test/binding");

/** Exit status of a program that ran to the end. Nothing else is told: descriptors may be closed by then. */
const finished = 42;

// Taken before anything is called: later they may be something else.
const reallyExit = process.reallyExit.bind(process);
const write = require("node:fs").writeSync;
const collect = globalThis.gc;
const immediate = setImmediate;
const timeout = setTimeout;
const now = performance.now.bind(performance);

process.on("uncaughtException", () => {});
process.on("unhandledRejection", () => {});

/** Natives that end the process, wait without end, or are there to crash. */
const forbidden =
  /^(process_methods\.(reallyExit|abort|execve|_kill|causeSegfault)|util\.sleep|errors\.trigger\w+|inspector\.waitForDebugger)$/;

/** Descriptors of a standard stream would be closed, or read from until the end of time. */
function spared(name, args) {
  if (!/^(fs|tty_wrap|pipe_wrap|stream_wrap)\b/.test(name)) return args;
  return args.map((value) => (value === 0 || value === 1 || value === 2 ? value + 90 : value));
}

const names =
  "async_context_frame async_wrap blob block_list buffer builtins cares_wrap cjs_lexer config constants contextify credentials " +
  "crypto diagnostics_channel encoding_binding errors fs fs_dir fs_event_wrap heap_utils http2 http_parser icu inspector " +
  "internal_only_v8 ipc_serdes js_stream locks messaging mksnapshot module_wrap modules options os performance permission " +
  "pipe_wrap process_methods process_wrap profiler report sea serdes signal_wrap spawn_sync sqlite stream_pipe stream_wrap " +
  "string_decoder symbols task_queue tcp_wrap timers tls_wrap trace_events tty_wrap types udp_wrap url url_pattern util uv v8 wasi " +
  "wasm_web_api watchdog worker zlib";

/** Node.js's internal bindings that are there, by name. */
function bindings() {
  const found = {};
  for (const name of names.split(" ")) {
    try {
      found[name] = internalBinding(name);
    } catch {
      // Not every build has every binding.
    }
  }
  return found;
}

function inputOf(argument) {
  return new Input(Buffer.from(argument, "hex"));
}

const shown = process.env.FUZZ_SHOW !== undefined;

/** With `FUZZ_SHOW` in the environment tells what is called and with what, for people. */
function show(name, args) {
  if (!shown) return;
  try {
    write(2, `${name}(${args.map(told).join(", ")})\n`);
  } catch {
    // Standard error may be closed by now.
  }
}

/** What a value is, without touching it: objects may do something when they are looked at. */
function told(value) {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null) return "{}";
  if (typeof value === "function") return "() => {}";
  return Object.is(value, -0) ? "-0" : String(value);
}

/**
 * Ends once what was started has had its turns. Natives may have been told that no timer or no immediate is left, so each
 * of them does it, and so does the loop when it has nothing left to wait for.
 */
function finish() {
  const since = now();
  const end = () => {
    try {
      collect();
    } finally {
      reallyExit(finished);
    }
  };
  const turn = () => (now() - since < 30 ? immediate(turn) : end());
  timeout(end, 30);
  turn();
  process.on("exit", end);
}

module.exports = { bindings, finish, forbidden, inputOf, show, spared };
