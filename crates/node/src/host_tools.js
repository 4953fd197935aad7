(() => {
  /** Tools that run for this program at a time: each is a process. */
  const most = 16;
  let running = 0;
  const waiting = [];
  const noProcess = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"]);

  const argumentError = (message) =>
    Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });

  function failure(name, { message, code, data }) {
    const error = new Error(`${name}: ${message}`);
    error.code = code ?? "ERR_TOOL_FAILED";
    if (data !== null && data !== undefined) error.data = data;
    return error;
  }

  function inputOf(name, input) {
    const json = JSON.stringify(input === undefined ? {} : input, (key, value) => {
      const where = key === "" ? "the input" : `'${key}'`;
      // JSON.stringify would make null of it.
      if (typeof value === "number" && !Number.isFinite(value)) {
        throw argumentError(`${name}: ${where} is ${value}, which JSON cannot hold`);
      }
      if (typeof value !== "bigint") return value;
      throw argumentError(`${name}: ${where} is a BigInt, which JSON cannot hold: give a string`);
    });
    if (json === undefined) throw argumentError("The input of a tool must be what JSON can hold");
    // Half of a surrogate pair, as text has it that was cut: no UTF-8 holds it. Others are never escaped.
    return json.replace(/\\(?:(ud[89a-f][0-9a-f]{2})|.)/g, (all, half) => (half ? "\ufffd" : all));
  }

  /** Starts what waits, as long as there is a place. */
  function startNext() {
    while (running < most && waiting.length > 0) {
      running += 1;
      start(waiting.shift());
    }
  }

  function ended() {
    running -= 1;
    startNext();
  }

  function start(call) {
    const { name, json, resolve, reject } = call;
    // Looked up at the call: the guest's own process object is what it has by then.
    const { spawn } = process.getBuiltinModule("node:child_process");
    let child;
    try {
      // By the name of its process the tool knows who asks.
      child = spawn(`/usr/local/bin/${name}`, [], { argv0: `callTool(${name})` });
    } catch (error) {
      ended();
      return reject(error);
    }
    child.on("error", (error) => refused(call, error));
    // Without a process there are no pipes.
    if (child.pid === undefined) return;
    const out = [];
    const err = [];
    child.stdout.on("data", (chunk) => out.push(chunk));
    child.stderr.on("data", (chunk) => err.push(chunk));
    child.on("close", (code, signal) => {
      ended();
      const text = (chunks) => Buffer.concat(chunks).toString("utf8");
      const told = { message: `it ended with ${signal ?? `status ${code}`}: ${text(err)}` };
      try {
        if (code === 0) resolve(JSON.parse(text(out)).result);
        else reject(failure(name, code === 1 ? JSON.parse(text(err)) : told));
      } catch {
        // Another program has taken the place of the tool.
        reject(failure(name, told));
      }
    });
    // A tool that fails early does not read.
    child.stdin.on("error", () => {});
    child.stdin.end(json);
  }

  /** The tool did not start. Where processes are short the call waits for one of the others to end. */
  function refused(call, error) {
    const { name, reject } = call;
    if (noProcess.has(error.code) && running > 1) {
      waiting.unshift(call);
      running -= 1;
      return;
    }
    ended();
    if (error.code === "ENOENT") return reject(failure(name, { message: "no such tool" }));
    const message = `it cannot be started: ${error.message}`;
    reject(Object.assign(failure(name, { message }), { cause: error }));
  }

  return function callTool(name, input) {
    if (typeof name !== "string") {
      return Promise.reject(argumentError("The name of a tool must be a string"));
    }
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) {
      return Promise.reject(failure(name, { message: "no such tool" }));
    }
    return new Promise((resolve, reject) => {
      waiting.push({ name, json: inputOf(name, input), resolve, reject });
      startNext();
    });
  };
})();
