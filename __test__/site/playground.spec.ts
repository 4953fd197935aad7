// The playground in a browser, served by the command line. `npm test -- site` builds it first.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Browser, noBrowser, type Page } from "../support/browser.ts";

const root = join(import.meta.dirname, "..", "..");
const token = "a token of the tests".replaceAll(" ", "-");
const skip = noBrowser;

let server: ChildProcess;
let address: string;
let browser: Browser;
let page: Page;

before(async () => {
  if (skip) return;
  const args = [join(root, "lib/cli/main.cjs"), "serve", "--playground"];
  args.push("--port", "0", "--drain-seconds", "0");
  server = spawn(process.execPath, args, {
    env: { ...process.env, SECURE_EXEC_TOKEN: token },
    stdio: ["ignore", "ignore", "pipe"],
  });
  address = await new Promise<string>((resolve, reject) => {
    let said = "";
    server.once("exit", (code) => reject(new Error(`serve ended with ${code}: ${said}`)));
    server.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const [, found] = /playground=(\S+)/.exec(said) ?? [];
      if (found) resolve(found);
    });
  });
  browser = await Browser.start();
  page = await browser.open("about:blank");
  await page.resize(1280, 800);
});

after(async () => {
  await browser?.close();
  if (!server) return;
  const ended = once(server, "exit");
  server.kill("SIGTERM");
  await ended;
});

/** What a connection of the page goes through, so that it can be cut. */
class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  connections = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(port: number): Promise<Relay> {
    const server = createServer();
    const relay = new Relay(server);
    server.on("connection", (near) => {
      relay.connections += 1;
      const far = connect(port, "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        relay.#sockets.add(from);
        from.on("error", () => to.destroy());
        from.on("close", () => relay.#sockets.delete(from) && to.destroy());
        from.pipe(to);
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return relay;
  }

  get url() {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends all connections in the middle of what they do. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  close() {
    this.#server.close();
    this.cut();
  }
}

/** The text of an element, once it is as wanted. */
const text = (selector: string, wanted: RegExp) =>
  page.value<string>(`(() => {
    const found = document.querySelector(${JSON.stringify(selector)})?.textContent;
    return ${wanted}.test(found) ? found : undefined;
  })()`);
const click = (selector: string) =>
  page.value(`document.querySelector(${JSON.stringify(selector)}).click() ?? true`);
const entry = (path: string) => `[data-path="${path}"]`;

/** Writes a program in place of what is in the editor. */
async function write(program: string) {
  await page.value(
    `document.querySelector("#editor").shadowRoot.querySelector(".cm-content").focus() ?? true`,
  );
  await page.press("a", { ctrl: true });
  await page.enter(program);
}

async function type(line: string) {
  await page.value(`document.querySelector(".xterm-helper-textarea").focus() ?? true`);
  await page.enter(line);
  await page.press("Enter");
}

/** Lines of the terminal that are shown. */
const shown = (wanted: RegExp) => text(".xterm-rows", wanted);

/** The page has its machine, and says so. */
const ready = () =>
  page.value(`/^machine |^saved /.test(document.querySelector("#state")?.textContent)
    && document.body.getAttribute("aria-busy") === "false" || undefined`);

/** Keeps a picture where `SECURE_EXEC_PICTURES` names a folder. */
async function picture(name: string) {
  const folder = process.env.SECURE_EXEC_PICTURES;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.png`), await page.picture());
}

test("a token is asked for, and one that the server does not know is refused", {
  skip,
}, async () => {
  await page.goTo(address);
  await page.value(`document.querySelector("#login")?.open || undefined`);
  await picture("login");
  await page.enter("not-the-token-of-the-server");
  await page.press("Enter");
  await text("#refused", /does not know/);
});

test("a token behind # opens it, and is not in the address or in a request", { skip }, async () => {
  await page.goTo("about:blank");
  await page.goTo(`${address}#token=${token}`);
  await ready();
  assert.equal(await page.value("location.href"), address);
  assert.deepEqual(
    page.requests.filter((url) => url.includes(token)),
    [],
  );
});

test("a program runs, with both channels and its exit status", { skip }, async () => {
  await write(`console.log("out", 6 * 7);\nconsole.error("<b>err</b>");\nprocess.exit(3);`);
  await page.press("Enter", { ctrl: true });
  assert.match(
    await text("#result", /^exit/),
    /exit status 3, \d\.\d\d s, \d+ ms of processor time, \d+\.\d MiB/,
  );
  await text("#output .out", /^out 42$/m);
  await text("#output .error", /<b>err<\/b>/);
  assert.equal(await page.value(`document.querySelectorAll("#output b").length`), 0);
});

test("a program that does not end is stopped", { skip }, async () => {
  await write(`for (let n = 0; ; n++) console.log("line", n);`);
  await click("#run");
  await text("#output", /line 1000\n/);
  await click("#run");
  await text("#result", /exit status 137/);
  const kept = await page.value<number>(`document.querySelector("#output").textContent.length`);
  assert.ok(kept < 1024 * 1024, `${kept} characters are kept`);
});

test("the shell has a terminal of the window's size, and Ctrl+C", { skip }, async () => {
  await type("stty size; echo made-$((6*7))");
  const lines = await shown(/made-42/);
  const [, columns = ""] = /\d+ (\d+)made-42/.exec(lines.replaceAll("\n", "")) ?? [];
  assert.ok(Number(columns) > 40, lines);
  await type("clear; sh -c 'echo up-$((1+1)); sleep 1000'");
  await shown(/up-2/);
  await page.press("c", { ctrl: true });
  await type("echo status-$?");
  await shown(/status-130/);
  await picture("wide");
});

test("files of the shell are edited, and what is saved is there for the shell", {
  skip,
}, async () => {
  await type("mkdir -p notes; echo from the shell > notes/a.txt");
  await shown(/a\.txt/);
  await page.value(`(() => {
    document.querySelector("#refresh").click();
    return document.querySelector('${entry("/workspace/notes")}') ? true : undefined;
  })()`);
  await click(entry("/workspace/notes"));
  await page.value(
    `document.querySelector('${entry("/workspace/notes/a.txt")}') ? true : undefined`,
  );
  await click(entry("/workspace/notes/a.txt"));
  await text("#name", /^\/workspace\/notes\/a\.txt$/);
  await write("from the editor");
  await text("#name", /•/);
  await page.press("s", { ctrl: true });
  await text("#name", /a\.txt$/);
  await type("clear; cat notes/a.txt; echo");
  await shown(/from the editor/);
});

test("files are made, uploaded, downloaded and deleted", { skip }, async () => {
  await page.value(`(window.prompt = () => "/workspace/made.mjs", window.confirm = () => true)`);
  await click("#new-file");
  await text("#name", /^\/workspace\/made\.mjs$/);
  await write("made here");
  await page.value(`(() => {
    const given = new DataTransfer();
    given.items.add(new File([new Uint8Array([0, 255, 10])], "bytes.bin"));
    const input = document.querySelector("#uploads");
    input.files = given.files;
    input.dispatchEvent(new Event("change"));
    return true;
  })()`);
  await page.value(`document.querySelector('${entry("/workspace/bytes.bin")}') ? true : undefined`);
  await click(entry("/workspace/bytes.bin"));
  await text("#state", /is no text/);
  await page.value(`(() => {
    URL.createObjectURL = (blob) => ((window.taken = blob), "about:blank#");
    HTMLAnchorElement.prototype.click = () => {};
    document.querySelector("#download").click();
    return true;
  })()`);
  await page.value(`window.taken ? true : undefined`);
  assert.equal(await page.value(`taken.text()`), "made here");
  await click("#remove");
  await page.value(`document.querySelector('${entry("/workspace/made.mjs")}') ? undefined : true`);
});

test("names and sequences of a hostile guest are text", { skip }, async () => {
  await type(
    String.raw`clear; touch '<img src=x onerror=window.harmed=1>'; printf '\033]0;title\007\033]52;c;aGFybQ==\007\033]8;;javascript:window.harmed=1\007link\033]8;;\007\n'; echo do''ne`,
  );
  await shown(/done/);
  await page.value(`(() => {
    document.querySelector("#refresh").click();
    return [...document.querySelectorAll("#tree button")].some(({ textContent }) => textContent.includes("<img")) || undefined;
  })()`);
  assert.equal(await page.value(`document.querySelectorAll("#tree img").length`), 0);
  assert.equal(await page.value(`window.harmed ?? null`), null);
  assert.equal(await page.value("document.title"), "secure-exec playground");
});

test("a page that is loaded again finds its machine", { skip }, async () => {
  await page.goTo("about:blank");
  await page.goTo(address);
  await ready();
  await page.value(`document.querySelector('${entry("/workspace/notes")}') ? true : undefined`);
  await type("cat notes/a.txt; echo");
  await shown(/from the editor/);
});

test("a new machine takes the place of one in which something runs", { skip }, async () => {
  await page.value("(window.confirm = () => true)");
  await write("setInterval(() => {}, 1000); console.log('runs');");
  await click("#run");
  await text("#output", /^runs/);
  const before = await page.value<string>(`sessionStorage.getItem("sandbox")`);
  await click("#renew");
  await page.value(
    `/A program of the machine/.test(document.querySelector("#editor").shadowRoot.textContent) || undefined`,
  );
  await page.value(`document.querySelector('${entry("/workspace/notes")}') ? undefined : true`);
  assert.notEqual(await page.value(`sessionStorage.getItem("sandbox")`), before);
  await ready();
  await text("#run", /^Run$/);
  await click("#run");
  await text("#result", /exit status 0/);
  await type("echo new-$((6*7))");
  await shown(/new-42/);
});

test("a shell and a program go on where the connection was lost", { skip }, async () => {
  const through = await Relay.start(Number(new URL(address).port));
  try {
    await page.goTo("about:blank");
    await page.goTo(`${through.url}/playground/#token=${token}`);
    await ready();
    await write(`for (let n = 0; n < 40; n++) {
  console.log("line", n, "of 40");
  await new Promise((resolve) => setTimeout(resolve, 20));
}`);
    await click("#run");
    await text("#output", /line 3 /);
    await type("before=here");
    through.cut();
    await type('echo "$before-$((6*7))"');
    await shown(/here-42/);
    await text("#result", /exit status 0/);
    await text("#output", /line 39 of 40/);
    const lines = await page.value<string>(`document.querySelector("#output").textContent`);
    const wanted = Array.from({ length: 40 }, (_, n) => `line ${n} of 40\n`).join("");
    assert.equal(lines, wanted);
    assert.ok(through.connections > 1);
  } finally {
    await page.goTo("about:blank");
    through.close();
  }
});

test("a narrow window shows one view at a time", { skip }, async () => {
  await page.goTo(address);
  await ready();
  await page.resize(390, 844);
  for (const view of ["files", "code", "shell"]) {
    await click(`[data-shows="${view}"]`);
    const visible = await page.value<string[]>(
      `[...document.querySelectorAll("section")].filter(({ clientWidth }) => clientWidth > 0).map(({ id }) => id)`,
    );
    assert.deepEqual(visible, [view]);
    assert.ok((await page.value<number>("document.documentElement.scrollWidth")) <= 390);
    await picture(`narrow-${view}`);
  }
});

test("nothing was asked of other hosts", { skip }, () => {
  assert(page.requests.length > 20);
  const foreign = page.requests.filter(
    (url) => !/^(http:\/\/127\.0\.0\.1:|data:|about:)/.test(url),
  );
  assert.deepEqual(foreign, []);
});
