// Whether memory stayed where it was.

import { mayHappen } from "./load.mjs";

/** The last part of the run that must be flat: three minutes of five. */
const share = 0.6;
/** How much of its mean a memory may grow by in that part. */
const tolerance = { vms: 0.04, host: 0.1, held: 0.1 };
const names = { vms: "VMs without their files", host: "host", held: "objects of the host" };
/** Growth that no memory of this size can do without, MB. */
const floor = 8;

/** A row without the files that users have written: those are to stay. */
const own = (row) => ({ ...row, vms: row.vms - row.files });

/** Growth for each minute by least squares. */
function slope(points) {
  const mean = (pick) => points.reduce((sum, point) => sum + pick(point), 0) / points.length;
  const [x, y] = [mean((point) => point[0]), mean((point) => point[1])];
  const covariance = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  const variance = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  return { mean: y, perMinute: variance === 0 ? 0 : (covariance / variance) * 60 };
}

/** What was found, as lines, and what is wrong with it. */
export function judge({ rows, left, failures, seconds }) {
  const window = seconds * share;
  const last = rows.filter((row) => row.seconds >= seconds - window);
  const lines = [];
  const problems = [];
  for (const [name, bound] of Object.entries(tolerance)) {
    const { mean, perMinute } = slope(last.map((row) => [row.seconds, own(row)[name]]));
    const grown = (perMinute * window) / 60;
    const allowed = Math.max(mean * bound, floor);
    const what = names[name];
    const text =
      `${what}: ${mean.toFixed(1)} MB on average over the last ${window} s, ${perMinute.toFixed(2)} MB a minute, ` +
      `${grown.toFixed(1)} MB in all (${allowed.toFixed(1)} allowed)`;
    lines.push(text);
    if (last.length < 3) problems.push(`${what}: too few samples, give it more --seconds`);
    else if (grown > allowed) problems.push(text);
  }
  lines.push(
    `after disposal: host ${left.host.toFixed(0)} MB, ${left.count} VM processes, ${left.zombies} zombies, ${left.fds} fds, ${left.threads} threads`,
  );
  // Those that wait for the next runtime stay.
  if (left.count > 2) problems.push(`${left.count} VM processes are left`);
  if (left.zombies > 0) problems.push(`${left.zombies} zombies are left`);
  for (const [code, count] of failures) {
    const text = `${count} honest requests ended with ${code}`;
    lines.push(text);
    if (!mayHappen.has(code)) problems.push(text);
  }
  return { lines, problems };
}
