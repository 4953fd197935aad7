// Values as the shell of SQLite shows them, and where statements end.

/** A number as `%!.<digits>g` of SQLite's printf. */
export function realText(value, digits = 15) {
  if (value === Infinity) return "Inf";
  if (value === -Infinity) return "-Inf";
  if (value === 0) return "0.0";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  if (power < -4 || power >= digits) {
    const short = mantissa.includes(".")
      ? mantissa.replace(/0+$/, "").replace(/\.$/, ".0")
      : `${mantissa}.0`;
    return `${short}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const plain = value.toFixed(Math.min(100, Math.max(0, digits - 1 - power)));
  return plain.includes(".") ? plain.replace(/0+$/, "").replace(/\.$/, ".0") : `${plain}.0`;
}

const utf8 = new TextDecoder();

/** What `sqlite3_column_text` gives, up to the first NUL, as C prints it; none for NULL. */
export function textOf(value) {
  if (value === null) return undefined;
  const text =
    typeof value === "number"
      ? realText(value)
      : value instanceof Uint8Array
        ? utf8.decode(value)
        : String(value);
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/** A name in the form that statements of our own use. */
export const ident = (name) => `"${name.replaceAll('"', '""')}"`;

/** A sign that cannot be shown, as the last digits of its number. */
export const isControl = (sign) => sign < " ";

/** A text as a literal of SQL. */
export const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

/** A name as SQL takes it, in quotes where it needs them. */
export function nameOf(name) {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !KEYWORDS.has(name.toUpperCase())
    ? name
    : `"${name.replaceAll('"', '""')}"`;
}

const KEYWORDS = new Set(
  (
    "ABORT ACTION ADD AFTER ALL ALTER ALWAYS ANALYZE AND AS ASC ATTACH AUTOINCREMENT BEFORE BEGIN BETWEEN BY CASCADE " +
    "CASE CAST CHECK COLLATE COLUMN COMMIT CONFLICT CONSTRAINT CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME " +
    "CURRENT_TIMESTAMP DATABASE DEFAULT DEFERRABLE DEFERRED DELETE DESC DETACH DISTINCT DO DROP EACH ELSE END ESCAPE " +
    "EXCEPT EXCLUDE EXCLUSIVE EXISTS EXPLAIN FAIL FILTER FIRST FOLLOWING FOR FOREIGN FROM FULL GENERATED GLOB GROUP " +
    "GROUPS HAVING IF IGNORE IMMEDIATE IN INDEX INDEXED INITIALLY INNER INSERT INSTEAD INTERSECT INTO IS ISNULL JOIN " +
    "KEY LAST LEFT LIKE LIMIT MATCH MATERIALIZED NATURAL NO NOT NOTHING NOTNULL NULL NULLS OF OFFSET ON OR ORDER " +
    "OTHERS OUTER OVER PARTITION PLAN PRAGMA PRECEDING PRIMARY QUERY RAISE RANGE RECURSIVE REFERENCES REGEXP REINDEX " +
    "RELEASE RENAME REPLACE RESTRICT RETURNING RIGHT ROLLBACK ROW ROWS SAVEPOINT SELECT SET TABLE TEMP TEMPORARY THEN " +
    "TIES TO TRANSACTION TRIGGER UNBOUNDED UNION UNIQUE UPDATE USING VACUUM VALUES VIEW VIRTUAL WHEN WHERE WINDOW " +
    "WITH WITHOUT"
  ).split(" "),
);

/** Text without colours and cursor movements is as wide as it has characters; wide ones count once, as in the shell. */
export const widthOf = (text) => [...text].length;

// Tokens of `sqlite3_complete`, and its states: 0 nothing yet, 1 at the start, 2 in a statement, 3 after EXPLAIN, 4 after
// CREATE, 5 in a trigger, 6 after a semicolon of a trigger, 7 after END of a trigger.
const TOKENS = { SEMI: 0, SPACE: 1, OTHER: 2, EXPLAIN: 3, CREATE: 4, TEMP: 5, TRIGGER: 6, END: 7 };
const NEXT_STATES = [
  [1, 0, 2, 3, 4, 2, 2, 2],
  [1, 1, 2, 3, 4, 2, 2, 2],
  [1, 2, 2, 2, 2, 2, 2, 2],
  [1, 3, 3, 2, 4, 2, 2, 2],
  [1, 4, 2, 2, 2, 4, 5, 2],
  [6, 5, 5, 5, 5, 5, 5, 5],
  [6, 6, 5, 5, 5, 5, 5, 7],
  [1, 7, 5, 5, 5, 5, 5, 5],
];
const WORDS = {
  explain: TOKENS.EXPLAIN,
  create: TOKENS.CREATE,
  temp: TOKENS.TEMP,
  temporary: TOKENS.TEMP,
  trigger: TOKENS.TRIGGER,
  end: TOKENS.END,
};
const TOKEN =
  /;|[ \t\r\n\f]+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|[A-Za-z_$0-9\u0080-\uffff]+|[\s\S]/gy;

/** Tokens of SQL with their places. One that is not closed goes to the end. */
export function* tokens(sql) {
  TOKEN.lastIndex = 0;
  for (let at = 0; at < sql.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    let [text] = TOKEN.exec(sql);
    const open = "'\"`[".includes(text) || (text === "/" && sql[at + 1] === "*");
    if (open) {
      text = sql.slice(at);
      TOKEN.lastIndex = sql.length;
    }
    const space = /^(\s|--|\/\*)/.test(text);
    yield { at, text, space, open };
  }
}

/** Cuts SQL behind the semicolons that end statements. The last one may lack its own. */
export function statements(sql) {
  const found = [];
  let [state, start] = [0, 0];
  for (const { at, text, space } of tokens(sql)) {
    const kind =
      text === ";"
        ? TOKENS.SEMI
        : space
          ? TOKENS.SPACE
          : (WORDS[text.toLowerCase()] ?? TOKENS.OTHER);
    state = NEXT_STATES[state][kind];
    if (kind === TOKENS.SEMI && state === 1) {
      found.push({ at: start, text: sql.slice(start, at + 1) });
      start = at + 1;
    }
  }
  if (start < sql.length) found.push({ at: start, text: sql.slice(start) });
  return found;
}

/** Whether SQL ends with a whole statement. */
export function isComplete(sql) {
  let state = 0;
  for (const { text, space, open } of tokens(sql)) {
    if (open) return false;
    const kind =
      text === ";"
        ? TOKENS.SEMI
        : space
          ? TOKENS.SPACE
          : (WORDS[text.toLowerCase()] ?? TOKENS.OTHER);
    state = NEXT_STATES[state][kind];
  }
  return state === 1;
}

/** Whether there is nothing to run. */
export function isBlank(sql) {
  for (const { space, text } of tokens(sql)) if (!space && text !== ";") return false;
  return true;
}

/** The words of a line that begins with a dot. */
export function wordsOf(line) {
  const words = [];
  let at = 1;
  while (at < line.length) {
    if (/\s/.test(line[at])) {
      at += 1;
      continue;
    }
    const mark = line[at];
    if (mark !== "'" && mark !== '"') {
      const end = line.slice(at).search(/\s/);
      words.push(line.slice(at, end < 0 ? undefined : at + end));
      at = end < 0 ? line.length : at + end;
      continue;
    }
    let end = at + 1;
    while (end < line.length && line[end] !== mark)
      end += mark === '"' && line[end] === "\\" ? 2 : 1;
    const inner = line.slice(at + 1, end);
    words.push(mark === '"' ? unescaped(inner) : inner);
    at = end + 1;
  }
  return words;
}

/** Backslashes as C has them. */
export function unescaped(text) {
  const named = { a: "\x07", b: "\b", t: "\t", n: "\n", v: "\v", f: "\f", r: "\r" };
  return text.replace(/\\([0-7]{1,3}|[\s\S])/g, (_, what) =>
    /^[0-7]/.test(what)
      ? String.fromCharCode(Number.parseInt(what, 8) & 0xff)
      : (named[what] ?? what),
  );
}
