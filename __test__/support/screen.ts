// What a terminal shows: the part of ANSI's sequences that full-screen programs of machines write.

import type { NodeRuntime, NodeRuntimeTerminal } from "secure-exec";
import { withRuntime } from "./guest.ts";

/** Wide characters of the tests. */
const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/u;

/** A screen of cells. Characters behind the last column go to the next line. */
export class Screen {
  cells: string[][];
  /** All that was written. */
  written = "";
  row = 0;
  column = 0;
  #rest = "";
  #waiting: (() => void)[] = [];

  readonly terminal: NodeRuntimeTerminal;
  rows: number;
  columns: number;

  constructor(terminal: NodeRuntimeTerminal) {
    this.terminal = terminal;
    this.rows = terminal.rows;
    this.columns = terminal.cols;
    this.cells = this.#empty();
    const decoder = new TextDecoder();
    terminal.onData((chunk) => {
      const text = decoder.decode(chunk, { stream: true });
      this.written += text;
      this.#take(text);
      for (const look of this.#waiting.splice(0)) look();
    });
  }

  #empty(): string[][] {
    return Array.from({ length: this.rows }, () => new Array<string>(this.columns).fill(" "));
  }

  /** The lines, without blanks at their ends. */
  get lines(): string[] {
    return this.cells.map((cells) => cells.join("").trimEnd());
  }

  /** Waits until what is shown is as `wanted` says. */
  async until(wanted: (screen: Screen) => boolean): Promise<void> {
    while (!wanted(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Waits until a line is shown, anywhere. */
  async line(text: string): Promise<void> {
    await this.until(({ lines }) => lines.includes(text));
  }

  /** Types, and waits until what is shown is as `wanted` says. */
  async type(keys: string, wanted: (screen: Screen) => boolean): Promise<void> {
    await this.terminal.write(keys);
    await this.until(wanted);
  }

  resize(columns: number, rows: number): void {
    [this.columns, this.rows] = [columns, rows];
    this.cells = this.#empty();
    this.terminal.resize(columns, rows);
  }

  #take(text: string): void {
    const all = this.#rest + text;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    const pieces = /\x1b\[([?0-9;]*)([A-Za-z])|\x1b[^[]|[\x00-\x1f]|[^\x00-\x1f]/gu;
    this.#rest = "";
    for (const found of all.matchAll(pieces)) {
      const [piece, numbers = "", letter] = found;
      if (letter) this.#sequence(numbers, letter);
      else this.#character(piece);
    }
    // A sequence whose end has not come.
    const open = all.lastIndexOf("\x1b");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
    if (open >= 0 && /^\x1b(\[[?0-9;]*)?$/.test(all.slice(open))) this.#rest = all.slice(open);
  }

  #sequence(numbers: string, letter: string): void {
    const [first = 0, second = 0] = numbers.split(";").map(Number);
    if (letter === "H") {
      this.row = Math.max(first, 1) - 1;
      this.column = Math.max(second, 1) - 1;
    } else if (letter === "J") {
      this.cells = this.#empty();
    } else if (letter === "K") {
      this.cells[this.row]?.fill(" ", this.column);
    }
  }

  #character(c: string): void {
    if (c === "\r") this.column = 0;
    else if (c === "\n") this.#newLine();
    else if (c === "\b") this.column = Math.max(0, this.column - 1);
    else if (c >= " ") {
      const width = wide.test(c) ? 2 : 1;
      if (this.column + width > this.columns) {
        this.#newLine();
        this.column = 0;
      }
      const cells = this.cells[this.row] ?? [];
      cells[this.column] = c;
      if (width === 2) cells[this.column + 1] = "";
      this.column += width;
    }
  }

  #newLine(): void {
    if (this.row < this.rows - 1) this.row += 1;
    else this.cells.push(...this.cells.splice(0, 1).map((cells) => cells.fill(" ")));
  }
}

/** Runs a command of a machine with files on a terminal. */
export async function onScreen(
  command: string,
  args: string[],
  files: Record<string, string>,
  work: (screen: Screen, runtime: NodeRuntime) => Promise<void>,
  size = { cols: 60, rows: 12 },
) {
  await withRuntime({ files }, async (runtime) => {
    const terminal = await runtime.openShell({ ...size, command, args, cwd: "/workspace" });
    await work(new Screen(terminal), runtime);
  });
}
