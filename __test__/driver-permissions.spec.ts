// Permissions of drivers and kernels: functions, words and rules, for each scope.

import assert from "node:assert/strict";
import {
  allowAllFs,
  createInMemoryFileSystem,
  createKernel,
  createNodeDriver,
  createNodeRuntime,
  type DriverPermissions,
  type PermissionRequest,
} from "secure-exec";
import { driverRuntime } from "./support/driver.ts";
import { describe, ownedByTest, test } from "./support/suite.ts";

/** What came of each command, as `spawnSync` tells it: its output, or the code of its error. */
const outcomes = (...commands: string[][]) => `
  const { spawnSync } = require("node:child_process");
  module.exports = ${JSON.stringify(commands)}.map(([file, ...args]) => {
    const { error, stdout } = spawnSync(file, args, { encoding: "utf8" });
    return error ? error.code : stdout.trim();
  });
`;

const runtimeWith = (permissions: DriverPermissions, filesystem = createInMemoryFileSystem()) =>
  driverRuntime({ driver: { permissions, filesystem } });

async function kernelWith(permissions: DriverPermissions, ofRuntime?: DriverPermissions) {
  const kernel = ownedByTest(createKernel({ permissions }));
  await kernel.mount(createNodeRuntime({ permissions: ofRuntime }));
  return kernel;
}

describe("a permission for programs", () => {
  test("is asked for each that a program starts, with all there is to know", async () => {
    const asked: PermissionRequest[] = [];
    const childProcess = (request: PermissionRequest) => {
      asked.push(request);
      return request.args?.[0] !== "no" || { allow: false, reason: "no means no" };
    };
    const runtime = runtimeWith({ childProcess });
    const code = outcomes(
      ["echo", "yes"],
      ["echo", "no"],
      ["/usr/bin/printf", "%s", "p"],
      ["missing"],
    );
    assert.deepEqual((await runtime.run(code)).exports, ["yes", "EACCES", "p", "ENOENT"]);
    const [first] = asked;
    assert.deepEqual(first, {
      op: "spawn",
      command: "echo",
      path: "/usr/bin/echo",
      args: ["yes"],
      cwd: "/root",
    });
    assert.deepEqual(
      asked.map(({ command }) => command),
      ["echo", "echo", "/usr/bin/printf"],
    );
  });

  test("is asked about what shells and children start, and what takes a place", async () => {
    const asked: (string | undefined)[] = [];
    const childProcess = async ({ path, args = [] }: PermissionRequest) => {
      asked.push([path, ...args].join(" "));
      return path !== "/usr/bin/rm";
    };
    const kernel = await kernelWith({ childProcess });
    const line =
      'cat /etc/hostname | tr a-z A-Z; (exec uname); rm -f /tmp/x; echo $?; node -e \'require("child_process").execFileSync("true")\'';
    const { stdout, stderr } = await kernel.exec(line);
    assert.equal(stdout, "SECURE-EXEC\nLinux\n126\n");
    assert.match(stderr, /rm: Permission denied/);
    assert.deepEqual(asked.toSorted(), [
      "/usr/bin/cat /etc/hostname",
      '/usr/bin/node -e require("child_process").execFileSync("true")',
      "/usr/bin/rm -f /tmp/x",
      "/usr/bin/tr a-z A-Z",
      "/usr/bin/true",
      "/usr/bin/uname",
    ]);
  });

  test("of a script is about its interpreter, and a copy has the name of its place", async () => {
    const asked: string[] = [];
    const childProcess = ({ path = "", args = [] }: PermissionRequest) => {
      asked.push([path, ...args].join(" "));
      return true;
    };
    const kernel = await kernelWith({ childProcess });
    await kernel.writeFile("/tmp/script", "#!/bin/sh\necho script $1\n");
    const line = "chmod +x /tmp/script; /tmp/script a; cp /usr/bin/uname /tmp/echo; /tmp/echo";
    assert.equal((await kernel.exec(line)).stdout, "script a\nLinux\n");
    assert(asked.includes("/usr/bin/sh /tmp/script a"), asked.join("\n"));
    assert(asked.includes("/tmp/echo"), asked.join("\n"));
  });

  test("that throws allows nothing, and is told of", async () => {
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    const childProcess = () => {
      throw new Error("mine");
    };
    const { exports } = await runtimeWith({ childProcess }).run(outcomes(["echo", "1"]));
    assert.deepEqual(exports, ["EACCES"]);
    assert.match((await warned).message, /permissions\.childProcess threw: Error: mine/);
  });

  test("of a kernel and of its runtime must both allow", async () => {
    const only =
      (name: string) =>
      ({ path }: PermissionRequest) =>
        path !== `/usr/bin/${name}`;
    const kernel = await kernelWith({ childProcess: only("cat") }, { childProcess: only("tr") });
    const { stdout } = await kernel.exec(
      "cat /dev/null; echo $?; tr a b </dev/null; echo $?; true",
    );
    assert.equal(stdout, "126\n126\n");
  });

  test("a program that waits for it can be killed", async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    const never = new Promise<boolean>(() => {});
    const kernel = await kernelWith({
      childProcess: () => {
        resolve();
        return never;
      },
    });
    const child = await kernel.spawn("node", [
      "-e",
      "require('child_process').execFileSync('true')",
    ]);
    await asked;
    child.kill("SIGKILL");
    assert.equal(await child.wait(), 137);
  });

  test("as a word and as rules", async () => {
    const code = outcomes(["echo", "1"], ["/usr/bin/uname"], ["cat", "/etc/hostname"]);
    const decided = async (childProcess: DriverPermissions["childProcess"]) =>
      (await runtimeWith({ childProcess }).run(code)).exports;
    const all = ["1", "Linux", "secure-exec"];
    assert.deepEqual(await decided("deny"), ["EACCES", "EACCES", "EACCES"]);
    assert.deepEqual(await decided({ default: "allow" }), all);
    assert.deepEqual(
      await decided({ rules: [{ mode: "allow", patterns: ["e*", "/usr/bin/uname"] }] }),
      ["1", "Linux", "EACCES"],
    );
    assert.deepEqual(
      await decided({
        default: "allow",
        rules: [
          { mode: "allow", operations: ["spawn"], patterns: ["echo"] },
          { mode: "deny", patterns: ["echo", "cat"] },
        ],
      }),
      ["1", "Linux", "EACCES"],
    );
  });

  test("by name is about programs of the machine, not about what has such a name", async () => {
    const filesystem = createInMemoryFileSystem();
    await filesystem.mkdir("/root/bin", { recursive: true });
    const childProcess = { rules: [{ mode: "allow", patterns: ["cp", "echo"] }] } as const;
    const code = outcomes(
      ["cp", "/usr/bin/uname", "/root/bin/echo"],
      ["/root/bin/echo"],
      ["echo", "own"],
    );
    assert.deepEqual((await runtimeWith({ childProcess }, filesystem).run(code)).exports, [
      "",
      "EACCES",
      "own",
    ]);
  });
});

describe("rules", () => {
  const attempts = `
    const fs = require("node:fs");
    const attempt = (action) => { try { return action() ?? "done"; } catch (error) { return error.code; } };
  `;

  test("decide about files, and the first that matches counts", async () => {
    const filesystem = createInMemoryFileSystem();
    await filesystem.mkdir("/data/deep", { recursive: true });
    await filesystem.writeFile("/data/deep/open", "o");
    await filesystem.writeFile("/data/secret", "s");
    await filesystem.writeFile("/data/x.log", "l");
    const runtime = driverRuntime({
      driver: {
        filesystem,
        permissions: {
          fs: {
            rules: [
              { mode: "deny", paths: ["/data/secret"] },
              { mode: "allow", operations: ["read", "stat", "readdir"], paths: ["/data/**"] },
              { mode: "allow", paths: ["/root/**", "/workspace/**", "/home/**", "/app/**"] },
            ],
          },
        },
      },
    });
    const code = `${attempts}
      module.exports = [
        attempt(() => fs.readFileSync("/data/deep/open", "utf8")),
        attempt(() => fs.readFileSync("/data/secret", "utf8")),
        attempt(() => fs.readdirSync("/data").length),
        attempt(() => fs.writeFileSync("/data/deep/open", "w")),
        attempt(() => fs.writeFileSync("/root/own", "w")),
        attempt(() => fs.renameSync("/root/own", "/data/own")),
      ];
    `;
    const { exports, errorMessage } = await runtime.run(code);
    // What may not be looked at is not listed.
    assert.deepEqual(exports, ["o", "EACCES", 2, "EACCES", "done", "EACCES"], errorMessage);
  });

  test("decide about one name with a star, and about many with two", async () => {
    const filesystem = createInMemoryFileSystem();
    await filesystem.mkdir("/d/e", { recursive: true });
    for (const path of ["/d/a.txt", "/d/e/a.txt"]) await filesystem.writeFile(path, "t");
    const denied = async (pattern: string) => {
      const fs = {
        default: "allow",
        rules: [{ mode: "deny", operations: ["read"], paths: [pattern] }],
      } as const;
      const code = `${attempts}
        module.exports = ["/d/a.txt", "/d/e/a.txt"].map((path) => attempt(() => fs.readFileSync(path, "utf8")));`;
      return (await runtimeWith({ fs }, filesystem).run(code)).exports;
    };
    assert.deepEqual(await denied("/d/*.txt"), ["EACCES", "t"]);
    assert.deepEqual(await denied("/d/**"), ["EACCES", "EACCES"]);
    assert.deepEqual(await denied("/d/e/*"), ["t", "EACCES"]);
  });

  test("decide about the network", async () => {
    const reached: string[] = [];
    const answer = {
      ok: true,
      status: 200,
      statusText: "",
      headers: {},
      body: "",
      redirected: false,
    };
    const networkAdapter = {
      fetch: async (url: string) => {
        reached.push(url);
        return { ...answer, url };
      },
      httpRequest: async (url: string) => ({ ...answer, url }),
      dnsLookup: async (hostname: string) => {
        reached.push(hostname);
        return { address: "192.0.2.1", family: 4 };
      },
    };
    const cases: [string, string[], string[]][] = [
      [
        "api.example.com",
        ["https://api.example.com/x"],
        ["https://example.com/", "dns:example.com"],
      ],
      [
        "*.example.com",
        ["https://a.b.example.com/", "dns:a.example.com"],
        ["https://example.com/"],
      ],
      ["example.com:443", ["https://example.com/"], ["http://example.com/"]],
      ["10.0.0.0/8", ["http://10.1.2.3/"], ["http://11.0.0.1/", "http://example.com/"]],
      [
        "https://example.com/v1/*",
        ["https://example.com/v1/a/b?c"],
        ["https://example.com/v2", "http://example.com/v1/a", "https://example.com:8443/v1/a"],
      ],
      [
        "tcp://example.com:80",
        ["http://example.com/"],
        ["https://example.com/", "dns:example.com"],
      ],
      ["dns://*", ["dns:any.example"], ["https://any.example/"]],
      ["*", ["https://any.example/", "dns:any.example"], []],
    ];
    for (const [pattern, allowed, denied] of cases) {
      const network = { rules: [{ mode: "allow", patterns: [pattern] }] } as const;
      const runtime = driverRuntime({ driver: { permissions: { network }, networkAdapter } });
      const ask = async (what: string) =>
        what.startsWith("dns:")
          ? await runtime.network.dnsLookup(what.slice(4))
          : await runtime.network.fetch(what);
      reached.length = 0;
      for (const what of allowed) await ask(what);
      assert.deepEqual(
        reached,
        allowed.map((what) => what.replace("dns:", "")),
        pattern,
      );
      for (const what of denied) {
        await assert.rejects(ask(what), { code: "EACCES" }, `${pattern} ${what}`);
      }
      runtime.dispose();
    }
    const some = { rules: [{ mode: "allow", operations: ["dns"], patterns: ["*"] }] } as const;
    const { network } = driverRuntime({
      driver: { permissions: { network: some }, networkAdapter },
    });
    assert.deepEqual(await network.dnsLookup("example.com"), { address: "192.0.2.1", family: 4 });
    await assert.rejects(network.fetch("https://example.com/"), { code: "EACCES" });
  });

  test("decide about variables", async () => {
    const env = { default: "allow", rules: [{ mode: "deny", patterns: ["AWS_*"] }] } as const;
    const runtime = driverRuntime({
      driver: { permissions: { env }, processConfig: { env: { AWS_KEY: "1", OTHER: "2" } } },
    });
    const code = "module.exports = [process.env.AWS_KEY, process.env.OTHER]";
    assert.deepEqual((await runtime.run(code)).exports, [undefined, "2"]);
  });

  test("that are none are told by name", () => {
    const wrong: [object, RegExp][] = [
      [
        { fs: { rules: [{ mode: "allow", paths: ["relative"] }] } },
        /permissions\.fs\.rules\[0\]\.paths\[0\].*absolute/,
      ],
      [{ fs: { rules: [{ mode: "maybe" }] } }, /permissions\.fs\.rules\[0\]\.mode/],
      [
        { fs: { rules: [{ mode: "allow", patterns: ["/x"] }] } },
        /rules\[0\]\.patterns.*is not a known option/,
      ],
      [
        { env: { rules: [{ mode: "allow", operations: ["write"] }] } },
        /operations\[0\].*must be one of/,
      ],
      [
        { network: { rules: [{ mode: "allow", patterns: ["10.0.0.0/99"] }] } },
        /patterns\[0\].*subnet/,
      ],
      [
        { network: { rules: [{ mode: "allow", patterns: ["ftp://x"] }] } },
        /must be of dns, tcp, http or https/,
      ],
      [
        { childProcess: 1 },
        /permissions\.childProcess.*a function, 'allow', 'deny' or an object with rules/,
      ],
      [{ fs: {} }, /permissions\.fs/],
    ];
    for (const [permissions, message] of wrong) {
      assert.throws(() => createNodeDriver({ permissions }), { message });
    }
    createNodeDriver({ permissions: allowAllFs });
  });
});

describe("a permission for files", () => {
  test("of a runtime is asked besides the kernel's, also about what is mounted", async () => {
    const filesystem = createInMemoryFileSystem();
    await filesystem.writeFile("/a", "a");
    await filesystem.writeFile("/b", "b");
    const kernel = ownedByTest(
      createKernel({ permissions: { fs: ({ path }) => path !== "/mnt/a" } }),
    );
    await kernel.mountFs("/mnt", filesystem);
    await kernel.mount(createNodeRuntime({ permissions: { fs: ({ path }) => path !== "/mnt/b" } }));
    await filesystem.writeFile("/c", "c");
    const { stdout, stderr } = await kernel.exec("cd /mnt; cat a b c");
    assert.equal(stdout, "c");
    assert.match(stderr, /a: Permission denied\n.*b: Permission denied/);
  });
});
