(ask) => {
  /** Calls of this thread at a time; the others wait. */
  const most = 64;
  let running = 0;
  const waiting = [];

  const argumentError = (message) =>
    Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });

  function failure(name, { message, code, data }) {
    const error = new Error(`${name}: ${message}`);
    error.code = code ?? "ERR_TOOL_FAILED";
    if (data !== undefined) error.data = JSON.parse(data);
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
    if (!json.includes("\\ud")) return json;
    // Half of a surrogate pair, as text has it that was cut: no UTF-8 holds it. Others are never escaped.
    return json.replace(/\\(?:(ud[89a-f][0-9a-f]{2})|.)/g, (all, half) => (half ? "\ufffd" : all));
  }

  /** Makes the calls that wait, as long as there is a place. */
  function next() {
    while (running < most && waiting.length > 0) {
      running += 1;
      start(waiting.shift());
    }
  }

  function start({ name, json, resolve, reject }) {
    const refusal = ask(name, json, (refused, result) => {
      running -= 1;
      if (refused !== undefined) reject(failure(name, refused));
      else resolve(JSON.parse(result));
      next();
    });
    if (refusal === undefined) return;
    running -= 1;
    reject(failure(name, refusal));
  }

  return function callTool(name, input) {
    if (typeof name !== "string") {
      return Promise.reject(argumentError("The name of a tool must be a string"));
    }
    return new Promise((resolve, reject) => {
      waiting.push({ name, json: inputOf(name, input), resolve, reject });
      next();
    });
  };
};
