// The machine's sockets, as /proc/net has them.

import { readFileSync } from "node:fs";

/** Names of the states of TCP, by their number there. */
const STATE_NAMES = [
  "",
  "ESTAB",
  "SYN-SENT",
  "SYN-RECV",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "TIME-WAIT",
  "UNCONN",
  "CLOSE-WAIT",
  "LAST-ACK",
  "LISTEN",
  "CLOSING",
];

function addressOf(text) {
  const [address, port] = text.split(":");
  const words = address.match(/.{8}/g).map((word) => word.match(/../g).reverse());
  if (words.length === 1)
    return {
      host: words[0].map((byte) => Number.parseInt(byte, 16)).join("."),
      port: Number.parseInt(port, 16),
    };
  const groups = words
    .flat()
    .join("")
    .match(/.{4}/g)
    .map((group) => Number.parseInt(group, 16).toString(16));
  const mapped = groups.slice(0, 6).join(":") === "0:0:0:0:0:ffff";
  const host = mapped
    ? `::ffff:${words[3].map((byte) => Number.parseInt(byte, 16)).join(".")}`
    : shortened(groups);
  return { host, port: Number.parseInt(port, 16) };
}

function shortened(groups) {
  const text = groups.join(":");
  const runs = [...text.matchAll(/(?:^|:)(?:0(?::|$))+/g)].sort(
    (one, two) => two[0].length - one[0].length,
  );
  if (runs.length === 0) return text;
  const { index, 0: run } = runs[0];
  return `${text.slice(0, index)}::${text.slice(index + run.length)}`;
}

/** @returns {{ proto: string, state: string, received: number, sent: number, local: object, peer: object }[]} */
export function sockets(proto) {
  let text = "";
  try {
    text = readFileSync(`/proc/net/${proto}`, "utf8");
  } catch {
    // A machine without /proc has no list.
  }
  return text
    .split("\n")
    .slice(1)
    .filter(Boolean)
    .map((line) => {
      const [, local, peer, state, queues] = line.trim().split(/\s+/);
      const [sent, received] = queues.split(":").map((number) => Number.parseInt(number, 16));
      return {
        proto,
        state: STATE_NAMES[Number.parseInt(state, 16)],
        received,
        sent,
        local: addressOf(local),
        peer: addressOf(peer),
      };
    });
}

/** Flags of a command line, words in `rest`. Ends with status 1 at one that is not in `known`. */
export function flagsOf(name, words, known) {
  const flags = new Set();
  for (const word of words) {
    const long = word.startsWith("--") ? word.slice(2) : undefined;
    const letters = long === undefined ? word.replace(/^-/, "") : (known.long[long] ?? "?");
    for (const letter of letters) {
      if (!word.startsWith("-") || !known.letters.includes(letter)) {
        process.stderr.write(`${name}: invalid option -- '${word}'\n`);
        process.exit(1);
      }
      flags.add(letter);
    }
  }
  return flags;
}
