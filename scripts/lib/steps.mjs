// Numbered steps with a plain account of what each does and how long it took.

import { spawn } from "node:child_process";
import { root } from "./paths.mjs";

/** A failure whose message is all that the user needs: no stack is printed. */
export class StepError extends Error {}

/**
 * @typedef {object} Step
 * @property {string} name What the step does, as the user reads it.
 * @property {() => string | undefined | Promise<string | undefined>} [upToDate]
 *   Says why nothing is to be done, or returns undefined.
 * @property {(note: (text: string) => void) => unknown} run Does it. Throws to fail.
 */

/**
 * Runs the steps in order and stops at the first failure.
 * @param {Step[]} steps
 */
export async function runSteps(steps) {
  const width = String(steps.length).length;
  for (const [index, step] of steps.entries()) {
    const head = `[${String(index + 1).padStart(width)}/${steps.length}] ${step.name}`;
    const reason = await step.upToDate?.();
    if (reason !== undefined) {
      say(`${head}: ${reason}`);
      continue;
    }
    say(`${head} ...`);
    const start = performance.now();
    await step.run((text) => say(`${" ".repeat(2 * width + 4)}${text}`));
    say(`${" ".repeat(2 * width + 4)}done in ${seconds(performance.now() - start)}`);
  }
}

/** Runs `main`, prints a failure once, and sets the exit status. */
export async function runMain(main) {
  try {
    const status = await main();
    if (typeof status === "number") process.exitCode = status;
  } catch (error) {
    const text = error instanceof StepError ? error.message : (error?.stack ?? String(error));
    process.stderr.write(`\nfailed: ${text}\n`);
    process.exitCode = 1;
  }
}

/** Runs a command with its output shown as it comes. Fails with a sentence if it fails. */
export async function run(command, args, { env, cwd = root, hint } = {}) {
  const status = await new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.once("error", (error) => {
      reject(new StepError(`cannot start ${command}: ${error.message}`));
    });
    child.once("close", (code, signal) => resolve(signal ?? code));
  });
  if (status !== 0) {
    const how = typeof status === "string" ? `died from ${status}` : `ended with status ${status}`;
    throw new StepError(`\`${command} ${args.join(" ")}\` ${how}.${hint ? ` ${hint}` : ""}`);
  }
}

/** Runs a command and gives back its output; `undefined` if it cannot run or fails. */
export async function capture(command, args, options = {}) {
  return await new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "ignore"],
      ...options,
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.once("error", () => resolve(undefined));
    child.once("close", (code) => resolve(code === 0 ? output : undefined));
  });
}

export function seconds(ms) {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

export function say(text) {
  process.stdout.write(`${text}\n`);
}
