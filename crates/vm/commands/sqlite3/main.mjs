// sqlite3(1): the shell of SQLite over the machine's files, by way of `node:sqlite`.

import { homedir } from "node:os";
import { isatty } from "node:tty";
import { dot } from "./dots.mjs";
import { Failed, isThere, Lines, Shell, withLines } from "./shell.mjs";
import { isBlank, isComplete } from "./text.mjs";

process.removeAllListeners("warning");

const USAGE = `Usage: sqlite3 [OPTIONS] FILENAME [SQL]
FILENAME is the name of an SQLite database. A new database is created
if the file does not previously exist.
OPTIONS include:
   -ascii               set output mode to 'ascii'
   -bail                stop after hitting an error
   -batch               force batch I/O
   -box                 set output mode to 'box'
   -column              set output mode to 'column'
   -cmd COMMAND         run "COMMAND" before reading stdin
   -csv                 set output mode to 'csv'
   -echo                print inputs before execution
   -init FILENAME       read/process named file
   -[no]header          turn headers on or off
   -help                show this message
   -html                set output mode to HTML
   -interactive         force interactive I/O
   -json                set output mode to 'json'
   -line                set output mode to 'line'
   -list                set output mode to 'list'
   -markdown            set output mode to 'markdown'
   -newline SEP         set output row separator. Default: '\\n'
   -nullvalue TEXT      set text string for NULL values. Default ''
   -quote               set output mode to 'quote'
   -readonly            open the database read-only
   -separator SEP       set output column separator. Default: '|'
   -table               set output mode to 'table'
   -tabs                set output mode to 'tabs'
   -version             show SQLite version
`;

const shell = new Shell();

const SWITCHES = {
  header: () => void (shell.headers = true),
  noheader: () => void (shell.headers = false),
  echo: () => void (shell.echo = true),
  bail: () => void (shell.bail = true),
  readonly: () => void (shell.readOnly = true),
  batch: () => void (shell.isInteractive = false),
  interactive: () => void (shell.isInteractive = true),
  ascii: () =>
    void Object.assign(shell, { mode: "ascii", separator: "\x1f", rowSeparator: "\x1e" }),
  csv: () => void Object.assign(shell, { mode: "csv", separator: "," }),
  quote: () => void Object.assign(shell, { mode: "quote", separator: ",", rowSeparator: "\n" }),
  tabs: () => void Object.assign(shell, { mode: "list", separator: "\t", rowSeparator: "\n" }),
};
for (const mode of ["box", "column", "html", "json", "line", "list", "markdown", "table"])
  SWITCHES[mode] = () => void (shell.mode = mode);

const TAKING = {
  separator: (text) => void (shell.separator = text),
  newline: (text) => void (shell.rowSeparator = text),
  nullvalue: (text) => void (shell.nullvalue = text),
  cmd: () => {},
  init: () => {},
};

/** Options that have no meaning here, and how many words each takes. */
const WITHOUT_EFFECT = {
  safe: 0,
  nofollow: 0,
  stats: 0,
  memtrace: 0,
  mmap: 1,
  vfs: 1,
  lookaside: 2,
  pagecache: 2,
  maxsize: 1,
  heap: 1,
};

function die(text) {
  shell.flush();
  process.stderr.write(text);
  process.exit(1);
}

/** Takes the command line apart; settings are made in the order in which they stand. */
function parse(words) {
  const asked = { commands: [], first: [], init: undefined, file: undefined };
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (!word.startsWith("-") || word === "-") {
      if (asked.file === undefined) asked.file = word;
      else asked.commands.push(word);
      continue;
    }
    const name = word.replace(/^--?/, "");
    if (name === "help") die(USAGE);
    if (name === "version") {
      const [[version]] = shell.rows("SELECT sqlite_version()||' '||sqlite_source_id()");
      shell.print(`${version}\n`);
      shell.flush();
      process.exit(0);
    }
    if (Object.hasOwn(SWITCHES, name)) SWITCHES[name]();
    else if (Object.hasOwn(WITHOUT_EFFECT, name)) at += WITHOUT_EFFECT[name];
    else if (Object.hasOwn(TAKING, name)) {
      at += 1;
      if (at >= words.length) die(`sqlite3: Error: missing argument to ${word}\n`);
      TAKING[name](words[at]);
      if (name === "cmd") asked.first.push(words[at]);
      if (name === "init") asked.init = words[at];
    } else die(`sqlite3: Error: unknown option: ${word}\nUse -help for a list of options.\n`);
  }
  return asked;
}

/** Runs SQL and tells what failed; `where` is the line that it began at. */
function runSql(sql, where) {
  try {
    shell.run(sql);
    return true;
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    const kind = error.kind === "in prepare" ? "Parse error" : "Runtime error";
    shell.complain(
      `${kind}${where === undefined ? "" : ` near line ${where}`}: ${error.message}\n`,
    );
    return false;
  } finally {
    shell.commandEnded();
  }
}

/** Reads and runs lines to their end, or to `.quit`. Returns how many commands failed. */
async function processLines(source, lines, prompts) {
  let [sql, start, number, errors] = ["", 1, 0, 0];
  const more = (_, inner) => processLines(source, inner, false);
  for (;;) {
    if (prompts) {
      shell.print(sql === "" ? source.prompts[0] : source.prompts[1]);
      shell.flush();
    }
    const line = lines.next();
    if (line === undefined) {
      if (prompts) source.print("\n");
      break;
    }
    number += 1;
    if (sql === "" && /^[.#]/.test(line)) {
      if (source.echo) source.print(`${line}\n`);
      if (line.startsWith("#")) continue;
      const result = await dot(source, line, more);
      if (result === "quit") return errors;
      if (result === false) errors += 1;
      if (result === false && source.bail) return errors;
      continue;
    }
    if (sql === "" && isBlank(line) && !line.includes(";")) continue;
    if (sql === "") start = number;
    sql = sql === "" ? line.trimStart() : `${sql}\n${line}`;
    const ends = /^\s*(go|\/)\s*$/i.test(line);
    if (ends) sql = `${sql.slice(0, sql.lastIndexOf(line))};`;
    if (!isComplete(sql)) continue;
    if (source.echo) source.print(`${sql}\n`);
    if (!runSql(sql, prompts ? undefined : start)) errors += 1;
    sql = "";
    if (errors > 0 && source.bail) return errors;
  }
  if (!isBlank(sql)) {
    if (source.echo) source.print(`${sql}\n`);
    if (!runSql(sql, prompts ? undefined : start)) errors += 1;
  }
  return errors;
}

/** Runs what the command line has: SQL, or a command with a dot. Ends the program where it failed. */
async function runWord(word, isFirst) {
  if (word.startsWith(".")) {
    const result = await dot(shell, word, (_, inner) => processLines(shell, inner, false));
    if (result === "quit") leave(0);
    if (result === false && (!isFirst || shell.bail)) leave(1);
    return;
  }
  if (shell.echo) shell.print(`${word}\n`);
  try {
    shell.run(word);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    shell.complain(`Error: ${error.kind}, ${error.message}\n`);
    if (!isFirst || shell.bail) leave(Number(error.message.match(/ \((\d+)\)$/)?.[1] ?? 1));
  }
}

function leave(status) {
  shell.flush();
  process.exit(status);
}

async function initialize(name) {
  const file = name ?? `${homedir()}/.sqliterc`;
  if (!isThere(file)) {
    if (name !== undefined) shell.complain(`cannot open: "${name}"\n`);
    return;
  }
  if (shell.isInteractive) shell.complain(`-- Loading resources from ${file}\n`);
  const errors = await withLines(file, (lines) => processLines(shell, lines, false));
  if (errors > 0 && shell.bail) leave(1);
}

async function main() {
  shell.isInteractive = isatty(0);
  const words = process.argv.slice(1);
  const asked = parse(words);
  shell.file = asked.file ?? ":memory:";
  if (asked.file !== undefined && isThere(shell.fileOf(asked.file))) void shell.database;
  await initialize(asked.init);
  parse(
    words.filter(
      (word, at) =>
        !["cmd", "init"].some((name) =>
          [word, words[at - 1]].some((each) => each?.replace(/^--?/, "") === name),
        ),
    ),
  );
  for (const word of asked.first) await runWord(word, true);
  if (asked.commands.length > 0) {
    for (const word of asked.commands) await runWord(word, false);
    leave(0);
  }
  if (shell.isInteractive) {
    const [[version, when]] = shell.rows(
      "SELECT sqlite_version(), substr(sqlite_source_id(), 1, 19)",
    );
    shell.print(`SQLite version ${version} ${when}\nEnter ".help" for usage hints.\n`);
    if (asked.file === undefined)
      shell.print(
        'Connected to a transient in-memory database.\nUse ".open FILENAME" to reopen on a persistent database.\n',
      );
  }
  const errors = await processLines(shell, new Lines(0), shell.isInteractive);
  leave(errors > 0 ? 1 : 0);
}

await main();
