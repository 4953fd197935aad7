"use strict";
// `secure-exec serve`: a server of sandboxes on this terminal, until SIGTERM or SIGINT.

const { readFileSync } = require("node:fs");
const { once } = require("node:events");
const check = require("../validate.cjs");
const { CommandError, printable } = require("./failures.cjs");
const { UsageError } = require("./usage-error.cjs");

/** Where the token is, unless a file or the configuration has it. */
const tokenVariable = "SECURE_EXEC_TOKEN";
/** 128 and SIGTERM's number is what a process has that takes no notice; one that drains ends well. */
const signals = ["SIGTERM", "SIGINT"];

async function serve(operands, flags) {
  if (operands.length > 0) throw new UsageError(`serve takes no '${operands[0]}'`);
  const options = serverOptions(flags, process.env);
  const { createSandboxServer } = require("../server/server.cjs");
  const server = await createSandboxServer({ ...options, onLog: log }).catch(told);
  log("listening", {
    url: server.url,
    ...(flags.playground && { playground: `${server.url}/playground/` }),
    ...(server.agentSandboxUrl && { agentSandbox: server.agentSandboxUrl }),
  });
  if (options.noAuth) log("everybody who reaches this address may use it", {});
  await stopped(server);
  log("stopped", {});
  return 0;
}

/** Settles when the server has ended: by itself at the first signal, at once at the second. */
async function stopped(server) {
  const asked = new AbortController();
  const [name] = await Promise.race(
    signals.map(async (signal) => {
      await once(process, signal, { signal: asked.signal });
      return [signal];
    }),
  );
  asked.abort();
  log("draining", { signal: name, sandboxes: server.sandboxes });
  const again = () => server.close().catch((error) => log("failed", { error: String(error) }));
  for (const signal of signals) process.on(signal, again);
  await server.drain();
  for (const signal of signals) process.off(signal, again);
}

/** Options of `createSandboxServer` from the flags, the file that they name, and the environment. */
function serverOptions(flags, environment) {
  const { host, port, maxSandboxes, maxBody, idleSeconds, lifetimeSeconds, drainSeconds } = flags;
  const { tls, ...config } = flags.config === undefined ? {} : configOf(flags.config);
  const given = {
    host,
    port,
    maxSandboxes,
    maxBodyBytes: maxBody,
    idleSeconds,
    lifetimeSeconds,
    drainSeconds,
    agentSandboxPort: flags.agentSandboxPort,
    noAuth: flags.noAuth,
    allowedOrigins: flags.allowedOrigins.length > 0 ? flags.allowedOrigins : undefined,
    tls: tlsOf(flags, tls),
    tokens: tokensOf(flags, config, environment),
    handlers: flags.playground ? [playgroundHere()] : undefined,
  };
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...config, ...Object.fromEntries(named) };
}

/** What serves the playground. */
function playgroundHere() {
  const handler = require("../server/playground.cjs").playground();
  if (handler) return handler;
  throw new CommandError(
    "--playground: it is not here. It comes with the repository, where `npm run playground` builds it",
  );
}

function configOf(path) {
  let config;
  try {
    config = JSON.parse(contents(path, "--config").toString("utf8"));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    // Without what it has: it may be secret.
    throw new CommandError(`--config: ${path} is no JSON`);
  }
  if (!check.isPlainObject(config)) throw new CommandError(`--config: ${path} has no object`);
  return config;
}

/** Certificate and key: files that flags or the configuration name. */
function tlsOf({ tlsCert, tlsKey }, config) {
  const cert = tlsCert ?? config?.cert;
  const key = tlsKey ?? config?.key;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new UsageError("--tls-cert and --tls-key belong together");
  }
  return { cert: contents(cert, "--tls-cert"), key: contents(key, "--tls-key") };
}

function tokensOf({ tokenFile, noAuth }, { tokens }, environment) {
  if (noAuth) return tokens;
  if (tokenFile !== undefined)
    return [
      ...(tokens ?? []).map(withFile),
      contents(tokenFile, "--token-file").toString("utf8").trim(),
    ];
  if (tokens !== undefined) return Array.isArray(tokens) ? tokens.map(withFile) : tokens;
  const token = environment[tokenVariable];
  if (token) return [token];
  throw new UsageError(
    `serve needs a token that clients have to show: --token-file <file>, the variable ${tokenVariable}, or tokens in ` +
      "--config; --no-auth lets everybody in who reaches this machine",
  );
}

/** A token of the configuration, whose text may be in a file of its own. */
function withFile(rule) {
  if (!check.isPlainObject(rule) || rule.tokenFile === undefined) return rule;
  const { tokenFile, ...rest } = rule;
  return { ...rest, token: contents(tokenFile, "tokenFile").toString("utf8").trim() };
}

function contents(path, flag) {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CommandError(`${flag}: ${path} cannot be read: ${error.code ?? error.message}`);
  }
}

/** A port that is taken, and other errors of the system, in one line. */
function told(error) {
  if (error.syscall === "listen") {
    throw new CommandError(`cannot listen on ${error.address}:${error.port}: ${error.code}`);
  }
  if (error.code?.startsWith("ERR_OSSL"))
    throw new CommandError(`--tls-cert, --tls-key: ${error.message}`);
  throw error;
}

function log(message, details) {
  const values = Object.entries(details).map(
    ([name, value]) => ` ${name}=${printable(String(value)).replaceAll("\n", "\\n")}`,
  );
  process.stderr.write(`${new Date().toISOString()} ${message}${values.join("")}\n`);
}

module.exports = { serve };
