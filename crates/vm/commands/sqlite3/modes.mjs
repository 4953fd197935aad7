// How rows are shown (`.mode`).

import { isControl, nameOf, quoted, realText, textOf, widthOf } from "./text.mjs";

const hex = (bytes) => Buffer.from(bytes).toString("hex");

/** A number such that it is read again as the same. */
function exactReal(value) {
  if (!Number.isFinite(value)) return value > 0 ? "1e999" : "-1e999";
  const isWhole = Number.isInteger(value) && Math.abs(value) < 2 ** 63;
  return isWhole ? `${BigInt(value)}.0` : realText(value, 20);
}

/** A value as SQL has it. */
export function literalOf(value) {
  if (value === null) return "NULL";
  if (value instanceof Uint8Array) return `X'${hex(value)}'`;
  if (typeof value === "number") return exactReal(value);
  return typeof value === "bigint" ? String(value) : quoted(value);
}

/** As `literalOf`, with ends of lines spelled out, as in a dump. */
export function insertLiteral(value) {
  if (typeof value !== "string" || !/[\n\r]/.test(value)) return literalOf(value);
  const marker = (plain) => {
    for (let number = 0; ; number += 1) {
      const mark = number === 0 ? plain : `(${plain}${number - 1})`;
      if (!value.includes(mark)) return mark;
    }
  };
  let text = value;
  let literal = "";
  const ends = [];
  for (const [end, plain, code] of [
    ["\n", "\\n", 10],
    ["\r", "\\r", 13],
  ]) {
    if (!value.includes(end)) continue;
    const mark = marker(plain);
    text = text.replaceAll(end, mark);
    ends.push(`,'${mark}',char(${code}))`);
  }
  literal = quoted(text);
  return `${"replace(".repeat(ends.length)}${literal}${ends.join("")}`;
}

function csvCell(value, shell) {
  const text = textOf(value);
  if (text === undefined) return shell.nullvalue;
  const plain =
    text !== "" && !/[\0-\x20"'\x7f-\uffff]/.test(text) && !text.includes(shell.separator);
  return plain ? text : `"${text.replaceAll('"', '""')}"`;
}

function tclCell(text) {
  const escapes = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r" };
  return `"${text.replace(/[\\"\n\t\r]/g, (sign) => escapes[sign])}"`;
}

function htmlCell(text) {
  const escapes = { "<": "&lt;", "&": "&amp;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[<&>"']/g, (sign) => escapes[sign]);
}

function jsonCell(value) {
  if (value === null) return "null";
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number")
    return Number.isFinite(value) ? realText(value, 20) : exactReal(value);
  const text = value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value;
  const named = {
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    '"': '\\"',
    "\\": "\\\\",
  };
  const code = (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const escaped = Array.from(text, (sign) => named[sign] ?? (isControl(sign) ? code(sign) : sign));
  return `"${escaped.join("")}"`;
}

/** Pads a cell; a width below zero aligns to the right. */
function padded(text, width, right) {
  const spaces = " ".repeat(Math.max(0, width - widthOf(text)));
  return right ? spaces + text : text + spaces;
}

/** Lines of a cell, cut at `limit` characters where one is set. */
function linesOf(text, limit) {
  const lines = [];
  for (const line of text.replaceAll("\t", "        ").split(/\r?\n/)) {
    const signs = [...line];
    if (!limit || signs.length <= limit) lines.push(line);
    else
      for (let at = 0; at < signs.length; at += limit)
        lines.push(signs.slice(at, at + limit).join(""));
  }
  return lines;
}

/** Modes with columns of one width: all rows are known before the first is shown. */
function columns(shell, names, rows, draw) {
  const asked = names.map((_, at) => shell.widths[at] ?? 0);
  const limit = (at) => Math.abs(asked[at]) || (shell.wrap ?? 0);
  const cells = rows.map((row) =>
    row.map((value, at) => linesOf(textOf(value) ?? shell.nullvalue, limit(at))),
  );
  const heads = names.map((name, at) => linesOf(name, limit(at)));
  const widths = names.map((_, at) => {
    const all = [...cells, heads].flatMap((row) => row[at]);
    return Math.max(Math.abs(asked[at]), ...all.map(widthOf), 0);
  });
  const line = (row, isHead) => {
    const height = Math.max(...row.map((lines) => lines.length));
    for (let at = 0; at < height; at += 1)
      draw.row(
        row.map((lines, column) => {
          const text = lines[at] ?? "";
          if (!isHead || !draw.centred) return padded(text, widths[column], asked[column] < 0);
          const room = widths[column] - widthOf(text);
          return " ".repeat(Math.floor(room / 2)) + text + " ".repeat(Math.ceil(room / 2));
        }),
      );
  };
  const hasRule = cells.some((row) => row.some((lines) => lines.length > 1));
  draw.top?.(widths);
  if (draw.frame || shell.isHeadShown()) {
    line(heads, true);
    draw.under(widths);
  }
  cells.forEach((row, at) => {
    line(row, false);
    if (hasRule && at + 1 < cells.length) draw.between?.(widths);
  });
  draw.bottom?.(widths);
}

function framed(shell, { corner, side, bar }) {
  const rule = (kind) => (widths) =>
    shell.print(
      `${corner[kind][0]}${widths.map((width) => bar.repeat(width + 2)).join(corner[kind][1])}${corner[kind][2]}\n`,
    );
  return {
    frame: true,
    centred: true,
    row: (cells) => shell.print(`${side} ${cells.join(` ${side} `)} ${side}\n`),
    top: corner.top && rule("top"),
    under: rule("under"),
    between: corner.top && rule("under"),
    bottom: corner.bottom && rule("bottom"),
  };
}

const BOX = {
  corner: { top: "┌┬┐", under: "├┼┤", bottom: "└┴┘" },
  side: "│",
  bar: "─",
};
const TABLE = { corner: { top: "+++", under: "+++", bottom: "+++" }, side: "|", bar: "-" };
const MARKDOWN = { corner: { under: "|||" }, side: "|", bar: "-" };

/** Modes that gather: nothing is shown for a result without rows. */
const GATHERING = {
  column: (shell, names, rows) =>
    columns(shell, names, rows, {
      row: (cells) => shell.print(`${cells.join("  ")}\n`),
      under: (widths) => shell.print(`${widths.map((width) => "-".repeat(width)).join("  ")}\n`),
      between: () => shell.print("\n"),
    }),
  box: (shell, names, rows) => columns(shell, names, rows, framed(shell, BOX)),
  table: (shell, names, rows) => columns(shell, names, rows, framed(shell, TABLE)),
  markdown: (shell, names, rows) => columns(shell, names, rows, framed(shell, MARKDOWN)),
};

/** Modes that show a row as it comes: what is before the first row, and each row. */
const FLOWING = {
  list: {
    head: (shell, names) => shell.isHeadShown() && names.join(shell.separator) + shell.rowSeparator,
    row: (shell, _, row) =>
      row.map((value) => textOf(value) ?? shell.nullvalue).join(shell.separator) +
      shell.rowSeparator,
  },
  ascii: {
    head: (shell, names) => shell.isHeadShown() && names.join(shell.separator) + shell.rowSeparator,
    row: (shell, _, row) =>
      row.map((value) => textOf(value) ?? shell.nullvalue).join(shell.separator) +
      shell.rowSeparator,
  },
  csv: {
    head: (shell, names) =>
      shell.isHeadShown() &&
      names.map((name) => csvCell(name, shell)).join(shell.separator) + shell.rowSeparator,
    row: (shell, _, row) =>
      row.map((value) => csvCell(value, shell)).join(shell.separator) + shell.rowSeparator,
  },
  tcl: {
    head: (shell, names) =>
      shell.isHeadShown() && names.map(tclCell).join(shell.separator) + shell.rowSeparator,
    row: (shell, _, row) =>
      row.map((value) => tclCell(textOf(value) ?? shell.nullvalue)).join(shell.separator) +
      shell.rowSeparator,
  },
  html: {
    head: (shell, names) =>
      shell.isHeadShown() &&
      `<TR>${names.map((name) => `<TH>${htmlCell(name)}</TH>\n`).join("")}</TR>\n`,
    row: (shell, _, row) =>
      `<TR>${row.map((value) => `<TD>${htmlCell(textOf(value) ?? shell.nullvalue)}</TD>\n`).join("")}</TR>\n`,
  },
  quote: {
    head: (shell, names) =>
      shell.isHeadShown() && names.map(quoted).join(shell.separator) + shell.rowSeparator,
    row: (shell, _, row) => row.map(literalOf).join(shell.separator) + shell.rowSeparator,
  },
  insert: {
    row: (shell, names, row) =>
      `INSERT INTO ${shell.table}${shell.isHeadShown() ? `(${names.map(nameOf).join(",")})` : ""}` +
      ` VALUES(${row.map(insertLiteral).join(",")});\n`,
  },
  line: {
    row: (shell, names, row, at) => {
      const width = Math.max(5, ...names.map(widthOf));
      const lines = names.map(
        (name, column) =>
          `${padded(name, width, true)} = ${textOf(row[column]) ?? shell.nullvalue}${shell.rowSeparator}`,
      );
      return (at > 0 ? shell.rowSeparator : "") + lines.join("");
    },
  },
  json: {
    row: (_, names, row, at) =>
      `${at === 0 ? "[" : ",\n"}{${names.map((name, column) => `${jsonCell(name)}:${jsonCell(row[column])}`).join(",")}}`,
    end: () => "]\n",
  },
};

/** Names of the modes. */
export const MODES = [...Object.keys(GATHERING), ...Object.keys(FLOWING), "tabs"];

/** The plan of a query, as a tree. */
export function showPlan(shell, rows) {
  const draw = (parent, indent) => {
    const children = rows.filter((row) => row[1] === parent);
    children.forEach(([id, , , detail], at) => {
      const isLast = at + 1 === children.length;
      shell.print(`${indent}${isLast ? "`--" : "|--"}${detail}\n`);
      draw(id, `${indent}${isLast ? "   " : "|  "}`);
    });
  };
  shell.print("QUERY PLAN\n");
  draw(0n, "");
}

/** Shows the rows of a result as the shell is set. */
export function showRows(shell, names, rows) {
  const gathering = GATHERING[shell.mode];
  if (gathering) {
    const all = [...rows];
    if (all.length > 0) gathering(shell, names, all);
    return;
  }
  const flowing = FLOWING[shell.mode];
  let at = 0;
  for (const row of rows) {
    if (at === 0) shell.print(flowing.head?.(shell, names) || "");
    shell.print(flowing.row(shell, names, row, at));
    at += 1;
  }
  if (at > 0) shell.print(flowing.end?.() ?? "");
}
