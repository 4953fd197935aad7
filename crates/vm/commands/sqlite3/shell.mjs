// The state of the shell, and how it runs SQL.

import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { showPlan, showRows } from "./modes.mjs";
import { isBlank, statements, tokens } from "./text.mjs";

/** Output that is gathered before it is written. */
const GATHERED = 1 << 16;
/** Bytes of what a program gives to `.import` or `.read`. */
const MOST_OUTPUT = 1 << 28;
/** Of a failed statement this much is shown, and this much of what is before the mistake. */
const EXCERPT = 78;
const BEFORE = 50;

/** Lines of a descriptor, as they come. */
export class Lines {
  #fd;
  #rest = Buffer.alloc(0);
  #isOver = false;

  constructor(fd) {
    this.#fd = fd;
  }

  /** The next line without its end; none at the end. */
  next() {
    const piece = Buffer.alloc(1 << 16);
    const parts = [];
    for (;;) {
      const end = this.#rest.indexOf(10);
      if (end >= 0) {
        parts.push(this.#rest.subarray(0, end));
        this.#rest = this.#rest.subarray(end + 1);
        return Buffer.concat(parts).toString("utf8").replace(/\r$/, "");
      }
      parts.push(this.#rest);
      this.#rest = Buffer.alloc(0);
      const count = this.#isOver ? 0 : fs.readSync(this.#fd, piece);
      if (count === 0) {
        this.#isOver = true;
        const last = Buffer.concat(parts);
        return last.length > 0 ? last.toString("utf8") : undefined;
      }
      this.#rest = Buffer.from(piece.subarray(0, count));
    }
  }
}

/** What a line of the shell prints; its input and its errors are this program's. */
export function outputOf(line) {
  const stdio = ["inherit", "pipe", "inherit"];
  return spawnSync("sh", ["-c", line], { stdio, maxBuffer: MOST_OUTPUT }).stdout.toString("utf8");
}

/** Runs a line of the shell. Returns its status. */
export const runLine = (line) => spawnSync("sh", ["-c", line], { stdio: "inherit" }).status ?? 1;

/** Has `work` read the lines of a file; undefined where it cannot be opened. */
export async function withLines(path, work) {
  if (path.startsWith("|")) {
    const rest = outputOf(path.slice(1)).split("\n");
    if (rest.at(-1) === "") rest.pop();
    return await work({ next: () => rest.shift() });
  }
  let fd;
  try {
    fd = fs.openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    return await work(new Lines(fd));
  } finally {
    fs.closeSync(fd);
  }
}

/** A file, or what a program prints, as text. */
export const readText = (path) =>
  path.startsWith("|") ? outputOf(path.slice(1)) : fs.readFileSync(path, "utf8");

export const copyFile = (from, to) => fs.copyFileSync(from, to);

/** Whether a path leads to something. */
export const isThere = (path) => fs.existsSync(path);

/** A statement that failed. The message is what the shell prints behind the kind of error. */
export class Failed extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

export class Shell {
  mode = "list";
  separator = "|";
  rowSeparator = "\n";
  nullvalue = "";
  table = "table";
  widths = [];
  headers = undefined;
  prompts = ["sqlite> ", "   ...> "];
  echo = false;
  bail = false;
  timer = false;
  changes = false;
  /** What `.parameter` has bound, by name. */
  parameters = {};
  isInteractive = false;
  file = ":memory:";
  readOnly = false;
  #database;
  #output = { fd: 1, name: "stdout", once: undefined };
  #gathered = [];
  #length = 0;

  isHeadShown(byMode = false) {
    return this.headers ?? byMode;
  }

  path(name) {
    return name.startsWith("|") ? name : resolve(name);
  }

  print(text) {
    this.#gathered.push(text);
    this.#length += text.length;
    if (this.#length >= GATHERED) this.flush();
  }

  flush() {
    const bytes = Buffer.from(this.#gathered.join(""));
    this.#gathered = [];
    this.#length = 0;
    for (let done = 0; done < bytes.length; ) {
      try {
        done += fs.writeSync(this.#output.fd, bytes, done);
      } catch (error) {
        if (error.code === "EPIPE") process.exit(1);
        if (error.code !== "EAGAIN") throw error;
      }
    }
  }

  /** A message that does not stop anything. */
  complain(text) {
    this.flush();
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; ) done += fs.writeSync(2, bytes, done);
  }

  /** A message of a command that failed. */
  fail(text) {
    this.complain(text);
    return false;
  }

  /** Where output goes from now on, or for the next command only. */
  redirect(name, once) {
    this.flush();
    if (this.#output.fd > 2) fs.closeSync(this.#output.fd);
    this.#output = { fd: 1, name: "stdout" };
    if (name === undefined || name === "stdout") return true;
    try {
      this.#output = { fd: fs.openSync(this.path(name), "w"), name, once };
      return true;
    } catch {
      this.complain(`Error: cannot open "${name}"\n`);
      return this.fail(`Error: cannot write to "${name}"\n`);
    }
  }

  get outputName() {
    return this.#output.name;
  }

  /** A command is over: what was redirected for it alone is not any more. */
  commandEnded() {
    if (this.#output.once) this.redirect(undefined);
  }

  get database() {
    if (!this.#database) {
      try {
        this.#database = new DatabaseSync(this.file === "" ? "" : this.fileOf(this.file), {
          readOnly: this.readOnly,
          enableForeignKeyConstraints: false,
          enableDoubleQuotedStringLiterals: true,
          allowExtension: false,
        });
      } catch {
        this.complain(
          `Error: unable to open database "${this.file}": unable to open database file\n`,
        );
        process.exit(1);
      }
    }
    return this.#database;
  }

  fileOf(name) {
    return name === ":memory:" ? name : this.path(name);
  }

  open(name, readOnly) {
    this.#database?.close();
    this.#database = undefined;
    this.file = name;
    this.readOnly = readOnly;
    return this.database;
  }

  /** All rows of a statement of our own. */
  rows(sql) {
    return [...this.iterate(sql)];
  }

  iterate(sql) {
    const statement = this.database.prepare(sql);
    statement.setReturnArrays(true);
    statement.setReadBigInts(true);
    return statement.iterate();
  }

  /** Runs statements and shows their rows. Throws what failed first. */
  run(sql) {
    for (const { at, text } of statements(sql)) {
      if (isBlank(text)) continue;
      const lead = text.length - text.trimStart().length;
      this.#runOne(text, sql.slice(at + lead));
    }
  }

  #runOne(sql, rest) {
    let statement;
    try {
      statement = this.database.prepare(sql);
    } catch (error) {
      const offset = placeOf(this.database, rest, error);
      throw new Failed("in prepare", worded(error) + excerpt(rest, offset));
    }
    statement.setReadBigInts(true);
    const began = process.hrtime.bigint();
    const used = process.cpuUsage();
    try {
      const names = statement.columns().map(({ name }) => name);
      statement.setAllowUnknownNamedParameters(true);
      if (names.length === 0) statement.run(this.parameters);
      else {
        statement.setReturnArrays(true);
        const rows = statement.iterate(this.parameters);
        if (/^\s*explain\s+query\s+plan\b/i.test(sql)) showPlan(this, [...rows]);
        else showRows(this, names, rows);
      }
    } catch (error) {
      if (!(error.code ?? "").startsWith("ERR_SQLITE")) throw error;
      throw new Failed("stepping", worded(error));
    }
    if (this.timer) {
      const { user, system } = process.cpuUsage(used);
      const real = Number((process.hrtime.bigint() - began) / 1000n) / 1e6;
      const seconds = (value) => (value / 1e6).toFixed(6);
      this.print(
        `Run Time: real ${real.toFixed(3)} user ${seconds(user)} sys ${seconds(system)}\n`,
      );
    }
    if (this.changes) {
      const [[changed, all]] = this.rows("SELECT changes(), total_changes()");
      this.print(`changes: ${changed}   total_changes: ${all}\n`);
    }
  }
}

/** What SQLite says, with the number of the error if it is not the common one. */
function worded(error) {
  const number = (error.errcode ?? 1) & 0xff;
  return error.message + (number > 1 ? ` (${number})` : "");
}

/** Messages that name what the mistake is. */
const NAMING = [
  /^(?:no such column|no such function|ambiguous column name): ?([^()]+)/,
  /^wrong number of arguments to function ([^()]+)/,
  /^(?:table|view) (.+) already exists$/,
];

/** Where a mistake is. SQLite knows, and its binding does not tell: it is the token with which the error first appears. */
function placeOf(database, sql, error) {
  const unknown = error.message.match(/^unrecognized token: "([\s\S]*)"$/)?.[1];
  if (unknown !== undefined) return sql.indexOf(unknown);
  const near = error.message.match(/^near "([\s\S]*)": syntax error$/)?.[1];
  const name = NAMING.map((pattern) => error.message.match(pattern)?.[1]).find(Boolean);
  const wanted = near ?? name?.split(".").at(-1);
  if (wanted === undefined || wanted === "") return -1;
  for (const { at, text } of tokens(sql)) {
    if (
      near === undefined
        ? text.toLowerCase().replace(/^["`[]|["`\]]$/g, "") !== wanted.toLowerCase()
        : text !== near && !text.startsWith(near)
    )
      continue;
    if (near === undefined) return at - (name.length - wanted.length);
    try {
      database.prepare(sql.slice(0, at + text.length));
    } catch (again) {
      if (again.message === error.message) return at;
    }
  }
  return -1;
}

/** The text around a mistake, with an arrow that points at it. */
function excerpt(sql, offset) {
  if (offset < 0 || offset >= sql.length) return "";
  const skipped = Math.max(0, offset - BEFORE);
  const at = offset - skipped;
  const code = sql.slice(skipped, skipped + EXCERPT).replace(/[\s]/g, " ");
  const arrow =
    at < 25 ? `${" ".repeat(at)}^--- error here` : `${" ".repeat(at - 14)}error here ---^`;
  return `\n  ${code}\n  ${arrow}`;
}
