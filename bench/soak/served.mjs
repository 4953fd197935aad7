// `secure-exec serve` as a process of its own, for soaks.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const token = "a-token-of-the-soak-tests";
const cli = join(import.meta.dirname, "../../lib/cli/main.cjs");

export async function serve({ port = 0, maxSandboxes = 64 } = {}) {
  // Garbage is no growth: it is collected every five seconds.
  const collecting = "data:text/javascript,setInterval(gc, 5000).unref()";
  const node = ["--expose-gc", "--import", collecting];
  const args = [
    ...node,
    cli,
    "serve",
    "--port",
    String(port),
    "--max-sandboxes",
    String(maxSandboxes),
  ];
  const child = spawn(process.execPath, [...args, "--drain-seconds", "10"], {
    env: { PATH: process.env.PATH, SECURE_EXEC_TOKEN: token },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const failures = [];
  const opened = Promise.withResolvers();
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (part) => {
    text = (text + part).slice(-100_000);
    const found = /listening url=http:\/\/127\.0\.0\.1:(\d+)/.exec(text);
    if (found) opened.resolve(Number(found[1]));
    for (const line of part.split("\n")) if (/ failed /.test(line)) failures.push(line);
  });
  child.once("exit", () => opened.reject(new Error(`the server ended: ${text}`)));
  const exited = once(child, "exit");
  const opens = await opened.promise;
  return {
    pid: child.pid,
    port: opens,
    url: `http://127.0.0.1:${opens}`,
    failures,
    /** Code and signal that it ends with. */
    end: async (signal) => {
      child.kill(signal);
      return await exited;
    },
  };
}

/** A metric of a server. */
export async function metric(url, name) {
  const headers = { authorization: `Bearer ${token}` };
  const text = await (await fetch(`${url}/metrics`, { headers })).text();
  const line = text.split("\n").find((each) => each.startsWith(`secure_exec_${name} `));
  return Number(line?.split(" ")[1]);
}

/** What a process uses, and its children. */
export function usageOf(pid) {
  const children = childrenOf(pid);
  return {
    rss: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024,
    fds: readdirSync(`/proc/${pid}/fd`).length,
    machines: children.length,
    machinesMb: children.reduce((sum, child) => sum + anonymous(child), 0),
  };
}

export function childrenOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")
      .split(" ")
      .filter(Boolean)
      .map(Number),
  );
}

function anonymous(pid) {
  try {
    return (
      Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024
    );
  } catch {
    // It has ended meanwhile.
    return 0;
  }
}
