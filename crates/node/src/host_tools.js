(function callTool(name, input) {
  // Looked up at the call: the guest's own process object is what it has by then.
  const { spawn } = process.getBuiltinModule("node:child_process");
  const argumentError = (message) =>
    Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
  if (typeof name !== "string") {
    return Promise.reject(argumentError("The name of a tool must be a string"));
  }
  const failed = ({ message, code, data }) => {
    const error = new Error(`${name}: ${message}`);
    error.code = code ?? "ERR_TOOL_FAILED";
    if (data !== null && data !== undefined) error.data = data;
    return error;
  };
  const missing = { message: "no such tool" };
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) return Promise.reject(failed(missing));
  return new Promise((resolve, reject) => {
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
    // By the name of its process the tool knows who asks.
    const child = spawn(`/usr/local/bin/${name}`, [], { argv0: `callTool(${name})` });
    const out = [];
    const err = [];
    child.stdout.on("data", (chunk) => out.push(chunk));
    child.stderr.on("data", (chunk) => err.push(chunk));
    child.on("error", (error) => reject(error.code === "ENOENT" ? failed(missing) : error));
    child.on("close", (code, signal) => {
      const text = (chunks) => Buffer.concat(chunks).toString("utf8");
      const ended = { message: `it ended with ${signal ?? `status ${code}`}: ${text(err)}` };
      try {
        if (code === 0) resolve(JSON.parse(text(out)).result);
        else reject(failed(code === 1 ? JSON.parse(text(err)) : ended));
      } catch {
        // Another program has taken the place of the tool.
        reject(failed(ended));
      }
    });
    // A tool that fails early does not read.
    child.stdin.on("error", () => {});
    child.stdin.end(json);
  });
});
