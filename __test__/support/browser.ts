// Chromium of the host without a window, told what to do over its own protocol.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why there is none, or false. */
export const noBrowser =
  spawnSync("chromium", ["--version"]).status === 0 ? false : "the host has no chromium";

type Reply = { id?: number; result?: unknown; error?: { message: string } };
type Event = { method?: string; sessionId?: string; params?: { request?: { url: string } } };

export class Browser {
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly #socket: WebSocket;
  readonly #replies = new Map<number, (reply: Reply) => void>();
  /** What hears of messages on the WebSockets of each page. */
  readonly #heard = new Map<string, () => void>();
  /** What each page has asked for. */
  readonly #requests = new Map<string, string[]>();
  #last = 0;

  private constructor(folder: string, process: ChildProcess, socket: WebSocket) {
    this.#folder = folder;
    this.#process = process;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const message: Reply & Event = JSON.parse(String(data));
      this.#replies.get(message.id ?? 0)?.(message);
      if (message.method === "Network.webSocketFrameReceived") {
        this.#heard.get(message.sessionId ?? "")?.();
      }
      if (message.method === "Network.requestWillBeSent") {
        const { url } = message.params?.request ?? {};
        if (url) this.#requests.get(message.sessionId ?? "")?.push(url);
      }
    });
  }

  static async start(): Promise<Browser> {
    const folder = mkdtempSync(join(tmpdir(), "secure-exec-browser-"));
    const args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
    args.push("--no-first-run", "--disable-background-networking", "--no-proxy-server");
    args.push(`--user-data-dir=${folder}`, "--remote-debugging-port=0", "--window-size=800,600");
    // It is root's in most places where tests run; what it loads is the tests' own.
    const chromium = spawn("chromium", [...args, "about:blank"], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder },
    });
    let said = "";
    const url = await new Promise<string>((resolve, reject) => {
      chromium.once("exit", (code) => reject(new Error(`chromium ended with ${code}: ${said}`)));
      chromium.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        const [, found] = /DevTools listening on (ws:\S+)/.exec(said) ?? [];
        if (found) resolve(found);
      });
    });
    const socket = new WebSocket(url);
    await once(socket, "open");
    return new Browser(folder, chromium, socket);
  }

  async #send<T>(method: string, params: object, sessionId?: string): Promise<T> {
    this.#last += 1;
    const id = this.#last;
    const reply = new Promise<Reply>((resolve) => this.#replies.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    const { result, error } = await reply;
    this.#replies.delete(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result as T;
  }

  /** Opens a page. */
  async open(url: string): Promise<Page> {
    const blank = { url: "about:blank" };
    const { targetId } = await this.#send<{ targetId: string }>("Target.createTarget", blank);
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.#send<{ sessionId: string }>("Target.attachToTarget", attach);
    const hasHeard = new Promise<void>((resolve) => this.#heard.set(sessionId, resolve));
    const requests: string[] = [];
    this.#requests.set(sessionId, requests);
    await this.#send("Network.enable", {}, sessionId);
    const page = new Page((method, params) => this.#send(method, params, sessionId), {
      hasHeard,
      requests,
    });
    await page.goTo(url);
    return page;
  }

  async close(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#socket.close();
    this.#process.kill("SIGKILL");
    await ended;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

type Send = <T>(method: string, params: object) => Promise<T>;

export class Page {
  readonly #send: Send;
  /** Settles when a WebSocket of the page has got something. */
  readonly hasHeard: Promise<void>;
  /** The addresses that the page has asked for so far. */
  readonly requests: readonly string[];

  constructor(
    send: Send,
    { hasHeard, requests }: { hasHeard: Promise<void>; requests: readonly string[] },
  ) {
    this.#send = send;
    this.hasHeard = hasHeard;
    this.requests = requests;
  }

  /** Opens another page in its place. */
  async goTo(url: string): Promise<void> {
    // Answered once the page is the one of the address.
    await this.#send("Page.navigate", { url });
  }

  /** Gives the window another size, in CSS pixels. */
  async resize(width: number, height: number): Promise<void> {
    const params = { width, height, deviceScaleFactor: 1, mobile: width < 600 };
    await this.#send("Emulation.setDeviceMetricsOverride", params);
  }

  /** Enters text where the focus is, as a keyboard or an input method does. */
  async enter(text: string): Promise<void> {
    await this.#send("Input.insertText", { text });
  }

  /** Presses a key by its name in `KeyboardEvent.key`, with `ctrl` if it is to be held. */
  async press(key: string, { ctrl = false } = {}): Promise<void> {
    const codes: Record<string, number> = { Enter: 13, Tab: 9, Escape: 27, Backspace: 8 };
    const code = codes[key] ?? key.toUpperCase().charCodeAt(0);
    const params = {
      key,
      code: key.length === 1 ? `Key${key.toUpperCase()}` : key,
      windowsVirtualKeyCode: code,
      modifiers: ctrl ? 2 : 0,
      ...(key === "Enter" && { text: "\r" }),
    };
    await this.#send("Input.dispatchKeyEvent", { type: "keyDown", ...params });
    await this.#send("Input.dispatchKeyEvent", { type: "keyUp", ...params });
  }

  /** The value of an expression, once it has one. */
  async value<T>(expression: string): Promise<T> {
    const code = `new Promise((resolve) => {
      const look = () => { const value = ${expression}; value === undefined ? requestAnimationFrame(look) : resolve(value); };
      look();
    })`;
    const params = { expression: code, awaitPromise: true, returnByValue: true };
    const { result } = await this.#send<{ result: { value: T } }>("Runtime.evaluate", params);
    return result.value;
  }

  /** The value of an expression as it is now; a page that is being loaded has none. */
  async valueNow<T>(expression: string): Promise<T | undefined> {
    const params = { expression, returnByValue: true };
    try {
      const { result } = await this.#send<{ result: { value?: T } }>("Runtime.evaluate", params);
      return result.value;
    } catch (error) {
      if (/context|navigated/.test((error as Error).message)) return undefined;
      throw error;
    }
  }

  /** A picture of all of it or of a part, as PNG. */
  async picture(part?: { x: number; y: number; width: number; height: number }): Promise<Buffer> {
    const params = { format: "png", ...(part && { clip: { ...part, scale: 1 } }) };
    const { data } = await this.#send<{ data: string }>("Page.captureScreenshot", params);
    return Buffer.from(data, "base64");
  }
}
