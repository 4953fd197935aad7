// What a request of curl(1) carries: data, forms, uploads.

import { readFileSync, statSync } from "node:fs";
import { basename, extname } from "node:path";
import { CurlError, usage } from "./options.mjs";

export function readInput(path) {
  try {
    return readFileSync(path === "-" ? 0 : path);
  } catch {
    throw new CurlError(26, `curl: (26) Failed to open/read local data from file/application`);
  }
}

/** A file that is sent as it is. */
export function uploadOf(path) {
  if (path === "-") return { upload: path };
  try {
    return { upload: path, length: String(statSync(path).size) };
  } catch {
    throw new CurlError(26, `curl: Can't open '${path}'!`);
  }
}

function urlencoded(text) {
  const [, name, mark, rest] = text.match(/^([^=@]*)([=@]?)(.*)$/s);
  const value = mark === "@" ? readInput(rest) : Buffer.from(mark ? rest : text);
  const encoded = [...value].map((byte) =>
    /[A-Za-z0-9\-._~]/.test(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : byte === 0x20
        ? "+"
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  );
  return Buffer.from((mark && name ? `${name}=` : "") + encoded.join(""));
}

function dataOf(kind, text) {
  if (kind === "data-urlencode") return urlencoded(text);
  if (kind === "data-raw" || !text.startsWith("@")) return Buffer.from(text);
  const bytes = readInput(text.slice(1));
  // Only these keep line ends of a file.
  if (kind === "data-binary" || kind === "json") return bytes;
  return Buffer.from(bytes.toString("latin1").replace(/[\r\n\0]/g, ""), "latin1");
}

const TYPES = {
  ".gif": "image/gif",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain",
  ".htm": "text/html",
  ".html": "text/html",
  ".pdf": "application/pdf",
  ".xml": "application/xml",
};

function formOf(parts) {
  const boundary = `------------------------${Math.random().toString(36).slice(2).padEnd(16, "0").slice(0, 16)}`;
  const pieces = [];
  for (const [kind, text] of parts) {
    const [, name, value] = text.match(/^([^=]*)=(.*)$/s) ?? [];
    if (name === undefined) throw usage(`curl: Illegally formatted input field`);
    const literal = kind === "form-string" || !/^[@<]/.test(value);
    const [body, ...extra] = kind === "form-string" ? [value] : value.split(/;(?=type=|filename=)/);
    const given = Object.fromEntries(
      extra.map((each) => each.match(/^(\w+)="?(.*?)"?$/s).slice(1)),
    );
    const path = literal ? undefined : body.slice(1);
    const file =
      path !== undefined && value[0] === "@" ? (given.filename ?? basename(path)) : given.filename;
    const type =
      given.type ??
      (file === undefined ? undefined : (TYPES[extname(file)] ?? "application/octet-stream"));
    const quoted = (word) => `"${word.replace(/"/g, "%22")}"`;
    let head = `--${boundary}\r\nContent-Disposition: form-data; name=${quoted(name)}`;
    if (file !== undefined) head += `; filename=${quoted(file)}`;
    if (type) head += `\r\nContent-Type: ${type}`;
    pieces.push(
      Buffer.from(`${head}\r\n\r\n`),
      literal ? Buffer.from(body) : readInput(path),
      Buffer.from("\r\n"),
    );
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  const body = Buffer.concat(pieces);
  return { body, length: String(body.length), type: `multipart/form-data; boundary=${boundary}` };
}

/** Body, its type, and what goes into the query instead (`-G`). */
export function payload(asked) {
  const forms = asked.parts.filter(([kind]) => kind.startsWith("form"));
  const data = asked.parts.filter(([kind]) => !kind.startsWith("form"));
  if (forms.length > 0 && data.length > 0) {
    throw usage(
      "curl: You can only select one HTTP request method! POST (-d, --data) and multipart formpost (-F, --form)",
    );
  }
  if (forms.length > 0) return formOf(forms);
  if (data.length === 0) return {};
  const pieces = data.flatMap(([kind, text], at) => [
    ...(at > 0 && kind !== "json" ? [Buffer.from("&")] : []),
    dataOf(kind, text),
  ]);
  const body = Buffer.concat(pieces);
  if (asked.get) return { query: body.toString() };
  const length = String(body.length);
  if (data.some(([kind]) => kind === "json")) return { body, length, isJson: true };
  return { body, length, type: "application/x-www-form-urlencoded" };
}

export function address(text, asked, query) {
  let url;
  try {
    const scheme = text.match(/^([a-z][a-z0-9+.-]*):\/\//i)?.[1].toLowerCase();
    if (scheme && scheme !== "http" && scheme !== "https") {
      throw new CurlError(1, `curl: (1) Protocol "${scheme}" not supported or disabled in libcurl`);
    }
    url = new URL(scheme ? text : `http://${text}`);
  } catch (error) {
    if (error instanceof CurlError) throw error;
    throw new CurlError(3, "curl: (3) URL rejected: Malformed input to a URL function");
  }
  const more = [...(query ? [query] : []), ...(asked["url-query"] ?? [])].join("&");
  if (more) url.search = url.search ? `${url.search}&${more}` : more;
  return url;
}
