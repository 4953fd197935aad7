// What an outcome means for a file, and the shortest useful account of why.

/** @typedef {"pass" | "fail" | "skip"} Verdict */

/** @returns {Verdict} */
export function verdictOf(outcome) {
  if (outcome.timedOut || outcome.signal || outcome.exitCode !== 0) return "fail";
  return /^1\.\.0 # [Ss]kipped/m.test(outcome.stdout) ? "skip" : "pass";
}

/** One line that tells why a file failed. */
export function causeOf(outcome) {
  if (outcome.timedOut) return "timed out";
  if (verdictOf(outcome) === "skip") {
    return `skipped itself: ${outcome.stdout.match(/# [Ss]kipped:?\s*(.*)/)?.[1] ?? ""}`;
  }
  const lines = outcome.stderr.split("\n").map((line) => line.trim());
  const error =
    lines.find((line) =>
      /^(Uncaught )?(\w*Error|\w*Exception|AssertionError)\b.*[:[]/.test(line),
    ) ??
    lines.find((line) => /(panicked at|fatal|FATAL|Error|error)/.test(line)) ??
    lines.find(Boolean) ??
    outcome.stdout.split("\n").find((line) => /^\s*not ok|Error/.test(line));
  const end = outcome.signal ? `died from ${outcome.signal}` : `exit ${outcome.exitCode}`;
  const next = error?.endsWith(":") ? nextLine(lines, error) : "";
  return error ? `${end}: ${`${error}${next}`.slice(0, 200)}` : `${end}, nothing on stderr`;
}

// "AssertionError [...]: Expected values to be strictly equal:" says little without what follows.
function nextLine(lines, line) {
  const rest = lines.slice(lines.indexOf(line) + 1).filter(Boolean);
  return rest.length > 0 ? ` ${rest.slice(0, 3).join(" ")}` : "";
}

/** The cause with what differs from file to file taken out, for counting. */
export function commonCause(cause) {
  return cause
    .replace(/'[^']*\/[^']*'/g, "'<path>'")
    .replace(/\b0x[0-9a-f]+\b|\b\d{3,}\b/g, "<n>")
    .slice(0, 140);
}
