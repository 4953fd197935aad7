// The requests of a tool set, inside the guest: each makes a program of the compiler's and tells what came of it.

import { posix } from "node:path";
import { problemsOf, told } from "./diagnostics.mjs";
import { configHost, programHost } from "./files.mjs";
import { SourceFiles } from "./source-files.mjs";

/** The compiler with the files that it has parsed. */
export class Compiler {
  #typescript;
  #files;

  constructor(typescript) {
    this.#typescript = typescript;
    this.#files = new SourceFiles(typescript);
  }

  /** @returns {object} The answer to a request. */
  answer({ kind, ...request }) {
    switch (kind) {
      case "typecheckSource":
        return this.#typecheckSource(request);
      case "compileSource":
        return this.#compileSource(request);
      case "typecheckProject":
        return this.#typecheckProject(request);
      case "compileProject":
        return this.#compileProject(request);
    }
    throw new TypeError(`There is no request ${kind}`);
  }

  #typecheckSource(request) {
    const { options, source, errors } = this.#sourceOf(request);
    if (errors.length > 0) return told(this.#typescript, errors);
    const wanted = { ...options, noEmit: true };
    return this.#inProgram([source.filePath], wanted, request.cwd, { source }, (program) =>
      told(this.#typescript, problemsOf(this.#typescript, program)),
    );
  }

  #compileSource(request) {
    const { options, source, errors } = this.#sourceOf(request);
    if (errors.length > 0) return told(this.#typescript, errors);
    // The output is handed back, so that it is one file's, and not anywhere.
    const wanted = { ...options, suppressOutputPathCheck: true };
    for (const name of ofSeveralFiles) delete wanted[name];
    return this.#inProgram([source.filePath], wanted, request.cwd, { source }, (program) => {
      const output = {};
      const write = (name, text) => {
        if (/\.[cm]?jsx?\.map$/.test(name)) output.sourceMapText = text;
        else if (/\.([cm]?jsx?|json)$/.test(name)) output.outputText = text;
      };
      const emit = () => program.emit(program.getSourceFile(source.filePath), write);
      const problems = problemsOf(this.#typescript, program, emit);
      return { ...told(this.#typescript, problems), ...output };
    });
  }

  #typecheckProject(request) {
    const config = this.#configOf(request);
    if (config.failure) return told(this.#typescript, [config.failure]);
    const options = { ...config.options, noEmit: true };
    return this.#inProgram(config.fileNames, options, request.cwd, { config }, (program) =>
      told(this.#typescript, problemsOf(this.#typescript, program)),
    );
  }

  #compileProject(request) {
    const config = this.#configOf(request);
    if (config.failure) {
      return { ...told(this.#typescript, [config.failure]), emitSkipped: true, emittedFiles: [] };
    }
    return this.#inProgram(config.fileNames, config.options, request.cwd, { config }, (program) => {
      const emittedFiles = [];
      let emitSkipped = true;
      const write = (name, text, withMark, onError) => {
        let failed = false;
        const fail = (message) => {
          failed = true;
          onError?.(message);
        };
        this.#write(name, text, withMark, fail);
        if (!failed) emittedFiles.push(posix.resolve(request.cwd, name));
      };
      const emit = () => {
        const emitted = program.emit(undefined, write);
        emitSkipped = emitted.emitSkipped || config.options.noEmit === true;
        return emitted;
      };
      const answer = told(this.#typescript, problemsOf(this.#typescript, program, emit));
      return { ...answer, emitSkipped, emittedFiles };
    });
  }

  #inProgram(rootNames, options, cwd, { source, config }, work) {
    const take = this.#files.for(options);
    const program = this.#typescript.createProgram({
      rootNames,
      options,
      host: programHost(this.#typescript, options, cwd, take, source),
      projectReferences: config?.projectReferences,
      configFileParsingDiagnostics:
        config && this.#typescript.getConfigFileParsingDiagnostics(config),
    });
    try {
      return work(program);
    } finally {
      this.#files.prune();
    }
  }

  #write(name, text, withMark, fail) {
    const { sys } = this.#typescript;
    try {
      const missing = [];
      for (let at = posix.dirname(name); !sys.directoryExists(at); at = posix.dirname(at)) {
        missing.push(at);
      }
      for (const directory of missing.reverse()) sys.createDirectory(directory);
      sys.writeFile(name, text, withMark);
    } catch (error) {
      fail(error.message);
    }
  }

  /** The options and the text of a request about one source. */
  #sourceOf({ sourceText, filePath, cwd, configFilePath, compilerOptions = {} }) {
    const source = { sourceText, filePath: posix.resolve(cwd, filePath ?? "source.ts") };
    const config = configFilePath && this.#configOf({ cwd, configFilePath });
    if (config?.failure) return { errors: [config.failure] };
    const given = this.#typescript.convertCompilerOptionsFromJson(compilerOptions, cwd);
    const ofConfig = config ? this.#typescript.getConfigFileParsingDiagnostics(config) : [];
    const errors = [...ofOptions(ofConfig), ...given.errors];
    const options = config ? { ...config.options, ...given.options } : this.#usual(given.options);
    return { source, options, errors };
  }

  /** What a source gets that comes without a tsconfig.json: what is not named here is the compiler's own default. */
  #usual(given) {
    const { ModuleKind, ModuleResolutionKind, ScriptTarget } = this.#typescript;
    const options = {
      target: ScriptTarget.ES2022,
      module: ModuleKind.ESNext,
      skipLibCheck: true,
      // As it is from TypeScript 6 on: looking for packages in place of the library takes 250 questions to the host.
      libReplacement: false,
      ...given,
    };
    const { ES2015, ESNext, Preserve } = ModuleKind;
    const isStandard =
      (options.module >= ES2015 && options.module <= ESNext) || options.module === Preserve;
    // The default for these modules once was one that finds no packages.
    if (isStandard) options.moduleResolution ??= ModuleResolutionKind.Bundler;
    return options;
  }

  #configOf({ cwd, configFilePath }) {
    const { sys } = this.#typescript;
    const path = configFilePath
      ? posix.resolve(cwd, configFilePath)
      : this.#typescript.findConfigFile(cwd, sys.fileExists);
    if (path === undefined) return { failure: this.#failure(5081, cwd) };
    const file = sys.directoryExists(path) ? posix.join(path, "tsconfig.json") : path;
    let failure;
    const host = configHost(this.#typescript, cwd);
    host.onUnRecoverableConfigFileDiagnostic = (diagnostic) => {
      failure = diagnostic;
    };
    const config = this.#typescript.getParsedCommandLineOfConfigFile(file, {}, host);
    return failure || !config ? { failure: failure ?? this.#failure(5083, file) } : config;
  }

  /** The compiler's own words where its command line has them. */
  #failure(code, path) {
    const messageText =
      code === 5081
        ? `Cannot find a tsconfig.json file at the current directory: ${path}.`
        : `Cannot read file '${path}'.`;
    return { code, category: this.#typescript.DiagnosticCategory.Error, messageText };
  }
}

/** Options by which output is more than the JavaScript of one source and its map, or is none. */
const ofSeveralFiles = [
  "composite",
  "declaration",
  "declarationDir",
  "declarationMap",
  "emitDeclarationOnly",
  "incremental",
  "noEmit",
  "outDir",
  "outFile",
  "rootDir",
  "tsBuildInfoFile",
];

/** A source is no part of the project whose options it has: that this has no files is nothing about it. */
function ofOptions(errors) {
  return errors.filter(({ code }) => code !== 18002 && code !== 18003);
}
