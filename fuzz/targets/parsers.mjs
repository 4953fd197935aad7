// Natives of the guest that parse text, compared with the same Node.js on the host.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pinnedNode } from "../../scripts/lib/paths.mjs";
import { Guests } from "../lib/guests.mjs";
import { Broken } from "../lib/runs.mjs";

const program = fileURLToPath(new URL("../guest/parsers.cjs", import.meta.url));

const fragments = {
  url: [
    "http:",
    "https://",
    "file:///",
    "//",
    "/",
    "\\",
    "..",
    ".",
    "%2e",
    "%",
    "%zz",
    "?",
    "#",
    "@",
    ":",
    "a:b@",
    "[::1]",
    "[",
    "]",
    "1.2.3",
    "0x7f.1",
    "256",
    "xn--",
    "xn--ls8h",
    "é",
    "日本",
    "\u00ad",
    " ",
    "\t",
    "\n",
    "c|",
    "C:",
    "javascript:",
    "blob:",
    "a.b",
    ":id",
    "*",
    "(\\d+)",
    "{",
    "}",
    "+",
    "&x=y",
    "\ud800",
    "99999",
  ],
  exports: [
    "exports.",
    "module.exports",
    " = ",
    "a",
    "b",
    "{",
    "}",
    "...",
    "require('./x')",
    "[",
    "]",
    "'q'",
    ",",
    ";\n",
    "Object.",
    "defineProperty(exports, '__esModule', { value: true })",
    "defineProperty(exports, 'd', {",
    "get: function () { return m.a",
    "enumerable: true",
    "//",
    "/*",
    "*/",
    "`",
    "${",
    "/",
    "(",
    ")",
    "import",
    "export ",
    "0 && (",
    "\\u{61}",
    "__exportStar",
    "Object.keys(x).forEach(function (k) {",
    "if (k !== 'default') exports[k] = x[k]",
    "\ufeff",
    "#!",
    "é",
    "\\",
  ],
  env: ["A", "B", "=", "'", '"', "`", "\n", "\r\n", "#", " ", "export ", "\\n", "$A", "é", "\0"],
  json: [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"a"',
    "1",
    "-0",
    "1e9",
    "\\ud800",
    "true",
    "null",
    " ",
    "\u2028",
    '"',
  ],
  types: [
    "let a",
    ": number",
    " = 1",
    ";",
    "enum A {",
    "}",
    "interface B {",
    "as const",
    "<T>",
    "(x)",
    "=>",
    "@d ",
    "declare ",
    "!",
    "`${",
  ],
  bytes: [
    "YQ",
    "==",
    "=",
    "-_",
    "+/",
    "zz",
    "00",
    "f",
    " ",
    "\n",
    "\u0100",
    "\xff",
    "\x82\xa0",
    "\xe3\x81",
    "\ud800",
    "a",
  ],
};

const kinds = {
  url: "url",
  canParse: "url",
  domain: "url",
  pattern: "url",
  pattern2: "url",
  env: "env",
  bytes: "bytes",
  decoder: "bytes",
  types: "types",
  json: "json",
  exports: "exports",
};

export default {
  name: "parsers",
  about:
    "URLs, module exports, environment files, encodings: the guest makes of a text what Node.js on the host does",
  longest: 600,
  shrinkFor: 120,
  async open() {
    const dir = mkdtempSync(join(tmpdir(), "secure-exec-fuzz-"));
    const guests = new Guests({ files: { "/fuzz/parsers.cjs": readFileSync(program) } });
    return { dir, guests };
  },
  async close({ dir, guests }) {
    await guests.renew();
    rmSync(dir, { recursive: true });
  },
  async run(input, { dir, guests }) {
    const texts = [];
    while (!input.isSpent) texts.push(question(input));
    const file = join(dir, "texts.json");
    writeFileSync(file, JSON.stringify(texts));
    const flags = ["--no-warnings"];
    const env = { PATH: "/usr/bin", FUZZ_DIR: dir };
    const host = execFileSync(pinnedNode, [...flags, program, file], { env, encoding: "utf8" });
    const runtime = await guests.runtime();
    await runtime.writeFile("/tmp/texts.json", JSON.stringify(texts));
    const args = [...flags, "/fuzz/parsers.cjs", "/tmp/texts.json"];
    const guest = await guests.run("node", args, { env: { FUZZ_DIR: "/tmp" }, timeout: 20_000 });
    compare(texts, JSON.parse(host), guest);
  },
};

function compare(texts, expected, { stdout, stderr }) {
  if (!stdout) throw new Broken("the guest says nothing", stderr);
  const found = JSON.parse(stdout);
  texts.forEach(([kind, text, other], at) => {
    const [one, two] = [expected[at], found[at]].map((value) => JSON.stringify(value));
    if (one === two || (kind === "pattern" && isLeftToCrate(text, one, two))) return;
    throw new Broken(
      `${kind} differs`,
      `${JSON.stringify([text, other])}\n  host  ${one}\n  guest ${two}`,
    );
  });
}

/** `URLPattern` refuses a name whose `xn--` holds no Punycode: `crates/node/src/binding/url_pattern` says why. */
function isLeftToCrate(text, host, guest) {
  return text.includes("xn--") && !host.includes("refused") && guest.includes("refused");
}

function question(input) {
  const kind = input.pick(Object.keys(kinds));
  const words = fragments[kinds[kind]];
  const text = () => input.list(10, () => input.pick(words)).join("");
  return [kind, text(), text()];
}
