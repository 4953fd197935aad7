// The users: what they ask for, and what a few of them try.

const usual = [
  { code: "console.log(1)" },
  {
    code: "import fs from 'fs'; fs.appendFileSync('log', 'x'); console.log(fs.statSync('log').size)",
  },
  { sh: "seq 1 1000 | sort -rn | head -3" },
  { code: "throw new Error('x')" },
  { code: "console.log('y'.repeat(20000))" },
  { sh: "ls -la / | wc -l" },
  { code: "let s = 0; for (let i = 0; i < 3e6; i++) s += i; console.log(s)" },
  { code: `// ${"a long program ".repeat(7000)}\nconsole.log(2)` },
  {
    code: "import { execFileSync } from 'child_process'; console.log(String(execFileSync('date')))",
  },
];

const hostile = [
  { code: "const a = []; for (;;) a.push(new Array(1e5).fill({}))" },
  { code: "const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1))" },
  { code: "const a = []; for (;;) a.push(new WebAssembly.Memory({ initial: 100 }))" },
  { code: "for (;;);" },
  { code: "await new Promise((resolve) => (function turn() { Promise.resolve().then(turn) })())" },
  { code: "(function deeper() { deeper() })()" },
  { code: "/(a+)+$/.test('a'.repeat(40) + 'b')" },
  { code: "for (;;) console.log('x'.repeat(1e5))" },
  { sh: "yes" },
  { sh: "f() { f | f & }; f; sleep 1" },
  {
    code: "import { spawn } from 'child_process'; for (let i = 0; i < 70; i++) spawn('sleep', ['9']).on('error', () => {})",
  },
  {
    code: "import { Worker } from 'worker_threads'; for (let i = 0; i < 70; i++) new Worker('for (;;);', { eval: true }).on('error', () => {})",
  },
  {
    code: "import fs from 'fs'; for (let i = 0; ; i++) fs.writeFileSync('/tmp/f' + (i % 9), 'x'.repeat(1e6))",
  },
  { code: "import fs from 'fs'; for (;;) fs.openSync('/etc/passwd')" },
  { code: "for (let i = 0; i < 1e6; i++) setInterval(() => {}, 1)" },
  { code: "process.exit(3)" },
  { code: "Promise.reject(new Error('nobody listens'))" },
  { code: "process.kill(process.pid, 'SIGSEGV')" },
  { code: "process.abort()" },
];

/** Shares of the requests. */
const shareHostile = 0.01;
const shareAborted = 0.01;
const shareDisposed = 0.001;

/** Rounds of everything usual at the start, and how much of the time they may take. */
const rounds = 24;
const hostileRounds = 2;
const shareWarmUp = 0.35;

/** Milliseconds of thought between two requests of a client, and before one gives up. */
const pause = 150;
const patience = 3;

/**
 * What an honest request may end with: a machine that is busy makes programs late, and a user whose other request
 * means harm has less of the machine, or another one with the same files.
 */
export const mayHappen = new Set([
  "ERR_TIMEOUT",
  "ERR_RESOURCE_LIMIT",
  "ERR_VM_CRASHED",
  "EAGAIN",
  "ENOSPC",
]);

/** Numbers that look random and are the same for the same seed (mulberry32). */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Starts the clients. `latencies` gives those since it was called last, `failures` counts what honest requests ended
 * with instead of a result.
 */
export function load({ ask, users, clients, seed, seconds }) {
  const warmUpMs = seconds * 1000 * shareWarmUp;
  const next = numbers(seed);
  const pick = (list) => list[Math.floor(next() * list.length)];
  const failures = new Map();
  let times = [];
  let requests = 0;
  let stopped = false;

  const note = (code) => failures.set(code, (failures.get(code) ?? 0) + 1);

  async function request(user) {
    const dice = next();
    requests += 1;
    if (dice < shareDisposed) return await ask(`/run/${user}`, { method: "DELETE" });
    const isHostile = dice > 1 - shareHostile;
    const isAborted = !isHostile && dice > 1 - shareHostile - shareAborted;
    const body = JSON.stringify(pick(isHostile ? hostile : usual));
    const signal = isAborted ? AbortSignal.timeout(patience) : undefined;
    const start = performance.now();
    const answer = await ask(`/run/${user}`, { method: "POST", body, signal }).catch((error) => {
      if (!isAborted) throw error;
      return {};
    });
    if (isHostile || isAborted) return;
    times.push(performance.now() - start);
    if (answer.code !== undefined)
      note(answer.stateLost ? `${answer.code}, files lost` : answer.code);
  }

  /**
   * Every user does everything usual a few times before chance decides, and everything hostile happens: a machine, and
   * the heap of the host, has its size by then.
   */
  async function warmUp(index) {
    const until = performance.now() + warmUpMs;
    for (let round = 0; round < hostileRounds; round++) {
      for (let which = index; which < hostile.length; which += clients) {
        if (stopped || performance.now() > until) return;
        const user = (which + round * hostile.length) % users;
        await ask(`/run/u${user}`, { method: "POST", body: JSON.stringify(hostile[which]) });
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (let user = index; user < users; user += clients) {
        for (const body of usual) {
          if (stopped || performance.now() > until) return;
          await ask(`/run/u${user}`, { method: "POST", body: JSON.stringify(body) });
        }
      }
    }
  }

  async function client(index) {
    await warmUp(index);
    while (!stopped) {
      await request(`u${Math.floor(next() * users)}`).catch((error) =>
        note(String(error.cause ?? error)),
      );
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  const all = Array.from({ length: clients }, (_, index) => client(index));
  return {
    failures,
    latencies() {
      const sorted = times.sort((a, b) => a - b);
      times = [];
      const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
      return { requests, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted.at(-1) };
    },
    async stop() {
      stopped = true;
      await Promise.all(all);
    },
  };
}
