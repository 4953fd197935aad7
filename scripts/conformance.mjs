// Runs Node's own tests in the guest and compares with what the reference Node.js makes of them.
// `node scripts/conformance.mjs --help` tells how.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { binaryBackend, hostBackend } from "./conformance/backends.mjs";
import {
  readBaseline,
  readCachedBaseline,
  readExpectations,
  readVerdicts,
  writeBaseline,
  writeCachedBaseline,
  writeExpectations,
  writeVerdicts,
} from "./conformance/expectations.mjs";
import {
  printCauses,
  printTotals,
  totalOfRest,
  totalsOf,
  writeDocument,
} from "./conformance/report.mjs";
import { runPool } from "./conformance/pool.mjs";
import { productBackend } from "./conformance/product.mjs";
import {
  contentHash,
  findSuite,
  flagsOf,
  listFiles,
  missingFeature,
  suiteHint,
} from "./conformance/suite.mjs";
import { causeOf, verdictOf } from "./conformance/verdict.mjs";
import { artifacts, pinnedNode } from "./lib/paths.mjs";
import { capture, runMain, say, StepError } from "./lib/steps.mjs";

const usage = `usage: npm run conformance -- [filter ...] [options]

A filter is a group of the table in docs/conformance.md (fs, http, es-module, ...) or a part of a
file's path. Without one, the whole suite runs.

  --guest <binary>   run in this development binary instead of the built addon
  --host             run on the reference Node.js (to see what a file does there)
  --show <file>      run one file and print its output
  --list-failures    print only what is not as wanted, and the totals
  --causes           count the failures by cause
  --fast             every twelfth file only, as CI does
  -j, --jobs <n>     files at a time (default 2)
  --timeout <s>      seconds a file may take (default 60)
  --resume <file>    keep verdicts in this file, and do not run again what it has
  --baseline         run the files on the reference Node.js and store the verdicts
  --update           store the failures as expected ones, drop those that pass
  --docs             write docs/conformance.md from this run (needs a run without filter)
`;

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    guest: { type: "string" },
    host: { type: "boolean" },
    show: { type: "string" },
    "list-failures": { type: "boolean" },
    causes: { type: "boolean" },
    fast: { type: "boolean" },
    jobs: { type: "string", short: "j", default: "2" },
    timeout: { type: "string", default: "60" },
    resume: { type: "string" },
    baseline: { type: "boolean" },
    update: { type: "boolean" },
    docs: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  },
});

await runMain(main);

async function main() {
  if (options.help) return void process.stdout.write(usage);
  const suite = await findSuite();
  if (!suite) throw new StepError(suiteHint);
  if (options.show) return await show(suite, options.show);
  const files = select(suite);
  if (files.length === 0) throw new StepError(`no file matches ${filters.join(" ")}`);
  if (options.baseline) return await measureBaseline(suite, files);
  return await judge(suite, files);
}

function select(suite) {
  const files = listFiles(suite, filters);
  return options.fast ? files.filter(({ name }) => isInFastSubset(name)) : files;
}

// A fixed, scattered twelfth: which files it has depends on their names alone.
function isInFastSubset(name) {
  return createHash("sha256").update(name).digest()[0] % 12 === 0;
}

async function openBackend(suite) {
  if (options.host) return hostBackend(suite);
  if (options.guest) {
    if (!existsSync(options.guest)) throw new StepError(`--guest: no file ${options.guest}`);
    return binaryBackend(suite, options.guest);
  }
  if (!existsSync(artifacts.addon)) {
    throw new StepError("the addon is not built: run `npm run build`, or give --guest <binary>");
  }
  return await productBackend(suite);
}

function runOptions(slot) {
  return { timeoutMs: Number(options.timeout) * 1000, slot };
}

async function show(suite, text) {
  const file = listFiles(suite, [text.replace(/^(\.\/)?test\//, "")])[0];
  if (!file) throw new StepError(`no file matches ${text}`);
  const backend = await openBackend(suite);
  const flags = flagsOf(suite, file.name);
  say(`$ ${backend.describe(file.name, flags)}`);
  const outcome = await backend.run(file.name, flags, runOptions(0));
  await backend.close();
  say(`--- stdout\n${outcome.stdout}--- stderr\n${outcome.stderr}---`);
  const end = outcome.timedOut ? "timed out" : (outcome.signal ?? `exit ${outcome.exitCode}`);
  say(`${verdictOf(outcome)}: ${file.name}, ${end}, ${Math.round(outcome.ms)} ms`);
  const host = readBaseline().files[file.name];
  say(`the reference Node.js: ${host ?? "not measured (--baseline)"}`);
  return verdictOf(outcome) === "pass" ? 0 : 1;
}

async function measureBaseline(suite, files) {
  const backend = hostBackend(suite);
  const baseline = readBaseline();
  baseline.node = (await capture(pinnedNode, ["--version"])).trim();
  await runPool(files, Number(options.jobs), async ({ name }, slot) => {
    const outcome = await runReference(backend, suite, name, slot);
    baseline.files[name] = verdictOf(outcome);
    say(line(verdictOf(outcome), name, outcome));
  });
  writeBaseline(baseline);
  const passed = files.filter(({ name }) => baseline.files[name] === "pass").length;
  say(`\n${baseline.node} passes ${passed} of ${files.length} files`);
}

// A second chance: a file that fails once on a busy machine is still one that passes.
async function runReference(backend, suite, name, slot) {
  const flags = flagsOf(suite, name);
  const outcome = await backend.run(name, flags, runOptions(slot));
  if (verdictOf(outcome) !== "fail") return outcome;
  return await backend.run(name, flags, runOptions(slot));
}

// Files that the committed baseline does not know (another version of the suite, say) run on the
// reference first. Their verdicts are kept in the cache, by content.
async function measureUnknown(suite, files, baseline) {
  const unknown = files.filter(({ name }) => !baseline.files[name]);
  if (unknown.length === 0) return;
  say(`running ${unknown.length} files without a baseline on the reference Node.js first`);
  const known = readCachedBaseline();
  const backend = hostBackend(suite);
  await runPool(unknown, Number(options.jobs), async ({ name }, slot) => {
    const content = contentHash(suite, name);
    known[content] ??= verdictOf(await runReference(backend, suite, name, slot));
    baseline.files[name] = known[content];
  });
  writeCachedBaseline(known);
}

async function judge(suite, files) {
  const baseline = readBaseline();
  const expectations = readExpectations();
  await measureUnknown(suite, files, baseline);
  const counted = files.filter(({ name }) => baseline.files[name] === "pass");
  const results = await runCounted(suite, counted, expectations);
  results.sort((a, b) => (a.name < b.name ? -1 : 1));
  if (options.update) update(suite, expectations, results);
  if (options.causes) printCauses(results);
  const totals = totalsOf(files, baseline, results);
  const rest = totalOfRest(suite, files, baseline, results);
  printTotals(totals, rest);
  if (options.docs) await document(suite, totals, rest, baseline, expectations);
  return summary(results);
}

async function runCounted(suite, counted, expectations) {
  const kept = options.resume ? readVerdicts(options.resume) : {};
  const results = counted
    .filter(({ name }) => kept[name])
    .map(({ group, name }) => judged({ group, name, ...kept[name] }, expectations));
  const backend = await openBackend(suite);
  const attempt = async ({ group, name }, slot) => {
    const outcome = await backend.run(name, flagsOf(suite, name), runOptions(slot));
    const verdict = verdictOf(outcome) === "pass" ? "pass" : "fail";
    const cause = verdict === "fail" ? causeOf(outcome) : "";
    const result = judged({ group, name, verdict, cause }, expectations);
    result.text = line(result.state, name, outcome, cause);
    return result;
  };
  const conclude = (result) => {
    const { name, verdict, cause, state, text } = result;
    results.push(result);
    kept[name] = { verdict, cause };
    if (options.resume) writeVerdicts(options.resume, kept);
    if (options["list-failures"] && state === "pass") return;
    say(`[${results.length}/${counted.length}] ${text}`);
  };
  const again = [];
  const toRun = counted.filter(({ name }) => !kept[name]);
  await runPool(toRun, Number(options.jobs), async (file, slot) => {
    const result = await attempt(file, slot);
    if (result.state !== "FAIL") return conclude(result);
    again.push(file);
    say(`to be run again: ${result.text}`);
  });
  // As for the reference: a file that fails beside others on a busy machine is run again, alone.
  for (const file of again) conclude(await attempt(file, 0));
  await backend.close();
  return results;
}

function judged(result, expectations) {
  return { ...result, state: stateOf(result, expectations[result.name]) };
}

/** @returns {"pass" | "known failure" | "FAIL" | "UNEXPECTED PASS"} */
function stateOf({ verdict }, expected) {
  if (verdict === "pass") return expected ? "UNEXPECTED PASS" : "pass";
  return expected ? "known failure" : "FAIL";
}

function line(state, name, outcome, cause) {
  const time = `${(outcome.ms / 1000).toFixed(2)} s`;
  return `${state.padEnd(4)} ${name} (${time})${cause ? `  ${cause}` : ""}`;
}

function update(suite, expectations, results) {
  for (const { name, verdict, cause } of results) {
    if (verdict === "pass") delete expectations[name];
    else expectations[name] ??= { class: "gap", reason: missingFeature(suite, name) ?? cause };
  }
  writeExpectations(expectations);
  for (const result of results) result.state = stateOf(result, expectations[result.name]);
}

async function document(suite, totals, rest, baseline, expectations) {
  if (filters.length > 0 || options.fast) throw new StepError("--docs needs a run without filter");
  await writeDocument(suite, totals, rest, baseline, expectations);
}

function summary(results) {
  const failed = results.filter(({ state }) => state === "FAIL").length;
  const passed = results.filter(({ state }) => state === "UNEXPECTED PASS").length;
  if (failed > 0) say(`${failed} files failed that should pass: --show <file> prints one's output`);
  if (passed > 0) say(`${passed} files passed that were expected to fail: --update drops them`);
  // What is known to fail is neither.
  const held = results.filter(({ state }) => state === "pass").length;
  const known = results.length - held - failed - passed;
  say(`\n${held} passed, ${failed + passed} failed, ${known} skipped`);
  return failed + passed > 0 ? 1 : 0;
}
