// What the compiler has to say, as plain data: the same as its command line says, in the same order.

/** Diagnostics that are told, and characters of all their messages and of one. */
const mostTold = 10_000;
const mostCharacters = 8 << 20;
const longestMessage = 64 << 10;

/**
 * What is wrong with a program. As for `tsc`, types are looked at where the syntax is right.
 * @param {() => { diagnostics: readonly object[] }} [emit] Writes the output, between the two.
 */
export function problemsOf(compiler, program, emit) {
  const found = [...program.getConfigFileParsingDiagnostics()];
  const ofConfig = found.length;
  found.push(...program.getSyntacticDiagnostics());
  if (found.length === ofConfig) {
    found.push(...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics());
    if (found.length === ofConfig) found.push(...program.getSemanticDiagnostics());
    if (found.length === ofConfig && declaresOnly(program.getCompilerOptions())) {
      found.push(...program.getDeclarationDiagnostics());
    }
  }
  if (emit) found.push(...emit().diagnostics);
  return compiler.sortAndDeduplicateDiagnostics(found);
}

function declaresOnly({ noEmit, declaration, composite }) {
  return noEmit === true && (declaration === true || composite === true);
}

/** @returns {{ success: boolean, diagnostics: object[], omittedDiagnostics?: number }} */
export function told(compiler, problems) {
  const { DiagnosticCategory } = compiler;
  const diagnostics = [];
  let characters = 0;
  for (const problem of problems) {
    if (diagnostics.length === mostTold || characters > mostCharacters) break;
    const diagnostic = plain(compiler, problem);
    characters += diagnostic.message.length + (diagnostic.filePath?.length ?? 0);
    diagnostics.push(diagnostic);
  }
  const success = !problems.some(({ category }) => category === DiagnosticCategory.Error);
  const omitted = problems.length - diagnostics.length;
  return { success, diagnostics, ...(omitted > 0 && { omittedDiagnostics: omitted }) };
}

function plain(compiler, { code, category, messageText, file, start }) {
  const message = compiler.flattenDiagnosticMessageText(messageText, "\n");
  const diagnostic = {
    code,
    category: compiler.DiagnosticCategory[category].toLowerCase(),
    message: message.length > longestMessage ? `${message.slice(0, longestMessage)}...` : message,
  };
  if (!file) return diagnostic;
  diagnostic.filePath = file.fileName;
  if (start === undefined) return diagnostic;
  const { line, character } = compiler.getLineAndCharacterOfPosition(file, start);
  return { ...diagnostic, line: line + 1, column: character + 1 };
}
