// Rows out of files (`.import`).

import { readText } from "./shell.mjs";
import { ident } from "./text.mjs";

/** Cells of CSV, or of text with other separators; a quoted one has its quotes taken away, whatever is in it. */
export function* records(text, separator, rowSeparator, hasQuotes) {
  let [at, row] = [0, []];
  const starts = (what) => what !== "" && text.startsWith(what, at);
  const endOfRow = () => {
    if (starts(rowSeparator)) return rowSeparator.length;
    if (hasQuotes && text[at] === "\n") return 1;
    return hasQuotes && starts("\r\n") ? 2 : 0;
  };
  while (at < text.length) {
    let cell = "";
    if (hasQuotes && text[at] === '"') {
      for (at += 1; at < text.length; at += 1) {
        if (text[at] === '"' && text[at + 1] !== '"') break;
        if (text[at] === '"') at += 1;
        cell += text[at];
      }
      at += 1;
    }
    while (at < text.length && !starts(separator) && endOfRow() === 0) {
      cell += text[at];
      at += 1;
    }
    row.push(cell);
    if (starts(separator)) {
      at += separator.length;
      if (at < text.length) continue;
      row.push("");
    }
    at += endOfRow();
    yield row;
    row = [];
  }
}

/** Columns of a table that has none yet, by the first row; the same name twice gets numbers. */
function create(shell, table, first, file) {
  const isSame = (one) => (other) => other.toLowerCase() === one.toLowerCase();
  const names = first.map((name, at) => {
    if (first.filter(isSame(name)).length < 2) return name === "" ? "?" : name;
    return `${name}_${first.slice(0, at + 1).filter(isSame(name)).length}`;
  });
  const renamed = first.flatMap((name, at) =>
    names[at] === name ? [] : [`"${name}" to "${names[at]}"`],
  );
  if (renamed.length > 0)
    shell.complain(
      `Columns renamed during .import ${file} due to duplicates:\n${renamed.join(",\n")}\n`,
    );
  const columns = names.map((name) => `${ident(name)} TEXT`).join(", ");
  shell.database.exec(`CREATE TABLE ${table}(\n${columns})`);
  return names.length;
}

/** `.import ?--csv? ?--ascii? ?--skip N? ?--schema S? ?-v? FILE TABLE` */
export function importFile(shell, words) {
  const asked = { skip: 0, rest: [] };
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at].replace(/^--/, "-");
    if (!word.startsWith("-")) asked.rest.push(words[at]);
    else if (word === "-csv" || word === "-ascii" || word === "-v") asked[word.slice(1)] = true;
    else if (word === "-skip") asked.skip = Number(words[(at += 1)]);
    else if (word === "-schema") asked.schema = words[(at += 1)];
    else {
      shell.print(`ERROR: unknown option: "${word}".  Usage:\n${IMPORT_USAGE}`);
      return false;
    }
  }
  const [file, table, extra] = asked.rest;
  if (table === undefined || extra !== undefined) {
    const what =
      extra === undefined
        ? `missing ${file === undefined ? "FILE" : "TABLE"} argument`
        : `extra argument: "${extra}"`;
    shell.print(`ERROR: ${what}. Usage:\n${IMPORT_USAGE}`);
    return false;
  }
  const isCsv = asked.csv || (!asked.ascii && shell.mode === "csv");
  const separator = asked.ascii ? "\x1f" : asked.csv ? "," : shell.separator;
  if (isCsv && !asked.csv && shell.rowSeparator === "\r\n") shell.rowSeparator = "\n";
  const rowSeparator = asked.ascii ? "\x1e" : isCsv ? "\n" : shell.rowSeparator;
  if (separator === "") return shell.fail("Error: non-null column separator required for import\n");
  let text;
  try {
    text = readText(shell.path(file)).replace(/^\ufeff/, "");
  } catch {
    return shell.fail(`Error: cannot open "${file}"\n`);
  }
  const rows = records(text, separator, rowSeparator, !asked.ascii);
  for (let skipped = 0; skipped < asked.skip; skipped += 1) rows.next();
  insert(shell, {
    file: file.startsWith("|") ? "<pipe>" : file,
    rows,
    target: asked.schema ? `${ident(asked.schema)}.${ident(table)}` : ident(table),
    table,
    asked,
  });
}

function insert(shell, { file, rows, target, table, asked }) {
  let width = shell.rows(
    `SELECT count(*) FROM pragma_table_info('${table.replaceAll("'", "''")}')`,
  )[0][0];
  width = Number(width);
  let line = 1 + asked.skip;
  if (width === 0) {
    const first = rows.next().value;
    if (first === undefined) return shell.fail(`${file}: empty file\n`);
    width = create(shell, target, first, file);
    line += 1;
  }
  const statement = shell.database.prepare(
    `INSERT INTO ${target} VALUES(${Array(width).fill("?").join(",")})`,
  );
  shell.database.exec("BEGIN");
  for (const row of rows) {
    if (row.length < width) {
      shell.complain(
        `${file}:${line}: expected ${width} columns but found ${row.length} - filling the rest with NULL\n`,
      );
    } else if (row.length > width) {
      shell.complain(
        `${file}:${line}: expected ${width} columns but found ${row.length} - extras ignored\n`,
      );
    }
    try {
      statement.run(...Array.from({ length: width }, (_, at) => row[at] ?? null));
    } catch (error) {
      shell.complain(`${file}:${line}: INSERT failed: ${error.message}\n`);
    }
    line += 1;
  }
  shell.database.exec("COMMIT");
}

const IMPORT_USAGE =
  ".import FILE TABLE       Import data from FILE into TABLE\n" +
  "   Options:\n" +
  "     --ascii               Use \\037 and \\036 as column and row separators\n" +
  "     --csv                 Use , and \\n as column and row separators\n" +
  "     --skip N              Skip the first N rows of input\n" +
  "     --schema S            Target table to be S.TABLE\n" +
  '     -v                    "Verbose" - increase auxiliary output\n' +
  "   Notes:\n" +
  "     *  If TABLE does not exist, it is created.  The first row of input\n" +
  "        determines the column names.\n" +
  "     *  If neither --csv or --ascii are used, the input mode is derived\n" +
  '        from the ".mode" output mode\n' +
  '     *  If FILE begins with "|" then it is a command that generates the\n' +
  "        input text.\n";
