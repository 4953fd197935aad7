// curl(1) of a machine: the options that people and scripts use, with its messages and exit statuses (curl 7.88), over the
// machine's own HTTP client. What it does not know is refused by name.

import { createWriteStream, mkdirSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { finished } from "node:stream/promises";
import { exchange } from "./exchange.mjs";
import { Jar } from "./jar.mjs";
import { CurlError, VERSION, parse, usage } from "./options.mjs";
import { address, payload, readInput, uploadOf } from "./payload.mjs";

const HELP = `Usage: curl [options...] <url>
 -d, --data <data>           HTTP POST data
 -f, --fail                  Fail fast with no output on HTTP errors
 -F, --form <name=content>   Specify multipart MIME data
 -h, --help                  Get help for commands
 -H, --header <header/@file> Pass custom header(s) to server
 -i, --show-headers          Show response headers in output
 -I, --head                  Show document info only
 -k, --insecure              Allow insecure server connections
 -L, --location              Follow redirects
 -m, --max-time <seconds>    Maximum time allowed for transfer
 -o, --output <file>         Write to file instead of stdout
 -O, --remote-name           Write output to file named as remote file
 -s, --silent                Silent mode
 -S, --show-error            Show error even when -s is used
 -T, --upload-file <file>    Transfer local FILE to destination
 -u, --user <user:password>  Server user and password
 -A, --user-agent <name>     Send User-Agent <name> to server
 -v, --verbose               Make the operation more talkative
 -w, --write-out <format>    Output FORMAT after completion
 -X, --request <method>      Specify request method to use
`;

const headText = (response) => {
  const lines = [`HTTP/${response.httpVersion} ${response.statusCode} ${response.statusMessage}`];
  for (let at = 0; at < response.rawHeaders.length; at += 2)
    lines.push(`${response.rawHeaders[at]}: ${response.rawHeaders[at + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
};

function methodOf(asked, { body, upload }) {
  if (asked.request) return asked.request;
  if (asked.head) return "HEAD";
  if (upload !== undefined) return "PUT";
  return body === undefined ? "GET" : "POST";
}

function follow(asked, response, state) {
  const { statusCode } = response;
  const next = new URL(response.headers.location, state.url);
  if (next.origin !== state.url.origin && !asked["location-trusted"])
    state.asked = { ...state.asked, user: undefined, header: withoutSecrets(state.asked.header) };
  const keeps = statusCode >= 307 || asked[`post${statusCode}`];
  if (!keeps && state.method !== "HEAD" && (statusCode === 303 || state.method === "POST")) {
    state.payload = {};
    if (!asked.request) state.method = "GET";
  }
  if (!next.hash) next.hash = state.url.hash;
  if (asked.referer?.endsWith(";auto")) state.referer = String(state.url);
  state.url = next;
  state.redirects += 1;
}

function withoutSecrets(headers = []) {
  return headers.filter((line) => !/^(authorization|cookie):/i.test(line));
}

/** One address: the exchanges up to the last response, whose body goes to where it was asked. */
async function transfer(asked, text, output, jar, result) {
  const given =
    asked["upload-file"] === undefined ? payload(asked) : uploadOf(asked["upload-file"]);
  const state = {
    asked,
    url: address(text, asked, given.query),
    payload: given,
    redirects: 0,
    referer: asked.referer?.replace(/;auto$/, ""),
  };
  if (given.upload && given.upload !== "-" && state.url.pathname.endsWith("/"))
    state.url.pathname += given.upload.split("/").pop();
  state.method = methodOf(asked, given);
  const limit = Number(asked["max-time"] ?? 0) * 1000;
  const controller = new AbortController();
  const begun = performance.now();
  const tooLate = () =>
    controller.abort(
      new CurlError(
        28,
        `curl: (28) Operation timed out after ${Math.round(performance.now() - begun)} milliseconds with ${result.size} bytes received`,
      ),
    );
  const timer = limit > 0 ? setTimeout(tooLate, limit) : undefined;
  const note = (mark, lines) => {
    if (!asked.verbose) return;
    for (const line of [lines].flat()) process.stderr.write(`${mark} ${line}\n`);
  };
  const most = Number(asked["max-redirs"] ?? 50);
  try {
    for (;;) {
      const { response, body, times } = await exchange(
        state.asked,
        state.url,
        state.method,
        state.payload,
        jar,
        { referer: state.referer, signal: controller.signal, note },
      );
      Object.assign(result, {
        response,
        times,
        url: state.url,
        method: state.method,
        redirects: state.redirects,
        begun,
      });
      const head = headText(response);
      note("<", head.trimEnd().split("\r\n").concat(""));
      jar.take(state.url, response.headers["set-cookie"] ?? []);
      if (asked["dump-header"]) keepHead(asked["dump-header"], head, result);
      if (asked.include || asked["show-headers"] || asked.head) output.write(head);
      const isRedirect =
        [301, 302, 303, 307, 308].includes(response.statusCode) && response.headers.location;
      if (asked.location && isRedirect) {
        if (most >= 0 && state.redirects >= most)
          throw new CurlError(47, `curl: (47) Maximum (${most}) redirects followed`);
        body.resume();
        await finished(body, { writable: false });
        follow(asked, response, state);
        continue;
      }
      await receive(asked, response, body, output, result);
      return;
    }
  } finally {
    clearTimeout(timer);
    result.ended = performance.now();
  }
}

function keepHead(path, head, result) {
  if (path === "-") process.stdout.write(head);
  else writeFileSync(path, head, { flag: result.hasHead ? "a" : "w" });
  result.hasHead = true;
}

async function receive(asked, response, body, output, result) {
  const isBad = response.statusCode >= 400;
  const refused = () =>
    new CurlError(22, `curl: (22) The requested URL returned error: ${response.statusCode}`);
  if (isBad && asked.fail) {
    body.destroy();
    throw refused();
  }
  const most = Number(asked["max-filesize"] ?? 0);
  for await (const piece of body) {
    result.size += piece.length;
    if (most > 0 && result.size > most)
      throw new CurlError(63, "curl: (63) Exceeded the maximum allowed file size");
    await output.write(piece);
  }
  if (isBad && asked["fail-with-body"]) throw refused();
}

/** Where bodies go: a file that is made when there is something for it, or standard output. */
class Output {
  #path;
  #stream;
  #makesFolders;
  constructor(path, makesFolders) {
    this.#path = path === "-" ? undefined : path;
    this.#makesFolders = makesFolders;
  }
  get isFile() {
    return this.#path !== undefined;
  }
  async write(piece) {
    if (!this.isFile) {
      if (!process.stdout.write(piece))
        await new Promise((resolve) => process.stdout.once("drain", resolve));
      return;
    }
    this.#open();
    if (!this.#stream.write(piece))
      await new Promise((resolve, reject) =>
        this.#stream.once("drain", resolve).once("error", reject),
      );
  }
  #open() {
    if (this.#stream) return;
    if (this.#makesFolders) mkdirSync(dirname(this.#path), { recursive: true });
    this.#stream = createWriteStream(this.#path);
    this.#stream.once("error", () => {});
  }
  async close(isGood) {
    if (!this.isFile || (!isGood && !this.#stream)) return;
    this.#open();
    this.#stream.end();
    await finished(this.#stream).catch(() => {
      throw new CurlError(
        23,
        `curl: (23) client returned ERROR on write, failed to open the file ${this.#path}`,
      );
    });
  }
}

/** The variables of `-w`. Times are seconds. */
function variables(result, error) {
  const { response, times = {}, url, begun } = result;
  const since = (time) => (time === undefined ? 0 : (time - begun) / 1000).toFixed(6);
  const header = response?.headers ?? {};
  const code = String(response?.statusCode ?? 0).padStart(3, "0");
  return {
    http_code: code,
    response_code: code,
    content_type: header["content-type"] ?? "",
    size_download: result.size,
    size_header: response ? headText(response).length : 0,
    size_upload: 0,
    num_redirects: result.redirects ?? 0,
    redirect_url: header.location && !result.followed ? String(new URL(header.location, url)) : "",
    url_effective: url ? String(url) : result.text,
    url: result.text,
    scheme: url?.protocol.slice(0, -1).toUpperCase() ?? "",
    method: result.method ?? "",
    http_version: response?.httpVersion ?? "0",
    num_connects: (result.redirects ?? 0) + 1,
    remote_ip: times.remote?.address ?? "",
    remote_port: times.remote?.port ?? 0,
    local_ip: times.local?.address ?? "",
    local_port: times.local?.port ?? 0,
    time_namelookup: since(times.lookup ?? times.connect),
    time_connect: since(times.connect),
    time_appconnect: url?.protocol === "https:" ? since(times.ready) : "0.000000",
    time_pretransfer: since(times.ready),
    time_starttransfer: since(times.first),
    time_total: since(result.ended),
    time_redirect: "0.000000",
    speed_download:
      Math.round(result.size / Math.max(0.000001, (result.ended - begun) / 1000)) || 0,
    exitcode: error?.status ?? 0,
    errormsg: error?.message.replace(/^curl: \(\d+\) /, "") ?? "",
    filename_effective: result.path ?? "",
    ssl_verify_result: error?.status === 60 ? 1 : 0,
    num_headers: (response?.rawHeaders.length ?? 0) / 2,
  };
}

function writeOut(format, result, error) {
  const text = format.startsWith("@") ? readInput(format.slice(1)).toString() : format;
  const known = variables(result, error);
  let sink = 1;
  let pending = "";
  const flush = () => {
    writeSync(sink, pending);
    pending = "";
  };
  const pattern = /%%|%header\{([^}]*)\}|%\{([^}]*)\}|\\([nrt])|[^%\\]+|[%\\]/gs;
  for (const [whole, header, name, letter] of text.matchAll(pattern)) {
    if (whole === "%%") pending += "%";
    else if (header !== undefined)
      pending += [result.response?.headers[header.toLowerCase()] ?? ""].flat().join(", ");
    else if (name === "stdout" || name === "stderr") {
      flush();
      sink = name === "stdout" ? 1 : 2;
    } else if (name === "onerror") {
      if (!error) break;
    } else if (name === "json") pending += JSON.stringify(known);
    else if (name === "header_json")
      pending += JSON.stringify(
        Object.fromEntries(Object.entries(result.response?.headersDistinct ?? {})),
      );
    else if (name !== undefined) pending += known[name] ?? "";
    else if (letter) pending += { n: "\n", r: "\r", t: "\t" }[letter];
    else pending += whole;
  }
  flush();
}

const isTransient = ({ response }, error, asked) =>
  (error?.status === 28 && !asked["max-time"]) ||
  (error && asked["retry-all-errors"]) ||
  (error?.status === 7 && asked["retry-connrefused"]) ||
  [408, 429, 500, 502, 503, 504].includes(response?.statusCode);

async function attempt(asked, text, path, jar) {
  const output = new Output(path, asked["create-dirs"]);
  const result = { size: 0, text, path, begun: performance.now() };
  let failure;
  try {
    await transfer(asked, text, output, jar, result);
    await output.close(true);
  } catch (error) {
    await output.close(false).catch(() => {});
    if (!(error instanceof CurlError)) throw error;
    failure = error;
  }
  return { result, failure };
}

async function perform(asked, text, path, jar) {
  const tries = Number(asked.retry ?? 0);
  for (let left = tries, pause = 1; ; left -= 1, pause = Math.min(pause * 2, 600)) {
    const { result, failure } = await attempt(asked, text, path, jar);
    if (left > 0 && isTransient(result, failure, asked)) {
      const seconds = Number(asked["retry-delay"] ?? 0) || pause;
      if (!asked.silent)
        process.stderr.write(
          `Warning: Problem: ${failure ? "(retrying all errors)" : "HTTP error"}. Will retry in ${seconds} second${seconds === 1 ? "" : "s"}. ${left} retr${left === 1 ? "y" : "ies"} left.\n`,
        );
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      continue;
    }
    if (failure && (!asked.silent || asked["show-error"]))
      process.stderr.write(`${failure.message}\n`);
    if (asked["write-out"] !== undefined) writeOut(asked["write-out"], result, failure);
    return failure?.status ?? 0;
  }
}

async function main(words) {
  const asked = parse(words);
  if (asked.help) return void process.stdout.write(HELP);
  if (asked.version) {
    return void process.stdout.write(
      `curl ${VERSION} (over Node.js ${process.versions.node}) OpenSSL/${process.versions.openssl} zlib/${process.versions.zlib}\nProtocols: http https\nFeatures: AsynchDNS brotli IPv6 Largefile libz SSL UnixSockets zstd\n`,
    );
  }
  if (asked.url.length === 0) throw usage("curl: no URL specified!");
  const jar = new Jar(asked);
  let status = 0;
  for (const [at, text] of asked.url.entries()) {
    const names = asked["remote-name"] || asked["remote-name-all"];
    let path = asked.output?.[at];
    if (path === undefined && names) {
      path = decodeURIComponent(address(text, asked).pathname.split("/").pop());
      if (!path)
        throw new CurlError(23, "curl: (23) Failed writing received data to disk/application");
    }
    if (path !== undefined && asked["output-dir"]) path = join(asked["output-dir"], path);
    status = (await perform(asked, text, path, jar)) || status;
  }
  if (asked["cookie-jar"]) jar.save(asked["cookie-jar"]);
  process.exitCode = status;
}

process.stdout.on("error", () => process.exit(23));
try {
  await main(process.argv.slice(1));
} catch (error) {
  if (!(error instanceof CurlError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.status;
}
