// Tool sets for tests: over an empty machine, over one with a project in it, and what the host's compiler says.

import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NodeRuntime } from "secure-exec";
import type { TypeScriptDiagnostic, TypeScriptTools } from "secure-exec/typescript";
import { ownedByTest } from "./suite.ts";

const require = createRequire(import.meta.url);
const modules = fileURLToPath(new URL("../../node_modules/", import.meta.url));

type Settings = { memoryLimit?: number; cpuTimeLimitMs?: number };
type Place = { runtime: NodeRuntime; specifier: string };

const { toolsIn } = require("../../lib/typescript/tools.cjs") as {
  toolsIn(open: () => Promise<Place>, cpuTimeLimitMs?: number): TypeScriptTools;
};
const { limits } = require("../../lib/typescript/machine.cjs") as {
  limits(settings: Settings): NonNullable<Parameters<typeof NodeRuntime.create>[0]>["limits"] & {};
};
const { compilerFolder, guestFolder } = require("../../lib/typescript/compiler-package.cjs") as {
  compilerFolder(): string;
  guestFolder: string;
};

/** A tool set in a machine with `files` and packages of the host, and the machine. */
export async function toolsOver(
  files: Record<string, string | Uint8Array>,
  {
    specifier = `${guestFolder}/lib/typescript.js`,
    packages = {},
    ...settings
  }: Settings & { specifier?: string; packages?: Record<string, string> } = {},
): Promise<{ tools: TypeScriptTools; runtime: NodeRuntime }> {
  const seen = Object.entries(packages).map(([guestPath, name]) => {
    return { guestPath, hostPath: join(modules, name) };
  });
  const runtime = await NodeRuntime.create({
    files,
    mounts: [{ guestPath: guestFolder, hostPath: compilerFolder() }, ...seen],
    limits: limits({ memoryLimit: 512, ...settings }),
  });
  const open = async () => ({ runtime, specifier });
  return { tools: ownedByTest(toolsIn(open, settings.cpuTimeLimitMs)), runtime };
}

/** The host's compiler. */
export const compiler = require("typescript") as typeof import("typescript");

/** Files that all programs of the host's compiler have, which are the same for the same options. */
const parsed = new Map<string, import("typescript").SourceFile | undefined>();

/** What the host's compiler says of one source, with options as they are in a tsconfig.json. */
export function onHost(
  name: string,
  text: string,
  compilerOptions: Record<string, unknown>,
): TypeScriptDiagnostic[] {
  const { options } = compiler.convertCompilerOptionsFromJson(compilerOptions, "/");
  const host = compiler.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.getCurrentDirectory = () => "/";
  host.fileExists = (path) => path === name || fileExists(path);
  host.readFile = (path) => (path === name ? text : readFile(path));
  host.getSourceFile = (path, how, ...rest) => {
    if (path === name) return compiler.createSourceFile(path, text, how);
    if (!parsed.has(path)) parsed.set(path, getSourceFile.call(host, path, how, ...rest));
    return parsed.get(path);
  };
  const program = compiler.createProgram([name], options, host);
  const syntax = program.getSyntacticDiagnostics();
  const found = syntax.length > 0 ? syntax : compiler.getPreEmitDiagnostics(program);
  return compiler.sortAndDeduplicateDiagnostics(found).map((diagnostic) => {
    const { code, category, messageText, file, start } = diagnostic;
    const place = file && start !== undefined && file.getLineAndCharacterOfPosition(start);
    return {
      code,
      category: (["warning", "error", "suggestion", "message"] as const)[category],
      message: compiler.flattenDiagnosticMessageText(messageText, "\n"),
      ...(file && { filePath: file.fileName }),
      ...(place && { line: place.line + 1, column: place.character + 1 }),
    };
  });
}
