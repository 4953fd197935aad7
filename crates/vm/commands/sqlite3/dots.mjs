// Commands that begin with a dot.

import { backup } from "node:sqlite";
import { dump, names, schema } from "./dump.mjs";
import { importFile } from "./import.mjs";
import { literalOf, MODES } from "./modes.mjs";
import { copyFile, runLine, withLines } from "./shell.mjs";
import { isControl, nameOf, unescaped, wordsOf } from "./text.mjs";

const isTrue = (word) => {
  if (/^(on|yes|true)$/i.test(word ?? "")) return true;
  return /^-?\d+/.test(word ?? "") && Number.parseInt(word, 10) !== 0;
};

/** A text as `.show` has it. */
function shown(text) {
  const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" };
  const code = (sign) => `\\${sign.charCodeAt(0).toString(8).padStart(3, "0")}`;
  const escaped = Array.from(text, (sign) => named[sign] ?? (isControl(sign) ? code(sign) : sign));
  return `"${escaped.join("")}"`;
}

function setMode(shell, words) {
  const [asked, ...rest] = words.filter(
    (word) => !/^--?(wrap|wordwrap|ww|quote|noquote)$/.test(word),
  );
  if (asked === undefined) {
    shell.print(`current output mode: ${shell.mode}\n`);
    return true;
  }
  const mode = ["lines", "columns"].includes(asked) ? asked.slice(0, -1) : asked;
  const known = [...MODES].find(
    (name) => name === mode || (mode.length > 1 && name.startsWith(mode)),
  );
  if (!known) {
    return shell.fail(
      "Error: mode should be one of: ascii box column csv html insert json line list markdown qbox quote table tabs tcl\n",
    );
  }
  shell.mode = known;
  if (known === "column") shell.headers ??= true;
  if (known === "list") [shell.separator, shell.rowSeparator] = ["|", "\n"];
  if (known === "csv") [shell.separator, shell.rowSeparator] = [",", "\r\n"];
  if (known === "quote") [shell.separator, shell.rowSeparator] = [",", "\n"];
  if (known === "tcl") [shell.separator, shell.rowSeparator] = [" ", "\n"];
  if (known === "ascii") [shell.separator, shell.rowSeparator] = ["\x1f", "\x1e"];
  if (["line", "column", "box", "table", "markdown"].includes(known)) shell.rowSeparator = "\n";
  if (known === "tabs") {
    shell.mode = "list";
    shell.separator = "\t";
  }
  if (known === "insert") shell.table = nameOf(rest[0] ?? "table");
  return true;
}

function showSettings(shell) {
  const rows = [
    ["echo", shell.echo ? "on" : "off"],
    ["eqp", "off"],
    ["explain", "auto"],
    ["headers", shell.isHeadShown() ? "on" : "off"],
    ["mode", shell.mode],
    ["nullvalue", shown(shell.nullvalue)],
    ["output", shell.outputName],
    ["colseparator", shown(shell.separator)],
    ["rowseparator", shown(shell.rowSeparator)],
    ["stats", "off"],
    ["width", shell.widths.map((width) => `${width} `).join("")],
    ["filename", shell.file],
  ];
  for (const [name, value] of rows) shell.print(`${name.padStart(12)}: ${value}\n`);
}

async function readFile(shell, [name], more) {
  const read = (lines) => more(shell, lines);
  const errors = await withLines(shell.path(name), read);
  if (errors === undefined) return shell.fail(`Error: cannot open "${name}"\n`);
  return errors === 0;
}

/** Copies a database into a file, page by page. */
async function save(shell, words) {
  const [file] = words.filter((word) => !word.startsWith("-")).slice(-1);
  if (file === undefined) return shell.fail("missing FILENAME argument on .backup\n");
  await backup(shell.database, shell.path(file));
  return true;
}

function restore(shell, words) {
  const file = words.at(-1);
  if (file === undefined) return shell.fail("Usage: .restore ?DB? FILE\n");
  if (shell.file === ":memory:" || shell.file === "")
    return shell.fail("Error: .restore needs a database in a file here\n");
  const target = shell.fileOf(shell.file);
  shell.database.close();
  copyFile(shell.path(file), target);
  shell.open(shell.file, shell.readOnly);
  return true;
}

function runSystem(shell, words) {
  if (words.length === 0) return shell.fail("Usage: .system COMMAND\n");
  shell.flush();
  const status = runLine(words.join(" "));
  if (status) shell.complain(`System command returns ${status << 8}\n`);
  return true;
}

/** The value of an expression, or the text itself where it is none. */
function evaluated(shell, text) {
  try {
    return shell.rows(`SELECT ${text}`)[0][0];
  } catch {
    return text;
  }
}

function parameter(shell, words) {
  const [what, name, value] = words;
  if (what === "init") shell.parameters = {};
  else if (what === "clear") shell.parameters = {};
  else if (what === "unset" && name !== undefined) delete shell.parameters[name];
  else if (what === "set" && value !== undefined) shell.parameters[name] = evaluated(shell, value);
  else if (what === "list") {
    const width = Math.max(0, ...Object.keys(shell.parameters).map((each) => each.length));
    for (const [each, bound] of Object.entries(shell.parameters))
      shell.print(`${each.padEnd(width)} ${literalOf(bound)}\n`);
  } else return shell.fail("Error: unknown or incomplete .parameter command\n");
  return true;
}

/** By name: what it takes, what it does, and the words of `.help`. Returns false where it failed. */
const COMMANDS = {
  backup: [save, "?DB? FILE", 'Backup DB (default "main") to FILE'],
  bail: [
    (shell, [word]) => void (shell.bail = isTrue(word)),
    "on|off",
    "Stop after hitting an error.  Default OFF",
  ],
  cd: [
    (_, [word]) => process.chdir(word),
    "DIRECTORY",
    "Change the working directory to DIRECTORY",
  ],
  changes: [
    (shell, [word]) => void (shell.changes = isTrue(word)),
    "on|off",
    "Show number of rows changed by SQL",
  ],
  databases: [
    (shell) => {
      for (const [, name, file] of shell.rows("PRAGMA database_list"))
        shell.print(`${name}: ${file ? String(file) : '""'} ${shell.readOnly ? "r/o" : "r/w"}\n`);
    },
    "",
    "List names and files of attached databases",
  ],
  dump: [dump, "?OBJECTS?", "Render database content as SQL"],
  echo: [
    (shell, [word]) => void (shell.echo = isTrue(word)),
    "on|off",
    "Turn command echo on or off",
  ],
  exit: [
    (shell, [code]) => {
      shell.flush();
      process.exit(Number.parseInt(code ?? "0", 10) || 0);
    },
    "?CODE?",
    "Exit this program with return-code CODE",
  ],
  headers: [
    (shell, [word]) => void (shell.headers = isTrue(word)),
    "on|off",
    "Turn display of headers on or off",
  ],
  help: [
    (shell, [pattern]) => {
      const wanted = pattern?.replace(/^\./, "").replace(/^-?-all$/, "");
      for (const [name, [, takes, does]] of Object.entries(COMMANDS))
        if (!wanted || name.startsWith(wanted))
          shell.print(`${`.${name} ${takes}`.padEnd(24)} ${does}\n`);
    },
    "?-all? ?PATTERN?",
    "Show help text for PATTERN",
  ],
  import: [importFile, "FILE TABLE", "Import data from FILE into TABLE"],
  indexes: [(shell, [table]) => names(shell, "index", table), "?TABLE?", "Show names of indexes"],
  mode: [setMode, "MODE ?OPTIONS?", "Set output mode"],
  nullvalue: [
    (shell, [word]) => void (shell.nullvalue = word),
    "STRING",
    "Use STRING in place of NULL values",
  ],
  once: [
    (shell, words) => shell.redirect(words.at(-1), true),
    "?OPTIONS? ?FILE?",
    "Output for the next SQL command only to FILE",
  ],
  open: [
    (shell, words) => {
      const name = words.find((word) => !word.startsWith("-")) ?? ":memory:";
      shell.open(
        name,
        words.some((word) => /^--?readonly$/.test(word)),
      );
    },
    "?OPTIONS? ?FILE?",
    "Close existing database and reopen FILE",
  ],
  output: [
    (shell, [name]) => shell.redirect(name, false),
    "?FILE?",
    "Send output to FILE or stdout if FILE is omitted",
  ],
  parameter: [parameter, "CMD ...", "Manage SQL parameter bindings"],
  print: [
    (shell, words) => shell.print(`${words.join(" ")}\n`),
    "STRING...",
    "Print literal STRING",
  ],
  prompt: [
    (shell, [first, second]) =>
      void (shell.prompts = [first ?? shell.prompts[0], second ?? shell.prompts[1]]),
    "MAIN CONTINUE",
    "Replace the standard prompts",
  ],
  quit: [() => "quit", "", "Exit this program"],
  read: [readFile, "FILE", "Read input from FILE or command output"],
  restore: [restore, "?DB? FILE", 'Restore content of DB (default "main") from FILE'],
  save: [save, "?OPTIONS? FILE", "Write database to FILE (an alias for .backup ...)"],
  schema: [schema, "?PATTERN?", "Show the CREATE statements matching PATTERN"],
  separator: [
    (shell, [column, row]) => {
      shell.separator = unescaped(column);
      if (row !== undefined) shell.rowSeparator = unescaped(row);
      return true;
    },
    "COL ?ROW?",
    "Change the column and row separators",
  ],
  shell: [runSystem, "CMD ARGS...", "Run CMD ARGS... in a system shell"],
  show: [showSettings, "", "Show the current values for various settings"],
  system: [runSystem, "CMD ARGS...", "Run CMD ARGS... in a system shell"],
  tables: [
    (shell, [pattern]) => names(shell, "table", pattern),
    "?TABLE?",
    "List names of tables matching LIKE pattern TABLE",
  ],
  timeout: [
    (shell, [time]) =>
      shell.database.exec(`PRAGMA busy_timeout=${Number.parseInt(time ?? "0", 10) || 0}`),
    "MS",
    "Try opening locked tables for MS milliseconds",
  ],
  timer: [
    (shell, [word]) => void (shell.timer = isTrue(word)),
    "on|off",
    "Turn SQL timer on or off",
  ],
  version: [
    (shell) =>
      shell.print(
        `SQLite ${shell.rows("SELECT sqlite_version()||' '||sqlite_source_id()")[0][0]}\n`,
      ),
    "",
    "Show the version of SQLite",
  ],
  width: [
    (shell, words) => void (shell.widths = words.map((word) => Number.parseInt(word, 10) || 0)),
    "NUM1 NUM2 ...",
    "Set minimum column widths for columnar output",
  ],
};

const NEEDS_A_WORD = new Set([
  "bail",
  "cd",
  "changes",
  "echo",
  "headers",
  "nullvalue",
  "read",
  "separator",
  "timer",
]);

/** Runs a line that begins with a dot: whether it went well, or `quit`. `more` runs the lines of a file. */
export async function dot(shell, line, more) {
  const [name, ...words] = wordsOf(line);
  if (name === undefined) return true;
  const found =
    COMMANDS[name] ??
    Object.entries(COMMANDS).find(([known]) => name.length > 1 && known.startsWith(name))?.[1];
  if (!found) {
    return shell.fail(
      `Error: unknown command or invalid arguments:  "${name}". Enter ".help" for help\n`,
    );
  }
  const known = Object.keys(COMMANDS).find((each) => COMMANDS[each] === found);
  if (words.length === 0 && NEEDS_A_WORD.has(known))
    return shell.fail(`Usage: .${known} ${found[1]}\n`);
  try {
    const result = await found[0](shell, words, more);
    if (found[0] !== COMMANDS.once[0]) shell.commandEnded();
    return result ?? true;
  } catch (error) {
    if (!error.code) throw error;
    return shell.fail(`Error: ${error.message}\n`);
  }
}
