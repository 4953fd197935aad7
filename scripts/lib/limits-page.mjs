// docs/limits.md: the tables of its parts, from the table that the machine has its limits from.

import { createRequire } from "node:module";
import { join } from "node:path";
import { root } from "./paths.mjs";

const require = createRequire(import.meta.url);

const header = `| limit | default | a guest sees | the host sees |
|---|---:|---|---|`;

/** Markers around the table of a group: what is between them is generated. */
const place = /(<!-- limits of (\w+), by scripts\/docs\.mjs -->\n).*?(<!-- end -->)/gs;

/** The page with its tables as they are. */
export function limitsPage(text) {
  const { limitTable } = require(join(root, "binding.cjs"));
  const rows = limitTable();
  return text.replace(place, (_, begin, group, end) => {
    const lines = rows.filter(({ path }) => path.startsWith(`limits.${group}.`)).map(line);
    return `${begin}${[header, ...lines].join("\n")}\n${end}`;
  });
}

function line(row) {
  const name = row.path.split(".").at(-1);
  const cells = [`\`${name}\``, [bound(row), row.note].filter(Boolean).join(joint(row.note))];
  return `| ${[...cells, row.guest, row.host].join(" | ")} |`;
}

/** A note that begins a new thought is set off. */
function joint(note) {
  return /^(at least|at most)/.test(note) ? ", " : " ";
}

function bound({ default: value, unit }) {
  if (value === undefined || value === null) return "none";
  if (unit === "bytes" && value % 2 ** 20 === 0) return `${value / 2 ** 20} MiB`;
  return value.toLocaleString("en-US");
}
