// wget(1) of a machine: single files over the machine's own HTTP client, with wget's exit statuses. What it does not know,
// following links above all, is refused by name.

import { createWriteStream, existsSync, mkdirSync, readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { dirname, join } from "node:path";
import { finished } from "node:stream/promises";
import { outsideOf } from "../curl/outside.mjs";

/** Exit statuses (wget's manual). */
const status = { parse: 2, file: 3, network: 4, tls: 5, login: 6, server: 8 };

class WgetError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// Letters, name, and whether a value follows: V for the last, L for all.
const OPTIONS = [
  ["q", "quiet", "-"],
  ["v", "verbose", "-"],
  ["nv", "no-verbose", "-"],
  ["O", "output-document", "V"],
  ["P", "directory-prefix", "V"],
  ["S", "server-response", "-"],
  ["T", "timeout", "V"],
  ["t", "tries", "V"],
  ["U", "user-agent", "V"],
  ["nc", "no-clobber", "-"],
  ["i", "input-file", "V"],
  ["h", "help", "-"],
  ["V", "version", "-"],
  ["4", "inet4-only", "-"],
  ["6", "inet6-only", "-"],
  ["", "header", "L"],
  ["", "post-data", "V"],
  ["", "post-file", "V"],
  ["", "method", "V"],
  ["", "body-data", "V"],
  ["", "body-file", "V"],
  ["", "user", "V"],
  ["", "password", "V"],
  ["", "referer", "V"],
  ["", "spider", "-"],
  ["", "no-check-certificate", "-"],
  ["", "ca-certificate", "V"],
  ["", "max-redirect", "V"],
  ["", "connect-timeout", "V"],
  ["", "read-timeout", "V"],
  ["", "content-on-error", "-"],
  ["", "no-cache", "-"],
  ["", "no-proxy", "-"],
  ["", "progress", "V"],
  ["", "show-progress", "-"],
].map(([letters, name, kind]) => ({ letters, name, kind }));

function parse(words) {
  const asked = { url: [], header: [] };
  const queue = [...words];
  const wrong = (message) =>
    new WgetError(
      status.parse,
      `wget: ${message}\nUsage: wget [OPTION]... [URL]...\n\nTry \`wget --help' for more options.`,
    );
  const set = ({ name, kind }, value) => {
    if (kind === "L") asked[name].push(value);
    else asked[name] = value;
  };
  const take = (shown, text) => {
    if (text !== undefined && text !== "") return text;
    if (queue.length === 0) throw wrong(`option requires an argument -- '${shown}'`);
    return queue.shift();
  };
  while (queue.length > 0) {
    const word = queue.shift();
    if (word === "--") asked.url.push(...queue.splice(0));
    else if (word.startsWith("--")) {
      const [, name, value] = word.match(/^--([^=]*)(?:=(.*))?$/s);
      const found = OPTIONS.find((option) => option.name === name);
      if (!found) throw wrong(`unrecognized option '${word}'`);
      set(found, found.kind === "-" ? true : (value ?? take(name)));
    } else if (word.length > 1 && word.startsWith("-")) short(word.slice(1));
    else asked.url.push(word);
  }
  function short(letters) {
    const pair = OPTIONS.find(
      (option) => option.letters.length === 2 && option.letters === letters,
    );
    if (pair) return set(pair, true);
    for (let at = 0; at < letters.length; at += 1) {
      const found = OPTIONS.find((option) => option.letters === letters[at]);
      if (!found) throw wrong(`invalid option -- '${letters[at]}'`);
      if (found.kind !== "-") return set(found, take(letters[at], letters.slice(at + 1)));
      set(found, true);
    }
  }
  return asked;
}

const say = (asked, text) => {
  if (!asked.quiet && !asked["no-verbose"]) process.stderr.write(text);
};
const stamp = () =>
  new Date(Date.now() - new Date().getTimezoneOffset() * 60_000)
    .toISOString()
    .slice(0, 19)
    .replace("T", " ");

function bodyOf(asked) {
  const file = asked["post-file"] ?? asked["body-file"];
  const text = asked["post-data"] ?? asked["body-data"];
  if (file === undefined) return text === undefined ? undefined : Buffer.from(text);
  try {
    return readFileSync(file);
  } catch {
    throw new WgetError(status.file, `BODY data file ‘${file}’ missing: No such file or directory`);
  }
}

function headersOf(asked, url, body) {
  const headers = {
    Host: url.host,
    "User-Agent": asked["user-agent"] ?? "Wget/1.21.3",
    Accept: "*/*",
    "Accept-Encoding": "identity",
    Connection: "Keep-Alive",
  };
  const user = asked.user ?? decodeURIComponent(url.username);
  if (user) {
    const pair = `${user}:${asked.password ?? decodeURIComponent(url.password)}`;
    headers.Authorization = `Basic ${Buffer.from(pair).toString("base64")}`;
  }
  if (asked.referer) headers.Referer = asked.referer;
  if (body !== undefined) {
    headers["Content-Type"] = "application/x-www-form-urlencoded";
    headers["Content-Length"] = String(body.length);
  }
  for (const line of asked.header) {
    const [, name, value] = line.match(/^([^:]*):\s*(.*)$/s) ?? [];
    if (name === undefined)
      throw new WgetError(status.parse, `wget: --header: Invalid header ‘${line}’.`);
    const known = Object.keys(headers).find((other) => other.toLowerCase() === name.toLowerCase());
    headers[known ?? name] = value;
  }
  return headers;
}

/** What goes before the outcome of a connection. */
const connecting = ({ hostname }, address, port) =>
  `Connecting to ${hostname}|${address}|:${port}... `;

/** The line of an address that cannot be connected to. */
function notConnected(error, url) {
  const outside = outsideOf(error);
  const why = outside ? `Permission denied${outside}` : "Connection refused";
  return `${connecting(url, error.address, error.port)}failed: ${why}.`;
}

function explain(error, url) {
  const outside = outsideOf(error);
  if (error.syscall === "getaddrinfo")
    return new WgetError(
      status.network,
      `wget: unable to resolve host address ‘${url.hostname}’${outside}`,
    );
  // A name with several addresses has an error for each.
  const refused = error.errors ?? [error];
  if (refused.every(({ syscall }) => syscall === "connect"))
    return new WgetError(status.network, refused.map((one) => notConnected(one, url)).join("\n"));
  if (/CERT|SIGNATURE|SELF_SIGNED|ALTNAME|SSL|TLS/.test(error.code ?? "")) {
    return new WgetError(
      status.tls,
      `ERROR: cannot verify ${url.hostname}'s certificate: ${error.message}\nTo connect to ${url.hostname} insecurely, use \`--no-check-certificate'.`,
    );
  }
  return new WgetError(
    status.network,
    error.code === "ECONNRESET" ? "No data received." : `${error.message}`,
  );
}

function request(asked, url, method, body) {
  return new Promise((resolve, reject) => {
    const secure = url.protocol === "https:";
    const seconds = Number(
      asked.timeout ?? asked["read-timeout"] ?? asked["connect-timeout"] ?? 900,
    );
    const sent = (secure ? https : http).request({
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port || (secure ? 443 : 80),
      method,
      agent: false,
      setHost: false,
      path: url.pathname + url.search,
      headers: headersOf(asked, url, body),
      timeout: seconds * 1000,
      family: asked["inet4-only"] ? 4 : asked["inet6-only"] ? 6 : 0,
      ...(secure && {
        servername: url.hostname,
        rejectUnauthorized: !asked["no-check-certificate"],
        ca: asked["ca-certificate"] && readFileSync(asked["ca-certificate"]),
      }),
    });
    sent.once("timeout", () =>
      sent.destroy(new WgetError(status.network, "Read error (Connection timed out) in headers.")),
    );
    sent.on("error", (error) => reject(error instanceof WgetError ? error : explain(error, url)));
    sent.once("socket", (socket) =>
      socket.once("connect", () => {
        say(asked, `${connecting(url, socket.remoteAddress, socket.remotePort)}connected.\n`);
      }),
    );
    sent.once("response", resolve);
    sent.end(body);
  });
}

/** The name of the file: the last part of the address, and, where there is one, a number that makes it new. */
function fileFor(asked, url) {
  if (asked["output-document"] !== undefined) return asked["output-document"];
  const name = decodeURIComponent(url.pathname.split("/").pop()) || "index.html";
  const path = join(asked["directory-prefix"] ?? ".", name + url.search);
  if (!existsSync(path)) return path;
  for (let at = 1; ; at += 1) if (!existsSync(`${path}.${at}`)) return `${path}.${at}`;
}

async function save(asked, response, path, url) {
  const length = response.headers["content-length"];
  const type = response.headers["content-type"]?.split(";")[0];
  say(
    asked,
    `Length: ${length ?? "unspecified"}${type ? ` [${type}]` : ""}\nSaving to: ‘${path === "-" ? "STDOUT" : path}’\n\n`,
  );
  const began = performance.now();
  let size = 0;
  response.on("data", (piece) => {
    size += piece.length;
  });
  if (path === "-") {
    for await (const piece of response) {
      if (!process.stdout.write(piece))
        await new Promise((resolve) => process.stdout.once("drain", resolve));
    }
  } else {
    if (asked["directory-prefix"]) mkdirSync(dirname(path), { recursive: true });
    const file = createWriteStream(path, { flags: "w" });
    const opened = finished(file).catch((error) => {
      throw new WgetError(
        status.file,
        `${path}: ${error.code === "EACCES" ? "Permission denied" : error.message}\n\nCannot write to ‘${path}’ (${error.code === "EACCES" ? "Permission denied" : "Success"}).`,
      );
    });
    await Promise.all([opened, finished(response.pipe(file))]).catch((error) => {
      throw error instanceof WgetError ? error : explain(error, url);
    });
  }
  const rate = (size / 1e6 / Math.max(0.000001, (performance.now() - began) / 1000)).toFixed(2);
  const whole = length === undefined ? `${size}` : `${size}/${length}`;
  if (length !== undefined && size < Number(length))
    throw new WgetError(status.network, "Connection closed.");
  say(
    asked,
    `${stamp()} (${rate} MB/s) - ${path === "-" ? "written to stdout" : `‘${path}’ saved`} [${whole}]\n\n`,
  );
  if (asked["no-verbose"] && !asked.quiet)
    process.stderr.write(`${stamp()} URL:${url} [${whole}] -> "${path}" [1]\n`);
}

async function fetchOne(asked, text) {
  let url;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  } catch {
    throw new WgetError(1, `${text}: Invalid host name.`);
  }
  if (!/^https?:$/.test(url.protocol))
    throw new WgetError(1, `${text}: Unsupported scheme ‘${url.protocol.slice(0, -1)}’.`);
  let body = bodyOf(asked);
  let method = asked.method ?? (asked.spider ? "HEAD" : body === undefined ? "GET" : "POST");
  for (let left = Number(asked["max-redirect"] ?? 20); ; left -= 1) {
    say(asked, `--${stamp()}--  ${url}\n`);
    const response = await request(asked, url, method, body);
    say(
      asked,
      `HTTP request sent, awaiting response... ${response.statusCode} ${response.statusMessage}\n`,
    );
    if (asked["server-response"]) {
      const raw = response.rawHeaders;
      const lines = raw.flatMap((name, at) => (at % 2 ? [] : [`  ${name}: ${raw[at + 1]}`]));
      process.stderr.write(
        `  HTTP/${response.httpVersion} ${response.statusCode} ${response.statusMessage}\n${lines.join("\n")}\n`,
      );
    }
    if ([301, 302, 303, 307, 308].includes(response.statusCode) && response.headers.location) {
      response.resume();
      url = new URL(response.headers.location, url);
      say(asked, `Location: ${url} [following]\n`);
      if (left <= 0)
        throw new WgetError(status.server, `${asked["max-redirect"] ?? 20} redirections exceeded.`);
      if (response.statusCode < 307 && method === "POST") [method, body] = ["GET", undefined];
      continue;
    }
    if (response.statusCode >= 400) {
      if (!asked["content-on-error"]) response.resume();
      else await save(asked, response, fileFor(asked, url), url);
      throw new WgetError(
        response.statusCode === 401 ? status.login : status.server,
        `${stamp()} ERROR ${response.statusCode}: ${response.statusMessage}.`,
      );
    }
    if (!asked.spider) return await save(asked, response, fileFor(asked, url), url);
    response.resume();
    return say(asked, "Remote file exists.\n\n");
  }
}

async function main(words) {
  const asked = parse(words);
  if (asked.help)
    return void process.stdout.write(
      "Usage: wget [OPTION]... [URL]...\n\n  -q, --quiet  -O, --output-document=FILE  -P, --directory-prefix=DIR  -S, --server-response\n  -T, --timeout=SECONDS  -t, --tries=NUMBER  -U, --user-agent=NAME  --header=STRING  --post-data=STRING\n  --method=METHOD  --body-data=STRING  --spider  --no-check-certificate  --ca-certificate=FILE\n",
    );
  if (asked.version)
    return void process.stdout.write(
      `GNU Wget 1.21.3 compatible, over Node.js ${process.versions.node}\n`,
    );
  const listed =
    asked["input-file"] === undefined
      ? []
      : readFileSync(asked["input-file"] === "-" ? 0 : asked["input-file"], "utf8")
          .split(/\s+/)
          .filter(Boolean);
  const all = [...asked.url, ...listed];
  if (all.length === 0)
    throw new WgetError(
      1,
      "wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.",
    );
  for (const text of all) {
    const path = asked["output-document"];
    if (asked["no-clobber"] && path && existsSync(path)) continue;
    await fetchOne(asked, text).catch((error) => {
      if (!(error instanceof WgetError)) throw error;
      if (!asked.quiet || error.code === status.parse) process.stderr.write(`${error.message}\n`);
      process.exitCode = error.code;
    });
  }
}

process.stdout.on("error", () => process.exit(status.file));
try {
  await main(process.argv.slice(1));
} catch (error) {
  if (!(error instanceof WgetError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code;
}
