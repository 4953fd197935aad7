// Types of the entry: those of secure-exec.

export type {
  ProjectCompileResult,
  SourceCompileResult,
  TypeCheckResult,
  TypeScriptDiagnostic,
  TypeScriptProjectOptions,
  TypeScriptSourceOptions,
  TypeScriptTools,
  TypeScriptToolsOptions,
} from "secure-exec/typescript";
export { createTypeScriptTools } from "secure-exec/typescript";
