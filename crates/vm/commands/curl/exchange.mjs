// One request of curl(1) and its response.

import { createReadStream } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { PassThrough } from "node:stream";
import * as zlib from "node:zlib";
import { CurlError, VERSION } from "./options.mjs";
import { outsideOf } from "./outside.mjs";
import { readInput } from "./payload.mjs";

/** How curl calls what ends a transfer. */
function explain(failure, url, started, received) {
  // Of a name with several addresses the last one tells, as in curl.
  const error = failure.errors?.at(-1) ?? failure;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const told = (status, message) => new CurlError(status, `curl: (${status}) ${message}`);
  if (error instanceof CurlError) return error;
  if (error.syscall === "getaddrinfo") {
    return told(6, `Could not resolve host: ${host}${outsideOf(error)}`);
  }
  const after = Math.round(performance.now() - started);
  if (error.syscall === "connect" || error.code === "ENOENT") {
    return told(
      7,
      `Failed to connect to ${host} port ${port} after ${after} ms: Couldn't connect to server${outsideOf(error)}`,
    );
  }
  if (error.code?.startsWith("HPE_")) {
    if (received > 0) return told(18, `${error.reason ?? error.message}`);
    const isOld = error.code === "HPE_INVALID_CONSTANT";
    return isOld
      ? told(1, "Received HTTP/0.9 when not allowed")
      : told(8, `Weird server reply: ${error.reason}`);
  }
  if (/CERT|SIGNATURE|ISSUER|SELF_SIGNED|ALTNAME/.test(error.code ?? "")) {
    return told(60, `SSL certificate problem: ${error.message}`);
  }
  if (error.code === "ECONNRESET" && /TLS/.test(error.message))
    return told(35, "TLS connect error: unexpected eof while reading");
  if (/^ERR_(SSL|TLS)|EPROTO/.test(error.code ?? ""))
    return told(35, `TLS connect error: ${error.message}`);
  if (error.code === "ECONNRESET") {
    return error.message === "socket hang up"
      ? told(52, "Empty reply from server")
      : told(56, "Recv failure: Connection reset by peer");
  }
  return told(56, error.message);
}

/** The head lines of a request, in curl's order. An own line without a value takes away what would be there. */
function headersOf(asked, url, payload, jar, referer) {
  const own = ownHeaders(asked, payload);
  const list = [];
  const add = (name, value) => {
    if (value && !own.some((line) => line.name.toLowerCase() === name.toLowerCase())) {
      list.push([name, value]);
    }
  };
  const isHost = ({ name }) => name.toLowerCase() === "host";
  list.push(["Host", own.find(isHost)?.value ?? url.host]);
  add("Authorization", authorization(asked, url));
  add("Range", asked.range && `bytes=${asked.range}`);
  add("User-Agent", asked["user-agent"] ?? `curl/${VERSION}`);
  add("Accept", "*/*");
  add("Accept-Encoding", asked.compressed && "deflate, gzip, br, zstd");
  add("Referer", referer);
  add("Cookie", jar.header(url));
  for (const line of own) {
    if (!isHost(line) && line.value !== undefined) list.push([line.name, line.value]);
  }
  if (!own.some(({ name }) => name.toLowerCase() === "transfer-encoding")) {
    if (payload.upload === "-") add("Transfer-Encoding", "chunked");
    else add("Content-Length", payload.length);
  }
  add("Content-Type", payload.type);
  return list;
}

/** Lines of `-H`: `Name: value`, `Name;` for one without a value, `Name:` for none, `@file` for those of a file. */
function ownHeaders(asked, { isJson }) {
  const given = (asked.header ?? []).flatMap((text) =>
    text.startsWith("@") ? readLines(text.slice(1)) : [text],
  );
  const lines = given.map((text) => {
    const [, name, mark, rest] = text.match(/^([^:;]*)([:;]?)(.*)$/s);
    const value = rest.trim();
    if (mark === ";") return { name: name.trim(), value: value === "" ? "" : undefined };
    return { name: name.trim(), value: value || undefined };
  });
  if (!isJson) return lines;
  const missing = (name) => !lines.some((line) => line.name.toLowerCase() === name.toLowerCase());
  const json = ["Content-Type", "Accept"].filter(missing);
  return [...json.map((name) => ({ name, value: "application/json" })), ...lines];
}

function authorization(asked, url) {
  const basic = (pair) => `Basic ${Buffer.from(pair).toString("base64")}`;
  if (asked["oauth2-bearer"]) return `Bearer ${asked["oauth2-bearer"]}`;
  if (asked.user !== undefined)
    return basic(asked.user.includes(":") ? asked.user : `${asked.user}:`);
  if (!url.username) return undefined;
  return basic(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`);
}

function readLines(path) {
  return readInput(path).toString().split(/\r?\n/).filter(Boolean);
}

const DECODERS = {
  gzip: zlib.createGunzip,
  "x-gzip": zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress,
  zstd: zlib.createZstdDecompress,
};

/**
 * Sends a request and resolves with the response, its body not yet read.
 * @returns {Promise<{ response: http.IncomingMessage, body: import("node:stream").Readable, times: object }>}
 */
export function exchange(asked, url, method, payload, jar, { referer, signal, note }) {
  const started = performance.now();
  const secure = url.protocol === "https:";
  const times = { started };
  const list = headersOf(asked, url, payload, jar, referer);
  const upload = payload.upload;
  const fixed = (asked.resolve ?? [])
    .map((each) => each.match(/^\+?([^:]+):(\d+):(.+)$/))
    .filter(Boolean);
  const port = Number(url.port || (secure ? 443 : 80));
  const found = fixed.find(
    ([, host, number]) => (host === "*" || host === url.hostname) && Number(number) === port,
  );
  const host = (found ? found[3] : url.hostname).replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const fail = (error) =>
      reject(signal.aborted ? signal.reason : explain(error, url, started, 0));
    const request = (secure ? https : http).request({
      host,
      port,
      method,
      signal,
      agent: false,
      setHost: false,
      setDefaultHeaders: false,
      path: url.pathname + url.search,
      headers: list.flat(),
      family: asked.ipv4 ? 4 : asked.ipv6 ? 6 : 0,
      socketPath:
        asked["unix-socket"] ??
        (asked["abstract-unix-socket"] && `\0${asked["abstract-unix-socket"]}`),
      ...(secure && {
        servername: url.hostname,
        rejectUnauthorized: !asked.insecure,
        ca: asked.cacert && readInput(asked.cacert),
        cert: asked.cert && readInput(asked.cert),
        key: asked.key && readInput(asked.key),
      }),
    });
    request.once("error", fail);
    const limit = Number(asked["connect-timeout"] ?? 300) * 1000;
    const timer = setTimeout(
      () =>
        request.destroy(
          new CurlError(
            28,
            `curl: (28) Failed to connect to ${host} port ${port} after ${limit} ms: Timeout was reached`,
          ),
        ),
      limit,
    );
    request.once("socket", (socket) => {
      socket.once("lookup", () => {
        times.lookup = performance.now();
      });
      socket.once("connect", () => {
        times.connect = performance.now();
        note("*", `Connected to ${url.hostname} (${socket.remoteAddress ?? ""}) port ${port}`);
      });
      socket.once(secure ? "secureConnect" : "connect", () => {
        times.ready = performance.now();
        clearTimeout(timer);
        times.remote = { address: socket.remoteAddress, port: socket.remotePort };
        times.local = { address: socket.localAddress, port: socket.localPort };
        note(">", [
          `${method} ${url.pathname + url.search} HTTP/1.1`,
          ...list.map(([name, value]) => `${name}: ${value}`),
          "",
        ]);
      });
      socket.once("close", () => clearTimeout(timer));
    });
    request.on("information", ({ statusCode, statusMessage }) =>
      note("<", [`HTTP/1.1 ${statusCode} ${statusMessage}`, ""]),
    );
    request.once("response", (response) => {
      times.first = performance.now();
      request.off("error", fail);
      const body = new PassThrough();
      const coding = asked.compressed && response.headers["content-encoding"]?.toLowerCase();
      const source = coding && DECODERS[coding] ? response.pipe(DECODERS[coding]()) : response;
      let received = 0;
      response.on("data", (piece) => {
        received += piece.length;
      });
      const broken = (error) => {
        const length = Number(response.headers["content-length"]);
        const cut = Number.isFinite(length) && received < length;
        const failure = signal.aborted
          ? signal.reason
          : cut
            ? new CurlError(
                18,
                `curl: (18) transfer closed with ${length - received} bytes remaining to read`,
              )
            : error.code === "ECONNRESET"
              ? new CurlError(18, "curl: (18) transfer closed with outstanding read data remaining")
              : source !== response && error.code?.startsWith("Z_")
                ? new CurlError(61, "curl: (61) Error while processing content unencoding")
                : explain(error, url, started, received);
        body.destroy(failure);
      };
      for (const stream of new Set([request, response, source])) stream.on("error", broken);
      source.pipe(body);
      resolve({ response, body, times });
    });
    request.once("upgrade", (response, socket) => {
      response.push(null);
      resolve({ response, body: socket, times });
    });
    if (upload !== undefined)
      (upload === "-" ? process.stdin : createReadStream(upload)).on("error", fail).pipe(request);
    else request.end(payload.body);
  });
}
