import { NodeRuntime } from "secure-exec";
const n = +process.argv[2] || 200;
const code = process.argv[3] || "console.log(1)";
const rt = await NodeRuntime.create();
for (let i = 0; i < 5; i++) await rt.exec(code);
const t = [];
for (let i = 0; i < n; i++) {
  const a = performance.now();
  await rt.exec(code);
  t.push(performance.now() - a);
}
t.sort((a, b) => a - b);
console.log(
  "p50",
  t[n >> 1].toFixed(2),
  "p95",
  t[Math.floor(n * 0.95)].toFixed(2),
  "min",
  t[0].toFixed(2),
);
await rt.dispose();
