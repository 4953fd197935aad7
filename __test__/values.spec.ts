// Serialisation, inspection, hashing, timers: programs that must do what they do on host Node.js.

import assert from "node:assert/strict";
import { assertSameAsHost, inGuest, onHost, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const same: Record<string, string> = {
  "v8.serialize and structuredClone round trips": `
    import v8 from "node:v8";
    import util from "node:util";
    const value = {
      map: new Map([[1, new Set(["a"])]]), date: new Date(0), regexp: /x/gi, big: 2n ** 70n,
      typed: new Float64Array([1.5, NaN]), error: new RangeError("r"), nested: [[], {}], hole: [1, , 3],
    };
    value.self = value;
    for (const copy of [structuredClone(value), v8.deserialize(v8.serialize(value))]) {
      copy.error.stack = value.error.stack = "";
      console.log(util.isDeepStrictEqual(copy.map, value.map), copy.self === copy, util.inspect(copy, { depth: 4 }));
    }
    try { structuredClone(() => {}); } catch (error) { console.log(error.name, error.code); }
  `,
  "util.inspect prints what Node.js prints": `
    import util from "node:util";
    class Point { #hidden = 1; constructor() { this.x = 1; } get y() { return 2; } static z = 3; }
    const circular = { list: [1, 2] };
    circular.circular = circular;
    console.log([
      new Point(), Point, circular, new Map([["k", { v: [1, [2, [3, [4]]]] }]]), new Set([1, "b"]),
      Symbol("s"), -0, 123456789n, [undefined, null, , 3], function f() {}, async () => {}, class A extends Point {},
      new Error("message", { cause: "c" }).message, Buffer.from("abc"), new Uint8Array(3), new Proxy({ a: 1 }, {}),
      Promise.resolve(4), new WeakMap(), Object.create(null), "quote's", new Date(0), /re/g, process.versions.modules,
      Array.from({ length: 120 }, (_, i) => i), new (class extends Array {})(3), [..."abc"].entries(),
    ].map((value) => util.inspect(value)).join("\\n"));
    console.log(util.inspect({ a: { b: { c: {} } } }, { depth: 0 }), util.format("%s %d %j %o %%", "a", 1.5, { b: 1 }, [1]));
    console.table([{ a: 1, b: "x" }, { a: 2, c: true }]);
  `,
  "hashes, copies, streams and key derivation": `
    import crypto from "node:crypto";
    import { pipeline } from "node:stream/promises";
    import { Readable } from "node:stream";
    const hash = crypto.createHash("sha256").update("a");
    console.log(hash.copy().digest("hex"), hash.update("b").digest("base64url"));
    const stream = crypto.createHash("sha512");
    await pipeline(Readable.from(["x", "y"]), stream);
    console.log(stream.digest("hex").slice(0, 20));
    console.log(crypto.createHmac("sha1", "key").update("data").digest("hex"));
    console.log(crypto.pbkdf2Sync("p", "s", 10, 16, "sha256").toString("hex"));
    console.log(crypto.scryptSync("p", "s", 16, { N: 16 }).toString("hex"));
    console.log(Buffer.from(crypto.hkdfSync("sha256", "k", "s", "i", 16)).toString("hex"));
    console.log(crypto.timingSafeEqual(Buffer.from("a"), Buffer.from("a")));
    for (const call of [
      () => crypto.getRandomValues(new Uint8Array(65537)),
      () => crypto.createHash("no-such-hash"),
      () => crypto.pbkdf2("p", "s", 0, 1, "sha1", () => {}),
      () => crypto.randomBytes(-1),
      () => crypto.timingSafeEqual(Buffer.alloc(1), Buffer.alloc(2)),
    ]) {
      try { call(); console.log("no error"); } catch (error) { console.log(error.name, error.code); }
    }
  `,
  "ciphers, keys and WebCrypto": `
    import crypto from "node:crypto";
    const [key, iv] = [Buffer.alloc(32, 1), Buffer.alloc(12, 2)];
    const cipher = crypto.createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from("aad"));
    const data = Buffer.concat([cipher.update("secret"), cipher.final()]);
    const open = (tag, text = data) => {
      const decipher = crypto.createDecipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from("aad")).setAuthTag(tag);
      return decipher.update(text, undefined, "utf8") + decipher.final("utf8");
    };
    console.log(data.toString("hex"), cipher.getAuthTag().toString("hex"), open(cipher.getAuthTag()));
    for (const tag of [Buffer.alloc(16), Buffer.alloc(3)])
      try { open(tag); } catch ({ name, code, message }) { console.log(name, code, message); }
    const secret = crypto.createSecretKey(key);
    console.log(secret.export({ format: "jwk" }).k, secret.symmetricKeySize, secret.equals(crypto.createSecretKey(key)));
    const { publicKey, privateKey } = crypto.generateKeyPairSync("ed25519");
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    console.log(pem.split("\\n")[0], publicKey.asymmetricKeyType, publicKey.export({ type: "spki", format: "der" }).length);
    console.log(crypto.verify(null, Buffer.from("m"), publicKey, crypto.sign(null, Buffer.from("m"), crypto.createPrivateKey(pem))));
    try { publicKey.export({ type: "pkcs1", format: "pem" }); } catch ({ code }) { console.log(code); }
    for (const call of [
      () => crypto.scrypt("p", "s", -1, () => {}),
      () => crypto.randomFill(new Uint8Array(2), 5, () => {}),
      () => crypto.generateKeyPair("rsa", {}, () => {}),
      () => crypto.hkdf("sha256", "k", "s", "i", -1, () => {}),
      () => crypto.randomInt(5, 1, () => {}),
    ]) try { call(); console.log("no error"); } catch ({ name, code }) { console.log(name, code); }
    const { subtle } = crypto.webcrypto;
    const aes = await subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
    const sealed = await subtle.encrypt({ name: "AES-GCM", iv }, aes, Buffer.from("text"));
    console.log(Buffer.from(await subtle.decrypt({ name: "AES-GCM", iv }, aes, sealed)).toString());
    await subtle.decrypt({ name: "AES-GCM", iv: key.subarray(0, 12) }, aes, sealed).catch(({ name }) => console.log(name));
    console.log((await subtle.exportKey("jwk", aes)).alg, Buffer.from(await subtle.digest("SHA-256", Buffer.from("a"))).toString("hex"));
    const ec = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
    const signature = await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, ec.privateKey, Buffer.from("m"));
    console.log(await subtle.verify({ name: "ECDSA", hash: "SHA-256" }, ec.publicKey, signature, Buffer.from("m")));
    await subtle.exportKey("jwk", ec.privateKey).catch(({ name }) => console.log(name));
  `,
  "compression round trips": `
    import zlib from "node:zlib";
    import { promisify } from "node:util";
    const text = Buffer.from("secure ".repeat(2000));
    console.log(zlib.deflateSync(text).length, zlib.gunzipSync(zlib.gzipSync(text)).equals(text));
    console.log(zlib.brotliDecompressSync(zlib.brotliCompressSync(text)).equals(text));
    console.log(zlib.zstdDecompressSync(zlib.zstdCompressSync(text)).equals(text));
    console.log((await promisify(zlib.inflateRaw)(zlib.deflateRawSync(text))).length, zlib.crc32("abc"));
    try { zlib.gunzipSync(Buffer.from("nonsense")); } catch (error) { console.log(error.code, error.errno); }
  `,
  "web globals": `
    const url = new URL("../b?x=1#h", "https://user@example.com:8080/a/c/");
    console.log(url.href, [...url.searchParams].join(), new URLPattern({ pathname: "/:id" }).exec("https://e/7").pathname.groups.id);
    console.log(new TextDecoder("utf-16le").decode(new TextEncoder().encode("ab")), atob(btoa("abc")));
    const { port1, port2 } = new MessageChannel();
    console.log(await new Promise((resolve) => { port2.onmessage = (event) => { port2.close(); resolve(event.data.a); }; port1.postMessage({ a: [1] }); }));
    const target = new EventTarget();
    target.addEventListener("e", (event) => console.log(event.type, event.detail), { once: true });
    target.dispatchEvent(new CustomEvent("e", { detail: 5 }));
    console.log(await new Blob(["a", new Uint8Array([98])]).text(), await new Response("body").text());
    const stream = new ReadableStream({ start(c) { c.enqueue("a"); c.close(); } }).pipeThrough(new TransformStream());
    for await (const chunk of stream) console.log(chunk);
    console.log(new Intl.NumberFormat("de").format(1234.5), new Date(0).toLocaleString("en-GB", { timeZone: "Asia/Tokyo" }));
  `,
  "control characters in patterns of URLs": `
    const names = ["protocol", "username", "password", "pathname"];
    const tell = (make) => { try { console.log(JSON.stringify(make())); } catch (error) { console.log(error.code); } };
    const inputs = [
      " http:", "ht\\ntp:", "http:http::id\\t*", "http://a\\tb:c\\nd@e/", { protocol: "\\n" }, { protocol: "{ a}" },
      { protocol: "\\x01http" }, { protocol: "a(\\t| )" }, { username: "a\\rb" }, { username: "(a(?:b)\\n)c\\n" },
      { username: "a\\\\(\\t" }, { password: ":id\\t" }, { pathname: "/a\\tb" },
      "\\thttp://a/", "\\n:#", "http:\\t//a", "http://:id\\t/", { hostname: "\\t" }, { hostname: ":id\\ta" }, { port: "8\\t0" },
    ];
    for (const input of inputs) {
      for (const base of typeof input === "string" ? [undefined, "http://a.b/"] : [undefined]) {
        tell(() => { const pattern = new URLPattern(input, base); return names.map((name) => pattern[name]); });
      }
    }
    for (const protocol of [" http", "ht\\ttp", "http"]) tell(() => new URLPattern().test({ protocol }));
  `,
  "AsyncLocalStorage and diagnostics channels": `
    import { AsyncLocalStorage } from "node:async_hooks";
    import channel from "node:diagnostics_channel";
    const storage = new AsyncLocalStorage();
    channel.subscribe("c", (message, name) => console.log(name, message, storage.getStore()));
    await storage.run("store", async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      setImmediate(() => channel.channel("c").publish("late"));
      process.nextTick(() => channel.channel("c").publish("tick"));
    });
    console.log(storage.getStore());
  `,
  "readline and streams over standard input": `
    import readline from "node:readline";
    import { Readable, Transform } from "node:stream";
    const input = Readable.from(["one\\ntw", "o\\n", "three"]);
    for await (const line of readline.createInterface({ input })) console.log(line);
    const upper = new Transform({ transform(chunk, _, done) { done(null, String(chunk).toUpperCase()); } });
    console.log(await Readable.from(["a", "b"]).pipe(upper).toArray());
  `,
  timers: `
    import { setTimeout as sleep, setInterval as every } from "node:timers/promises";
    console.log(await sleep(1, "slept"));
    let ticks = 0;
    for await (const value of every(1, "tick")) if (++ticks === 3) { console.log(value, ticks); break; }
    const timer = setTimeout(() => {}, 1e9);
    console.log(timer.hasRef(), timer.unref().hasRef(), typeof timer[Symbol.toPrimitive]());
    clearTimeout(timer);
    await sleep(1e6, null, { signal: AbortSignal.abort() }).catch((error) => console.log(error.name));
  `,
};

describe("values as on host Node.js", () => {
  for (const [name, code] of Object.entries(same)) {
    test(name, async () => {
      await assertSameAsHost(code);
    });
  }
});

test("node:test runs in process", async () => {
  const code = `
    import test from "node:test";
    import assert from "node:assert";
    const results = [];
    await test("outer", async (t) => {
      await t.test("inner", () => results.push("inner"));
      t.mock.timers.enable({ apis: ["setTimeout"] });
      setTimeout(() => results.push("mocked"), 1000);
      t.mock.timers.tick(1000);
    });
    try { assert.deepStrictEqual({ a: 1 }, { a: 2 }); } catch (error) { console.log(error.code, error.generatedMessage); }
    console.log("results", results.join());
  `;
  const [host, guest] = await Promise.all([onHost(code), inGuest(code)]);
  const withoutTimes = (text: string) =>
    // A time of zero whole milliseconds is left out.
    text.replace(/ \(\d+(\.\d+)?ms\)/g, "").replace(/(?<=duration_ms )[\d.]+/g, "<ms>");
  assert.equal(withoutTimes(guest.stdout), withoutTimes(host.stdout), guest.stderr);
});

describe("timers", () => {
  test("an interval of nothing starves nobody, clearing frees slots", async () => {
    await withRuntime({ limits: { jsRuntime: { maxTimers: 100 } } }, async (runtime) => {
      const { stdout, stderr } = await runtime.exec(`
        for (let round = 0; round < 50; round++) {
          const timers = Array.from({ length: 90 }, () => setInterval(() => {}, 0));
          for (const timer of timers) clearInterval(timer);
        }
        console.log("freed");
        const timer = setInterval(() => {}, 0);
        setTimeout(() => { clearInterval(timer); console.log("done"); }, 20);
      `);
      assert.equal(stdout, "freed\ndone\n", stderr);
    });
  });

  test("more than the limit fails by name", async () => {
    await withRuntime({ limits: { jsRuntime: { maxTimers: 100 } } }, async (runtime) => {
      const { stderr, exitCode } = await runtime.exec(
        "for (let i = 0; i < 1000; i++) setTimeout(() => {}, 1e6);",
        { timeout: 3000 },
      );
      assert.notEqual(exitCode, 0);
      assert.match(stderr, /maxTimers|timers/);
    });
  });
});
