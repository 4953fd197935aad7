// Rows of a measurement and how they are shown.

/**
 * @typedef {object} Row
 * @property {string} name What was measured.
 * @property {string} unit
 * @property {number} value Ours.
 * @property {Record<string, number>} [against] The same on something else.
 */

/** Prints value and, for each alternative, its value and ours divided by it. */
export function printTable(rows) {
  const columns = [...new Set(rows.flatMap(({ against }) => Object.keys(against ?? {})))];
  const header = ["", "secure-exec", ...columns.flatMap((name) => [name, "ratio"])];
  const body = rows.map((row) => [
    row.name,
    `${number(row.value)} ${row.unit}`,
    ...columns.flatMap((column) => {
      const other = row.against?.[column];
      if (other === undefined) return ["", ""];
      return [`${number(other)} ${row.unit}`, `${number(row.value / other)}x`];
    }),
  ]);
  const widths = header.map((_, i) => Math.max(...[header, ...body].map((line) => line[i].length)));
  for (const line of [header, ...body]) {
    const cells = line.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]),
    );
    process.stdout.write(`${cells.join("  ").trimEnd()}\n`);
  }
}

/** Times `work` a number of times, after a first call that is not counted. */
export async function sample(count, work) {
  await work();
  const times = [];
  for (let i = 0; i < count; i += 1) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

/** Calls of one kind before it is another's turn. */
const turn = 20;

/**
 * Times different works beside each other, a few calls of each in turn, so that what the machine does meanwhile and what
 * the host has compiled by then falls on all alike.
 */
export async function sampleInTurn(count, works) {
  const times = works.map(() => []);
  // The first turns are not counted: everybody's code is compiled in them.
  for (let done = -Math.ceil(count / 4); done < count; done += turn) {
    for (const [at, work] of works.entries()) {
      for (let i = 0; i < turn; i += 1) {
        const start = performance.now();
        await work();
        if (done >= 0) times[at].push(performance.now() - start);
      }
    }
  }
  return times.map((list) => list.sort((a, b) => a - b));
}

export function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** Rows of percentiles from sorted times of ours and of the alternatives. */
export function percentileRows(name, own, others, shares = [0.5, 0.95]) {
  return shares.map((share) => ({
    name: `${name}, p${share * 100}`,
    unit: "ms",
    value: percentile(own, share),
    against: Object.fromEntries(
      Object.entries(others).map(([key, times]) => [key, percentile(times, share)]),
    ),
  }));
}

function number(value) {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}
