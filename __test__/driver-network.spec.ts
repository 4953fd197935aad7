// `useDefaultNetwork`: what the host reaches for a driver's runtime, and what it does not.

import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { DriverNetwork, NodeDriverOptions } from "secure-exec";
import { driverRuntime } from "./support/driver.ts";
import { describe, test } from "./support/suite.ts";

const { isPublic } = createRequire(import.meta.url)("../lib/driver/public-address.cjs") as {
  isPublic: (address: string) => boolean;
};

/** 127.0.0.1 is the machine's own; this one is the host's. */
const host = "127.0.0.2";

async function withServer(listener: RequestListener, act: (origin: string) => Promise<void>) {
  const server = createServer(listener).listen(0, host);
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    await act(`http://${host}:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

type Check = NonNullable<NodeDriverOptions["permissions"]>["network"];

const networkWith = (network: Check): DriverNetwork =>
  driverRuntime({ driver: { useDefaultNetwork: true, permissions: { network } } }).network;

const named = (...patterns: string[]): Check => ({ rules: [{ mode: "allow", patterns }] });

describe("the default network", () => {
  test("is that of the host, as far as the permission goes", async () => {
    const answer: RequestListener = (request, response) => {
      let body = "";
      request.on("data", (data) => {
        body += data;
      });
      request.on("end", () => {
        response.writeHead(201, { "x-twice": ["a", "b"] });
        response.end(`${request.method} ${request.url} ${request.headers["x-own"]} ${body}`);
      });
    };
    await withServer(answer, async (origin) => {
      const network = networkWith(named("127.0.0.0/8"));
      const options = { method: "POST", headers: { "x-own": "h" }, body: "é" };
      const { ok, status, statusText, headers, body, url, redirected } = await network.fetch(
        `${origin}/p?q`,
        options,
      );
      assert.deepEqual(
        { ok, status, statusText, body, url, redirected },
        {
          ok: true,
          status: 201,
          statusText: "Created",
          body: "POST /p?q h é",
          url: `${origin}/p?q`,
          redirected: false,
        },
      );
      assert.equal(headers["x-twice"], "a, b");
      assert.equal((await network.httpRequest(origin)).body, "GET / undefined ");
      assert.deepEqual(await network.dnsLookup(host), { address: host, family: 4 });
      const denied = networkWith("deny");
      await assert.rejects(denied.fetch(origin), { code: "EACCES" });
    });
  });

  test("reaches no address that is not public, unless a rule names it", async () => {
    const asked: string[] = [];
    const answer: RequestListener = (request, response) => {
      asked.push(request.url ?? "");
      response.end();
    };
    await withServer(answer, async (origin) => {
      const { port } = new URL(origin);
      for (const permission of ["allow", () => true, named("*"), named("127.*")] as Check[]) {
        const network = networkWith(permission);
        const message = /127\.0\.0\.2 is not a public address/;
        await assert.rejects(network.fetch(`${origin}/no`), { code: "EACCES", message });
        await assert.rejects(network.httpRequest(`${origin}/no`), { code: "EACCES", message });
        await assert.rejects(network.dnsLookup(host), { code: "EACCES", message });
        // The same address, written in ways that programs have been misled by.
        for (const other of [`http://2130706434:${port}/no`, `http://0x7f.2:${port}/no`]) {
          await assert.rejects(network.fetch(other), { code: "EACCES" });
        }
        await assert.rejects(network.fetch(`http://[::ffff:127.0.0.2]:${port}/no`), {
          code: "EACCES",
        });
      }
      for (const pattern of ["127.0.0.2", `127.0.0.2:${port}`, `tcp://127.0.0.2:${port}`]) {
        assert.equal((await networkWith(named(pattern)).fetch(`${origin}/yes`)).status, 200);
      }
      const first = { mode: "deny", patterns: ["127.0.0.2"] } as const;
      const rules = [first, { mode: "allow", patterns: ["127.0.0.0/8"] } as const];
      await assert.rejects(networkWith({ rules }).fetch(`${origin}/no`), { code: "EACCES" });
    });
    assert.deepEqual(asked, ["/yes", "/yes", "/yes"]);
  });

  test("asks again for each redirect, and takes secrets to nobody else", async () => {
    const seen: string[] = [];
    const answer: RequestListener = (request, response) => {
      const { host: at = "", authorization } = request.headers;
      seen.push(`${request.method} ${at.split(":")[0]}${request.url} ${authorization}`);
      const target = new URL(request.url ?? "", `http://${at}`).searchParams.get("to");
      if (target === null) response.end("end");
      else response.writeHead(302, { location: target }).end();
    };
    await withServer(answer, async (origin) => {
      const { port } = new URL(origin);
      const options = { method: "POST", body: "b", headers: { authorization: "secret" } };
      const network = networkWith(named("127.0.0.2", "127.0.0.3"));
      const { body, url, redirected } = await network.fetch(`${origin}/?to=/x`, options);
      assert.deepEqual([body, url, redirected], ["end", `${origin}/x`, true]);
      assert.deepEqual(seen, ["POST 127.0.0.2/?to=/x secret", "GET 127.0.0.2/x secret"]);
      const leads = async (to: string, message: RegExp) =>
        await assert.rejects(network.fetch(`${origin}/?to=${encodeURIComponent(to)}`, options), {
          code: "EACCES",
          message,
        });
      await leads("http://127.0.0.4/", /network\.fetch policy/);
      await leads("http://169.254.169.254/latest/meta-data", /network\.fetch policy/);
      await leads("file:///etc/passwd", /no URL of http or https/);
      const circle = `${origin}/circle`;
      seen.length = 0;
      const response = await network.httpRequest(`${origin}/?to=${circle}`);
      assert.equal(response.status, 302);
      assert.equal(seen.length, 1);
      const elsewhere = await networkWith(named("127.0.0.0/8"))
        .fetch(`${origin}/?to=http://127.0.0.3:${port}/x`, options)
        .catch((error) => error.code);
      // Nobody listens there: the server is that of one address.
      assert.equal(elsewhere, "ECONNREFUSED");
    });
  });

  test("a circle of redirects ends", async () => {
    let count = 0;
    const answer: RequestListener = (_, response) => {
      count += 1;
      response.writeHead(307, { location: "/again" }).end();
    };
    await withServer(answer, async (origin) => {
      const message = /more than 20 redirects/;
      await assert.rejects(networkWith(named(host)).fetch(origin), { code: "EACCES", message });
    });
    assert.equal(count, 21);
  });

  test("what is public is", () => {
    const inside = [
      ...["127.0.0.1", "10.0.0.1", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"],
      ...["0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "::", "::1", "fe80::1%eth0"],
      ...["fc00::1", "ff02::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:7f00:1::", "x", ""],
    ];
    assert.deepEqual(inside.filter(isPublic), []);
    const outside = ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111"];
    assert.deepEqual(outside.filter(isPublic), outside);
  });
});
