// Options whose getters and traps throw: the error has a code and the name of the option, and what was thrown is its cause.

import assert from "node:assert/strict";
import * as api from "secure-exec";
import { aiTools, createMcpServer, forModel } from "secure-exec/ai";
import { createTypeScriptTools } from "secure-exec/typescript";
import { after, before, describe, test } from "./support/suite.ts";

type Call = (given: never) => unknown;

const thrown = new Error("a getter of the caller's");
const fails = () => {
  throw thrown;
};
/** What is thrown cannot be asked for a message either. */
const failsOddly = () => {
  throw {
    get message() {
      throw 1;
    },
  };
};

function withGetter(key: string, get: () => never): object {
  return Object.defineProperty({}, key, { enumerable: true, get });
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const traps = ["get", "getOwnPropertyDescriptor", "getPrototypeOf", "has", "ownKeys"];
const trapped = (target: object) =>
  new Proxy(target, Object.fromEntries(traps.map((trap) => [trap, fails])));

function circular(): object {
  const made: Record<string, unknown> = {};
  made.again = made;
  return made;
}

/** What no option may be, nor an element of one. */
const unreadable: Record<string, () => object> = {
  "a revoked proxy": () => revoked({}),
  "a revoked proxy of an array": () => revoked([]),
  "a proxy whose traps throw": () => trapped({}),
  "a proxy of an array, whose traps throw": () => trapped([1]),
  "an object that only looks like one of ours": () =>
    Object.create(api.createNodeRuntimeDriverFactory().constructor.prototype),
};

const program = ["stdin", "env", "cwd", "timeout", "signal", "onStdout", "maxOutputBytes", "keep"];
const machine =
  "env cwd limits files snapshot mounts nodeModules filesystem python commands tools bindings commandsDir wasmCommandDirs loopbackExemptPorts jsRuntime isolation v8Runtime onTrace".split(
    " ",
  );
const tool = "description inputSchema outputSchema handler timeoutMs examples commandAliases".split(
  " ",
);
const kernelKeys = ["filesystem", "permissions", "env", "cwd", "maxProcesses", "limits"];
const serverKeys = "host port tokens limits allow tls allowedOrigins handlers onLog".split(" ");

/** A tool that is right but for what is given. */
const toolWith = (given: object) => ({
  t: { description: "d", inputSchema: { type: "object" }, handler() {}, ...given },
});

describe("options that cannot be read", () => {
  let rt: api.NodeRuntime;
  let sandbox: api.Sandbox;
  let kernel: api.Kernel;
  before(async () => {
    [rt, sandbox] = await Promise.all([api.NodeRuntime.create(), api.Sandbox.create()]);
    kernel = api.createKernel();
    await kernel.mount(api.createNodeRuntime());
  });
  after(async () => {
    await Promise.all([rt.dispose(), sandbox.kill(), kernel.dispose()]);
  });

  /** What is called, and the options that it has. */
  const calls: [name: string, call: Call, keys: string[]][] = [
    ["create", (given) => api.NodeRuntime.create(given), machine],
    ["fork", (given) => rt.fork(given), machine],
    ["exec", (given) => rt.exec("1", given), program],
    ["spawnCommand", (given) => rt.spawnCommand("true", [], given), program],
    ["openShell", (given) => rt.openShell(given), ["cols", "rows", "command", "args", "env"]],
    ["shell", (given) => rt.shell(given), ["shell", "env", "cwd", "onStdout"]],
    ["python.run", (given) => rt.python.run("1", given), [...program, "inputs"]],
    ["mkdir", (given) => rt.mkdir("/tmp/d", given), ["recursive"]],
    ["remove", (given) => rt.remove("/tmp/d", given), ["recursive", "force"]],
    ["readFile", (given) => rt.readFile("/etc/passwd", given), ["encoding"]],
    ["upload", (given) => rt.upload("/usr/bin", "/tmp", given), ["filter", "signal"]],
    ["download", (given) => rt.download("/tmp", given), ["signal"]],
    ["watch", (given) => rt.watch("/tmp", given), ["recursive", "signal"]],
    ["connect", (given) => rt.connect(80, given), ["allowHalfOpen", "signal"]],
    ["fetch", (given) => rt.fetch(80, given), ["method", "path", "headers", "body", "signal"]],
    ["findListener", (given) => rt.findListener(given), ["port", "path", "host", "processId"]],
    ["exposePort", (given) => rt.exposePort(80, given), ["hostPort", "host"]],
    ["exec.run", (given) => sandbox.exec.run("true", given), ["env", "cwd", "timeout", "signal"]],
    ["exec.start", (given) => sandbox.exec.start("true", given), ["env", "args", "sessionId"]],
    ["createKernel", (given) => api.createKernel(given), kernelKeys],
    ["kernel.exec", (given) => kernel.exec("true", given), program],
    ["kernel.openShell", (given) => kernel.openShell(given), ["cols", "env"]],
    ["createNodeRuntime", (given) => api.createNodeRuntime(given), ["permissions", "bindings"]],
    ["createNodeDriver", (given) => api.createNodeDriver(given), ["filesystem", "permissions"]],
    ["new NodeRuntime", (given) => new api.NodeRuntime(given), ["systemDriver"]],
    ["createV8Runtime", (given) => api.createV8Runtime(given), ["maxSessions"]],
    ["NodeFileSystem", (given) => new api.NodeFileSystem(given), ["root"]],
    ["createSandboxServer", (given) => api.createSandboxServer(given), serverKeys],
    ["connect", (given) => api.Sandbox.connect("http://127.0.0.1:1", given), ["token", "limits"]],
    ["aiTools", (given) => aiTools(rt, given), ["maxChars", "timeoutMs", "cwd"]],
    ["createMcpServer", (given) => createMcpServer(rt, given), ["maxChars"]],
    ["forModel", (given) => forModel({ stdout: "" } as never, given), ["maxChars"]],
    ["TypeScript", (given) => createTypeScriptTools(given), ["systemDriver", "memoryLimit"]],
    ["ToolError", (given) => new api.ToolError("m", given), ["code", "data", "cause"]],
    ["KernelError", (given) => new api.KernelError("ENOENT", "m", given), ["cause"]],
  ];

  async function failure(call: Call, given: object): Promise<Record<string, unknown>> {
    try {
      await call(given as never);
    } catch (error) {
      return error as Record<string, unknown>;
    }
    throw new assert.AssertionError({ message: "nothing is thrown" });
  }

  for (const [name, call, keys] of calls) {
    test(`of ${name} are named`, async () => {
      for (const key of keys) {
        const error = await failure(call, withGetter(key, fails));
        assert.equal(error.code, "ERR_INVALID_ARG_VALUE", `${key}: ${error.stack}`);
        assert.match(String(error.message), new RegExp(`"(?:options|query)(?:\\.${key})?"`));
        assert.equal(error.cause, thrown, key);
        const odd = await failure(call, withGetter(key, failsOddly));
        assert.equal(odd.code, "ERR_INVALID_ARG_VALUE", `${key}: ${odd.stack}`);
      }
    });
  }

  /** Options of create with values, lists of values, and what is in definitions of tools. */
  const nested: [name: string, call: Call][] = [
    ...machine.map((key): [string, Call] => [
      `options.${key}`,
      (given) => api.NodeRuntime.create({ [key]: given }),
    ]),
    ...["mounts", "wasmCommandDirs", "loopbackExemptPorts"].map((key): [string, Call] => [
      `an element of options.${key}`,
      (given) => api.NodeRuntime.create({ [key]: [given] }),
    ]),
    ...tool.map((key): [string, Call] => [
      `${key} of a tool`,
      (given) => rt.registerTools(toolWith({ [key]: given }) as never),
    ]),
    ...["examples", "commandAliases"].map((key): [string, Call] => [
      `an element of ${key} of a tool`,
      (given) => rt.registerTools(toolWith({ [key]: [given] }) as never),
    ]),
    ["a tool", (given) => rt.registerTools({ t: given })],
    ["an input of Python's", (given) => rt.python.run("1", { inputs: { x: [given] } })],
    ["permissions of a kernel", (given) => api.createKernel({ permissions: { fs: given } })],
    ["rules", (given) => api.createKernel({ permissions: { fs: { rules: [given] } } })],
    ["a runtime of a kernel", (given) => kernel.mount(given)],
    ["a filesystem", (given) => kernel.mountFs("/m", given)],
    ["a snapshot", (given) => rt.restore(given)],
    ["a file's bytes", (given) => rt.writeFile("/tmp/f", given)],
    ["arguments", (given) => rt.execCommand("true", given)],
    ["headers", (given) => rt.fetch(80, { headers: given })],
    ["a target", (given) => rt.fetch(given)],
    ["an address", (given) => api.Sandbox.connect(given)],
    ["a machine for models", (given) => aiTools(given)],
    ["an outcome for models", (given) => forModel(given)],
    ["a failure", (given) => new (api.VmError as never as new (it: object) => Error)(given)],
  ];

  for (const [name, call] of nested) {
    test(`${name}: no proxy has an error without a code`, async () => {
      for (const [what, make] of Object.entries(unreadable)) {
        const given = make();
        const outcome = await failure(call, given).catch(() => undefined);
        if (outcome === undefined) continue;
        assert.equal(typeof outcome.code, "string", `${what}: ${outcome.stack}`);
      }
    });
  }

  test("getters in the schema of a tool are told by its name", async () => {
    for (const key of ["~standard", "type", "properties", "jsonSchema"]) {
      const schema = withGetter(key, fails);
      const given = toolWith({ inputSchema: schema });
      const error = await failure((it) => rt.registerTools(it), given);
      assert.equal(error.code, "ERR_INVALID_ARG_VALUE", `${key}: ${error.stack}`);
      assert.match(String(error.message), /"tools\.t\.inputSchema"/);
    }
  });

  test("what goes round in a circle is refused", async () => {
    const round: Call[] = [
      (given) => rt.registerTools(toolWith({ inputSchema: { default: given } }) as never),
      (given) => rt.registerTools(toolWith({ examples: [given] }) as never),
      (given) => rt.python.run("1", { inputs: { x: given } }),
      (given) => api.Sandbox.connect("http://127.0.0.1:1", { limits: given }),
      (given) => api.createNodeRuntime({ bindings: given }),
      (given) => api.NodeRuntime.create({ limits: given }),
    ];
    for (const call of round) {
      const { code, message } = await failure(call, circular());
      assert.match(String(code), /^ERR_INVALID_ARG/, String(message));
    }
  });
});
