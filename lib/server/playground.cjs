"use strict";
// The playground: files of a folder below `/playground/`. Pages of it run in browsers, beside output of guests.

const { existsSync, readFileSync, readdirSync } = require("node:fs");
const { extname, join } = require("node:path");

/** Where the repository's build of it is; the npm package does not have it. */
const builtFolder = join(__dirname, "..", "..", "examples", "playground", "dist");
const prefix = "/playground";

const types = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

/**
 * Nothing runs but its own scripts, nothing is loaded from elsewhere or sent there, and no other page shows it. xterm.js writes
 * its styles as elements.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const headers = {
  "cache-control": "no-cache",
  "content-security-policy": policy,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/**
 * What answers requests below `/playground/`: the files as they are now. Undefined where there are none.
 * @param {string} [folder]
 */
function playground(folder = builtFolder) {
  if (!existsSync(join(folder, "index.html"))) return undefined;
  // By name: what a request asks for is looked up, and is no path.
  const files = new Map(
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && extname(entry.name) in types)
      .map(({ name }) => [
        name,
        { data: readFileSync(join(folder, name)), type: types[extname(name)] },
      ]),
  );
  const handle = ({ method, url }, response) => {
    const [path] = url.split("?");
    if (path === prefix) return void response.writeHead(308, { location: `${prefix}/` }).end();
    const file = files.get(path.slice(prefix.length + 1) || "index.html");
    if (method !== "GET" && method !== "HEAD") {
      return void response.writeHead(405, { ...headers, allow: "GET, HEAD" }).end();
    }
    if (!file || !path.startsWith(`${prefix}/`)) return void response.writeHead(404, headers).end();
    const { data, type } = file;
    response.writeHead(200, { ...headers, "content-type": type, "content-length": data.length });
    response.end(method === "HEAD" ? undefined : data);
  };
  return { prefix, handle };
}

module.exports = { playground };
