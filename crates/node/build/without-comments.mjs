// Takes the comments out of the library's sources: a fifth of what they are packed. Run by build.rs with the pinned Node:
//   node --expose-internals --no-warnings without-comments.mjs OUT_DIR
// Whatever is left keeps its line and column, which stacks of errors tell. The licences are in the package's own list.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const out = process.argv[2];
const acorn = createRequire(import.meta.url)("internal/deps/acorn/acorn/dist/acorn");
const { ids } = JSON.parse(fs.readFileSync(path.join(out, "tables.json"), "utf8"));

/** Without those behind which nothing but white space follows in their line. */
function withoutComments(source, comments) {
  let result = "";
  let at = 0;
  for (const { start, end } of comments) {
    const rest = source.slice(end).match(/^[ \t]*(?=\n|$)/);
    if (!rest) continue;
    result += source.slice(at, start).replace(/[ \t]+$/, "");
    result += source.slice(start, end).replace(/[^\n]+/g, "");
    at = end + rest[0].length;
  }
  return result + source.slice(at);
}

/** What a parser finds. A few of the sources are modules of ECMAScript; the others are bodies of functions. */
function tokens(source, onComment) {
  try {
    return parsed(source, "script", onComment);
  } catch {
    onComment?.splice(0);
    return parsed(source, "module", onComment);
  }
}

function parsed(source, sourceType, onComment) {
  const found = [];
  acorn.parse(source, {
    ecmaVersion: "latest",
    sourceType,
    allowReturnOutsideFunction: true,
    allowAwaitOutsideFunction: true,
    onComment,
    locations: true,
    onToken: ({ type, value, loc }) => {
      const text = typeof value === "object" ? JSON.stringify(value) : value;
      found.push(`${type.label} ${text} ${loc.start.line}:${loc.start.column}`);
    },
  });
  return found.join("\n");
}

for (const id of ids) {
  const file = path.join(out, "lib", `${id}.js`);
  const source = fs.readFileSync(file, "utf8");
  const comments = [];
  const before = tokens(source, comments);
  const result = withoutComments(source, comments);
  if (tokens(result) !== before) throw new Error(`${id} is another program without its comments`);
  fs.writeFileSync(file, result);
}
