// The command line of python3(1): what can be asked of an interpreter that was started before, and what needs a new one.

/** Options that an interpreter takes on after it has started; all others, and most variables, have it start anew. */
const QUICK = new Set(["c", "m", "u", "i", "q", "B"]);

const TAKING = new Set(["c", "m", "W", "X"]);

/** Variables of Python's that are looked at while it runs, or that are easily set later. */
const QUICK_VARIABLES = new Set([
  "PYTHONPATH",
  "PYTHONUNBUFFERED",
  "PYTHONDONTWRITEBYTECODE",
  "PYTHONSTARTUP",
]);

/**
 * Takes a command line apart as CPython's getopt does: the first word that is no option is the script, and what stands behind
 * `-c` and `-m` is the program's.
 *
 * @param {string[]} words
 */
export function parse(words) {
  const asked = { isQuick: true, flags: new Set(), argv: [""] };
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (word === "-" || !word.startsWith("-")) {
      return { ...asked, file: word === "-" ? undefined : word, argv: words.slice(at) };
    }
    if (word.startsWith("--")) return { ...asked, isQuick: false };
    for (let place = 1; place < word.length; place += 1) {
      const letter = word[place];
      if (!QUICK.has(letter)) asked.isQuick = false;
      if (!TAKING.has(letter)) {
        asked.flags.add(letter);
        continue;
      }
      const attached = word.slice(place + 1);
      if (!attached) at += 1;
      const value = attached || words[at];
      if (value === undefined) return { ...asked, isQuick: false };
      if (letter === "c" || letter === "m") {
        const kind = letter === "c" ? { command: value } : { module: value };
        return { ...asked, ...kind, argv: [`-${letter}`, ...words.slice(at + 1)] };
      }
      break;
    }
  }
  return asked;
}

/** Whether variables of the environment have to be seen by an interpreter that starts. */
export function needsStart(env) {
  return Object.keys(env).some(
    (name) => name.startsWith("PYTHON") && !QUICK_VARIABLES.has(name) && env[name] !== "",
  );
}

/** As `_Py_abspath` makes it. */
function absolute(path, cwd) {
  return path.startsWith("/") ? path : `${cwd}/${path.replace(/^\.\//, "")}`;
}

/** What CPython calls these in its configuration (`PyConfig`). */
export function configuration({ flags, argv, command, module, file }, { words, env, cwd }) {
  const isUnbuffered = flags.has("u") || Boolean(env.PYTHONUNBUFFERED);
  return {
    argv,
    orig_argv: ["python3", ...words],
    buffered_stdio: isUnbuffered ? 0 : 1,
    write_bytecode: flags.has("B") || env.PYTHONDONTWRITEBYTECODE ? 0 : 1,
    inspect: flags.has("i") ? 1 : 0,
    interactive: flags.has("i") ? 1 : 0,
    quiet: flags.has("q") ? 1 : 0,
    ...(command === undefined ? {} : { run_command: `${command}\n` }),
    ...(module === undefined ? {} : { run_module: module }),
    ...(file === undefined ? {} : { run_filename: absolute(file, cwd) }),
  };
}
