(function callTool(name, input) {
  // Looked up at the call: the guest's own process object is what it has by then.
  const { spawn } = process.getBuiltinModule("node:child_process");
  if (typeof name !== "string") {
    const error = new TypeError("The name of a tool must be a string");
    return Promise.reject(Object.assign(error, { code: "ERR_INVALID_ARG_TYPE" }));
  }
  const failed = (message) =>
    Object.assign(new Error(`${name}: ${message}`), { code: "ERR_TOOL_FAILED" });
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) return Promise.reject(failed("no such tool"));
  return new Promise((resolve, reject) => {
    const json = JSON.stringify(input === undefined ? {} : input);
    if (json === undefined) throw new TypeError("The input of a tool must be what JSON can hold");
    const child = spawn(`/usr/local/bin/${name}`, [], { stdio: ["pipe", "pipe", "pipe"] });
    const out = [];
    const err = [];
    child.stdout.on("data", (chunk) => out.push(chunk));
    child.stderr.on("data", (chunk) => err.push(chunk));
    child.on("error", (error) => reject(error.code === "ENOENT" ? failed("no such tool") : error));
    child.on("close", (code) => {
      const text = (chunks) => Buffer.concat(chunks).toString("utf8");
      if (code === 0) return resolve(JSON.parse(text(out)).result);
      const message = text(err).trimEnd();
      reject(failed(message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message));
    });
    // A tool that fails early does not read.
    child.stdin.on("error", () => {});
    child.stdin.end(json);
  });
});
