"use strict";
// Has natives that parse text parse texts, and prints what they make of them. Host and guest have to agree.
//
//   node --expose-internals parsers.cjs <file with a list of texts as JSON>

const fs = require("node:fs");
const path = require("node:path");
const { domainToASCII, domainToUnicode } = require("node:url");
const util = require("node:util");

const parsers = {
  url: (text, other) => {
    const url = new URL(text, other || undefined);
    url.hostname = other.slice(0, 20);
    url.port = other.slice(-3);
    url.pathname = other;
    return [url.href, url.origin, [...url.searchParams]];
  },
  canParse: (text, other) => [URL.canParse(text), URL.canParse(text, other)],
  domain: (text) => [domainToASCII(text), domainToUnicode(text)],
  pattern: (text, other) =>
    new URLPattern(text, "http://a.b/").exec(other, "http://a.b/c")?.pathname.groups,
  env: (text) => util.parseEnv(text),
  bytes: (text) =>
    ["base64", "base64url", "hex", "utf16le", "latin1", "utf8"].map((name) =>
      Buffer.from(text, name).toString("hex"),
    ),
  decoder: (text) => {
    const bytes = Buffer.from(text, "latin1");
    return ["utf-8", "utf-16le", "shift_jis", "gbk", "latin1"].map((name) =>
      new TextDecoder(name).decode(bytes),
    );
  },
  types: (text) => require("node:module").stripTypeScriptTypes(text),
  json: (text) => JSON.stringify(JSON.parse(text)),
  pattern2: (text, other) => path.matchesGlob(other.slice(0, 30), text.slice(0, 30)),
};

/** What a parser says, without what differs from build to build. */
function said(parse, text, other) {
  try {
    return parse(text, other) ?? null;
  } catch (error) {
    return { refused: error.code ?? error.name };
  }
}

/** Names that a module of CommonJS exports, as an `import` of it sees them. */
async function exported(text, at) {
  const file = `${process.env.FUZZ_DIR}/m${at}.cjs`;
  // Found by looking at the text alone: the module does not run to the end, and most are no programs.
  fs.writeFileSync(file, `${text}\n`);
  try {
    return Object.keys(await import(file)).sort();
  } catch (error) {
    return { refused: error.code ?? error.name };
  }
}

async function main() {
  const texts = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
  const all = [];
  for (const [at, [kind, text, other]] of texts.entries()) {
    all.push(kind === "exports" ? await exported(text, at) : said(parsers[kind], text, other));
  }
  fs.writeSync(1, JSON.stringify(all));
}

process.on("unhandledRejection", () => {});
main();
