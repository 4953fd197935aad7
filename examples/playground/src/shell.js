// A shell of the machine on xterm.js.

import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";

const encoder = new TextEncoder();

/**
 * @param {HTMLElement} element
 * @param {import("./connection.js").Connection} connection
 */
export function openShell(element, connection) {
  const terminal = new Terminal({
    fontSize: 13,
    fontFamily: 'ui-monospace, "Cascadia Code", Menlo, Consolas, monospace',
    theme: { background: "#14171a", foreground: "#e4e7eb", cursor: "#2fae91" },
    scrollback: 5000,
    // Where a guest's links lead is nobody's business here.
    linkHandler: { activate() {}, allowNonHttpProtocols: false },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  element.replaceChildren();
  terminal.open(element);
  fit.fit();
  const { cols, rows } = terminal;
  let isClosed = false;
  const say = (text) => isClosed || terminal.write(`\r\n[${text}]\r\n`);
  const request = connection.ask(
    "terminal.open",
    { cols, rows, cwd: "/workspace", command: "bash", env: { TERM: "xterm-256color" } },
    {
      stream: true,
      onOutput: (_channel, data) =>
        isClosed ? undefined : new Promise((shown) => terminal.write(data, shown)),
      onEvent: (event) => say(endOf(event)),
    },
  );
  terminal.onData((text) => {
    connection.ask("terminal.write", { terminal: request.id }, { body: encoder.encode(text) });
  });
  terminal.onResize((size) => connection.ask("terminal.resize", { terminal: request.id, ...size }));
  // A view that is not shown has no size.
  const observer = new ResizeObserver(() => element.clientWidth > 0 && fit.fit());
  observer.observe(element);
  return {
    focus: () => terminal.focus(),
    /** What is on it, for whoever cannot see. */
    get text() {
      const buffer = terminal.buffer.active;
      const lines = Array.from({ length: buffer.length }, (_, line) => buffer.getLine(line));
      return lines.map((line) => line?.translateToString(true) ?? "").join("\n");
    },
    close() {
      isClosed = true;
      observer.disconnect();
      connection.ask("terminal.kill", { terminal: request.id, signal: "SIGKILL" });
      terminal.dispose();
    },
  };
}

function endOf({ event, exitCode, error }) {
  if (event === "exit") return `ended with ${exitCode}`;
  return event === "gap" ? "some output was lost" : (error?.message ?? event);
}
