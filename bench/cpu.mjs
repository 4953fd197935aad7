// Computation, where guest and host differ in the engine's version and flags alone. The last row is the geometric mean of
// the others: what a program that does a little of each would see.

import { runInNode } from "./host.mjs";

const kernels = {
  "CPU: floating point": `
    let x = 0;
    for (let i = 1; i < 3e7; i++) x += Math.sqrt(i) / (i % 7 + 1);
    return x;
  `,
  "CPU: objects and maps": `
    const map = new Map();
    for (let i = 0; i < 1.5e6; i++) {
      const key = "k" + (i % 5000);
      const entry = map.get(key) ?? { count: 0, sum: 0 };
      entry.count++;
      entry.sum += i;
      map.set(key, entry);
    }
    return map.size;
  `,
  "CPU: strings, regular expressions, JSON": `
    let total = 0;
    for (let i = 0; i < 2000; i++) {
      const list = Array.from({ length: 100 }, (_, n) => "item " + n);
      const text = JSON.stringify({ id: i, list });
      total += JSON.parse(text).list.length + text.replace(/item (\\d+)/g, "<$1>").length;
    }
    return total;
  `,
  "CPU: sorting": `
    let seed = 1;
    const random = () => (seed = (seed * 48271) % 2147483647);
    const list = Array.from({ length: 400000 }, random);
    for (let i = 0; i < 3; i++) list.slice().sort((a, b) => a - b);
    return list.length;
  `,
  "CPU: classes": `
    class Shape { area() { return 0; } }
    class Square extends Shape { constructor(a) { super(); this.a = a; } area() { return this.a * this.a; } }
    class Circle extends Shape { constructor(r) { super(); this.r = r; } area() { return this.r * this.r * 3.14; } }
    class Box extends Square { area() { return super.area() * 6; } }
    let sum = 0;
    for (let i = 0; i < 3e6; i++) {
      const shape = i % 3 === 0 ? new Square(i) : i % 3 === 1 ? new Circle(i) : new Box(i);
      sum += shape.area();
    }
    return sum;
  `,
  "CPU: typed arrays": `
    const size = 160, a = new Float64Array(size * size).fill(1.5), b = a.slice(), c = new Float64Array(size * size);
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++) {
        let sum = 0;
        for (let k = 0; k < size; k++) sum += a[i * size + k] * b[k * size + j];
        c[i * size + j] = sum;
      }
    const sieve = new Uint8Array(2e6);
    for (let i = 2; i * i < sieve.length; i++)
      if (!sieve[i]) for (let j = i * i; j < sieve.length; j += i) sieve[j] = 1;
    return c[0] + sieve.length;
  `,
  "CPU: closures and arrays": `
    let sum = 0;
    for (let i = 0; i < 300; i++) {
      const list = Array.from({ length: 1000 }, (_, n) => ({ n, odd: n % 2 }));
      sum += list.filter((x) => x.odd).map(({ n }) => [n, n * i]).flatMap((x) => x).reduce((p, c) => p + c, 0);
    }
    return sum;
  `,
  "CPU: generators and destructuring": `
    function* numbers(n) { for (let i = 0; i < n; i++) yield [i, i * 2]; }
    let sum = 0;
    for (const [a, b] of numbers(1e6)) sum += a ^ b;
    return sum;
  `,
};

const program = `
  const kernels = {
    ${Object.entries(kernels)
      .map(([name, body]) => `${JSON.stringify(name)}: () => { ${body} },`)
      .join("\n")}
  };
  const times = {};
  for (const [name, work] of Object.entries(kernels)) {
    work();
    let best = Infinity;
    for (let i = 0; i < 5; i++) {
      const start = process.hrtime.bigint();
      work();
      best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e6);
    }
    times[name] = best;
  }
`;

export async function cpu({ NodeRuntime }) {
  const runtime = await NodeRuntime.create({ jsRuntime: { highResolutionTime: true } });
  try {
    const { value, stderr } = await runtime.run(`${program} globalThis.__return(times);`);
    if (!value) throw new Error(stderr);
    const host = JSON.parse(await runInNode(`${program} console.log(JSON.stringify(times));`));
    const rows = Object.entries(value).map(([name, ms]) => row(name, ms, host[name]));
    return [...rows, row("CPU: geometric mean", mean(value), mean(host))];
  } finally {
    await runtime.dispose();
  }
}

function row(name, ms, host) {
  return { name, unit: "ms", value: ms, against: { "node -e": host } };
}

/** The geometric mean of a record's numbers. */
function mean(times) {
  const all = Object.values(times);
  return Math.exp(all.reduce((sum, ms) => sum + Math.log(ms), 0) / all.length);
}
