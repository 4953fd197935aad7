// What a database has: its schema, its tables, and all of it as SQL (`.schema`, `.tables`, `.dump`).

import { insertLiteral } from "./modes.mjs";
import { ident, nameOf, quoted, widthOf } from "./text.mjs";

/** Names of the databases that are open. */
export const databases = (shell) => shell.rows("PRAGMA database_list").map(([, name]) => name);

const schemaOf = (name) =>
  name === "temp" ? "temp.sqlite_temp_schema" : `${ident(name)}.sqlite_schema`;

/** `.schema ?--indent? ?--nosys? ?PATTERN?` */
export function schema(shell, words) {
  const flags = words.filter((word) => /^--?(indent|nosys|debug)$/.test(word));
  const [pattern] = words.filter((word) => !flags.includes(word));
  const skipsSystem = flags.some((flag) => flag.endsWith("nosys"));
  if (pattern && /^sqlite_(schema|master)$/i.test(pattern)) {
    shell.print(
      `CREATE TABLE ${pattern} (\n  type text,\n  name text,\n  tbl_name text,\n  rootpage integer,\n  sql text\n);\n`,
    );
  }
  for (const database of databases(shell)) {
    const found = shell.rows(
      `SELECT sql, type, tbl_name, name FROM ${schemaOf(database)} WHERE sql NOT NULL` +
        (pattern
          ? ` AND lower(tbl_name) ${/[*?[]/.test(pattern) ? "GLOB" : "LIKE"} lower(${quoted(pattern)})`
          : "") +
        (skipsSystem ? " AND name NOT LIKE 'sqlite_%'" : "") +
        " ORDER BY rowid",
    );
    for (const [sql, type, , name] of found)
      shell.print(`${mild(decorated(shell, database, String(sql), type, String(name)))};\n`);
  }
}

/** A table whose name stands in quotes may be there already (`printSchemaLine`). */
const mild = (sql) => sql.replace(/^CREATE TABLE (?=['"])/, "CREATE TABLE IF NOT EXISTS ");

/** A statement of the schema with its database and, for a view, its columns. */
function decorated(shell, database, sql, type, name) {
  const text =
    database === "main"
      ? sql
      : sql.replace(
          /^(CREATE (?:TEMP |UNIQUE )?(?:TABLE|VIEW|INDEX|TRIGGER) )/i,
          `$1${database === "temp" ? database : nameOf(database)}.`,
        );
  if (type !== "view" && !/^CREATE VIRTUAL/i.test(sql)) return text;
  let columns = [];
  try {
    columns = shell.rows(
      `SELECT name FROM pragma_table_info(${quoted(name)}, ${quoted(database)})`,
    );
  } catch {
    // A view of what is not there any more has no columns.
  }
  if (columns.length === 0) return text;
  return `${text}\n/* ${nameOf(name)}(${columns.map(([column]) => nameOf(column)).join(",")}) */`;
}

/** `.tables ?PATTERN?` and `.indexes ?TABLE?`: names in columns, each as wide as the longest. */
export function names(shell, type, pattern) {
  const parts = databases(shell).map((database) => {
    const shown = database === "main" ? "name" : `${quoted(`${database}.`)}||name`;
    const wanted =
      type === "table"
        ? `type IN ('table','view') AND name NOT LIKE 'sqlite_%'${pattern ? ` AND name LIKE ${quoted(pattern)}` : ""}`
        : `type='index'${pattern ? ` AND tbl_name LIKE ${quoted(pattern)}` : ""}`;
    return `SELECT ${shown} FROM ${schemaOf(database)} WHERE ${wanted}`;
  });
  const found = shell.rows(`${parts.join(" UNION ALL ")} ORDER BY 1`).map(([name]) => String(name));
  if (found.length === 0) return;
  const width = Math.max(...found.map(widthOf));
  const across = Math.max(1, Math.floor(80 / (width + 2)));
  const down = Math.ceil(found.length / across);
  for (let line = 0; line < down; line += 1) {
    const cells = [];
    for (let at = line; at < found.length; at += down)
      cells.push(found[at] + " ".repeat(width - widthOf(found[at])));
    shell.print(`${cells.join("  ")}\n`);
  }
}

/** Columns of a table that a row is written with; none where the shell of SQLite leaves the table out. */
function columnsOf(shell, table) {
  return shell.rows(`PRAGMA table_info=${ident(table)}`).map(([, name]) => String(name));
}

function dumpRows(shell, table, preservesRowids) {
  const names = columnsOf(shell, table);
  const rowid = preservesRowids && rowidOf(shell, table, names);
  const listed = [...(rowid ? [rowid] : []), ...names];
  const target = nameOf(table) + (rowid ? `(${listed.map(nameOf).join(",")})` : "");
  const asked = listed.map((name, at) => (rowid && at === 0 ? name : ident(name))).join(",");
  for (const row of shell.iterate(`SELECT ${asked} FROM ${ident(table)}`))
    shell.print(`INSERT INTO ${target} VALUES(${row.map(insertLiteral).join(",")});\n`);
}

function rowidOf(shell, table, names) {
  const keys = shell.rows(`PRAGMA table_info=${ident(table)}`).filter((row) => Number(row[5]) > 0);
  if (keys.length === 1 && String(keys[0][2]).toUpperCase() === "INTEGER") return undefined;
  const free = ["rowid", "_rowid_", "oid"].find(
    (name) => !names.some((each) => each.toLowerCase() === name),
  );
  try {
    if (free) shell.rows(`SELECT ${free} FROM ${ident(table)} LIMIT 0`);
    return free;
  } catch {
    // WITHOUT ROWID.
    return undefined;
  }
}

function dumpTable(shell, name, sql, options) {
  if (name === "sqlite_sequence") {
    if (!options.dataOnly) shell.print("DELETE FROM sqlite_sequence;\n");
  } else if (/^sqlite_stat.$/.test(name)) {
    if (!options.dataOnly) shell.print("ANALYZE sqlite_schema;\n");
  } else if (name.startsWith("sqlite_")) return;
  else if (/^CREATE VIRTUAL TABLE/i.test(sql)) {
    if (!options.isWritable) shell.print("PRAGMA writable_schema=ON;\n");
    options.isWritable = true;
    const values = [quoted(name), quoted(name), 0, quoted(sql)].join(",");
    shell.print(
      `INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table',${values});\n`,
    );
    return;
  } else if (!options.dataOnly) {
    shell.print(`${mild(sql)};\n`);
  }
  dumpRows(shell, name, options.preservesRowids);
}

/** `.dump ?--preserve-rowids? ?--newlines? ?--data-only? ?--nosys? ?OBJECTS?` */
export function dump(shell, words) {
  const flags = words
    .filter((word) => word.startsWith("-"))
    .map((word) => word.replace(/^--?/, ""));
  const unknown = flags.find(
    (flag) => !["preserve-rowids", "newlines", "data-only", "nosys"].includes(flag),
  );
  if (unknown !== undefined) return shell.fail(`Unknown option "--${unknown}" on ".dump"\n`);
  const patterns = words.filter((word) => !word.startsWith("-"));
  const options = {
    dataOnly: flags.includes("data-only"),
    preservesRowids: flags.includes("preserve-rowids"),
    isWritable: false,
  };
  const like = patterns.map((pattern) => `name LIKE ${quoted(pattern)} ESCAPE '\\'`).join(" OR ");
  const wanted =
    (patterns.length > 0 ? ` AND (${like})` : "") +
    (flags.includes("nosys") ? " AND name NOT LIKE 'sqlite_%'" : "");
  if (!options.dataOnly) shell.print("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n");
  const tables = shell.rows(
    `SELECT name, sql FROM sqlite_schema WHERE type='table' AND sql NOT NULL${wanted}` +
      " ORDER BY tbl_name='sqlite_sequence', rowid",
  );
  for (const [name, sql] of tables) dumpTable(shell, String(name), String(sql), options);
  if (options.dataOnly) return;
  const others = shell.rows(
    `SELECT sql FROM sqlite_schema WHERE sql NOT NULL AND type IN ('index','trigger','view')${wanted}`,
  );
  for (const [sql] of others) shell.print(`${sql};\n`);
  if (options.isWritable) shell.print("PRAGMA writable_schema=OFF;\n");
  shell.print("COMMIT;\n");
}
