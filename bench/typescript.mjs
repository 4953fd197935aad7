// Tools for TypeScript, beside the same compiler as a program on the host.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTypeScriptTools } from "secure-exec/typescript";

const require = createRequire(import.meta.url);
const compilerOptions = { strict: true, target: "es2022", module: "esnext", skipLibCheck: true };
const options = { ...compilerOptions, moduleResolution: "bundler", types: [] };
const source = (at) => `export const greet = (name: string) => "hello " + name + missing${at};\n`;

export async function typescript({ scale }) {
  const repeats = Math.max(2, Math.round(10 * scale));
  const firsts = [];
  const seconds = [];
  const host = [];
  for (let at = 0; at < repeats; at += 1) {
    const tools = createTypeScriptTools();
    try {
      firsts.push(await timed(() => check(tools, 0)));
      for (let next = 1; next <= 5; next += 1) seconds.push(await timed(() => check(tools, next)));
    } finally {
      await tools.dispose();
    }
    host.push(await timed(() => onHost(at)));
  }
  const against = { "tsc on the host": median(host) };
  return [
    { name: "typecheckSource, first of a tool set", unit: "ms", value: median(firsts), against },
    { name: "typecheckSource, each further one", unit: "ms", value: median(seconds), against },
  ];
}

async function check(tools, at) {
  const { diagnostics } = await tools.typecheckSource({
    sourceText: source(at),
    compilerOptions: options,
  });
  if (diagnostics[0]?.code !== 2304) throw new Error(JSON.stringify(diagnostics));
}

/** A process of `tsc --noEmit`. */
async function onHost(at) {
  const folder = mkdtempSync(join(tmpdir(), "secure-exec-bench-"));
  try {
    writeFileSync(join(folder, "source.ts"), source(at));
    const config = { compilerOptions: options, files: ["source.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = require.resolve("typescript/lib/tsc.js");
    const child = spawn(process.execPath, [tsc, "--noEmit", "-p", folder], { stdio: "ignore" });
    const [code] = await once(child, "close");
    if (code !== 2) throw new Error(`tsc ended with ${code}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(times) {
  return times.sort((a, b) => a - b)[times.length >> 1];
}
