// A code interpreter: cells of a notebook that share their variables, files that come in and go out, and for each cell one
// bounded text for the model.
import { NodeRuntime } from "secure-exec";
import { forModel } from "secure-exec/ai";

class Interpreter {
  #rt;
  #runner;

  static async open(files) {
    const rt = await NodeRuntime.create({
      files,
      limits: {
        resources: { maxMemoryBytes: 256 * 2 ** 20, maxFilesystemBytes: 32 * 2 ** 20 },
        jsRuntime: { cpuTimeLimitMs: 1000, capturedOutputLimitBytes: 2 ** 20 },
      },
    });
    return new Interpreter(rt, await rt.createResidentRunner());
  }

  constructor(rt, runner) {
    this.#rt = rt;
    this.#runner = runner;
  }

  /** Runs a cell. Gives a text for the model, and the files that the cell has made or changed. */
  async cell(code) {
    const before = await this.#files();
    // One result, or one error of a limit, of a time that is over, of a machine that has ended.
    const outcome = await this.#runner.evaluate(code, { timeout: 60_000 }).catch((error) => error);
    const artifacts = [];
    for (const [name, mtimeMs] of await this.#files()) {
      if (before.get(name) !== mtimeMs) artifacts.push(name);
    }
    let text = forModel(outcome, { maxChars: 4000 }).trimEnd();
    // The process had to be started anew: the model must know that its variables are gone.
    if (outcome.restarted) text = `[new process: variables are gone]\n${text}`;
    return { text, artifacts };
  }

  /** An artifact's bytes, for the user. */
  async read(name) {
    return await this.#rt.readFile(`/workspace/${name}`);
  }

  async close() {
    await this.#rt.dispose();
  }

  async #files() {
    const found = new Map();
    for (const { name, isFile } of await this.#rt.readDirWithTypes("/workspace")) {
      if (isFile) found.set(name, (await this.#rt.stat(`/workspace/${name}`)).mtimeMs);
    }
    return found;
  }
}

const interpreter = await Interpreter.open({ "/workspace/sales.csv": "north,3\nsouth,4\nnorth,5\n" });
const show = async (code) => {
  const { text, artifacts } = await interpreter.cell(code);
  console.log(`> ${text}`);
  if (artifacts.length > 0) console.log(`  artifacts: ${artifacts.join(", ")}`);
};

try {
  await show(`import { readFileSync, writeFileSync } from "node:fs";
    const rows = readFileSync("sales.csv", "utf8").trim().split("\\n").map((line) => line.split(","));
    rows.length`);
  // Variables of the cell before are there, and the last expression is the cell's value.
  await show(`const sums: Record<string, number> = {};
    for (const [region, count] of rows) sums[region] = (sums[region] ?? 0) + Number(count);
    sums`);
  await show(`const bars = Object.values(sums).map((n, i) => \`<rect x="\${i * 12}" width="10" height="\${n * 5}"/>\`);
    writeFileSync("sums.svg", \`<svg xmlns="http://www.w3.org/2000/svg">\${bars.join("")}</svg>\`);
    console.log("drawn")`);
  const picture = Buffer.from(await interpreter.read("sums.svg"));
  console.log(`  ${picture.length} bytes: ${picture.toString().slice(0, 41)}...`);
  await show("sums.nowhere.x");
  await show("for (;;);");
  await show("typeof sums");
} finally {
  await interpreter.close();
}
