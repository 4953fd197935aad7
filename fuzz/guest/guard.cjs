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

process.on("uncaughtException", () => {});
process.on("unhandledRejection", () => {});

/** Natives that end the process, wait without end, or are there to crash. */
const forbidden =
  /^(process_methods\.(reallyExit|abort|execve|_kill|_debug\w+|causeSegfault)|util\.sleep|errors\.trigger\w+|mksnapshot\.\w+|inspector\.\w+)$/;

/** Descriptors of a standard stream would be closed, or read from until the end of time. */
function spared(name, args) {
  if (!/^(fs|tty_wrap|pipe_wrap|stream_wrap)\b/.test(name)) return args;
  return args.map((value) => (value === 0 || value === 1 || value === 2 ? value + 90 : value));
}

const names =
  "async_context_frame async_wrap blob block_list buffer builtins cares_wrap cjs_lexer config constants contextify credentials " +
  "crypto diagnostics_channel encoding_binding errors fs fs_dir fs_event_wrap heap_utils http_parser icu inspector " +
  "internal_only_v8 ipc_serdes js_stream locks messaging mksnapshot module_wrap modules options os performance permission " +
  "pipe_wrap process_methods process_wrap profiler report sea serdes signal_wrap spawn_sync sqlite stream_pipe stream_wrap " +
  "string_decoder symbols task_queue tcp_wrap timers trace_events tty_wrap types udp_wrap url url_pattern util uv v8 wasi " +
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

/** With `FUZZ_SHOW` in the environment tells what is called, for people. */
function show(text) {
  if (process.env.FUZZ_SHOW) {
    try {
      write(2, `${text}\n`);
    } catch {
      // Standard error may be closed by now.
    }
  }
}

/** Ends once what was started has had its turns. */
function finish() {
  setTimeout(() => {
    try {
      collect();
    } finally {
      reallyExit(finished);
    }
  }, 30);
}

module.exports = { bindings, finish, forbidden, inputOf, show, spared };
