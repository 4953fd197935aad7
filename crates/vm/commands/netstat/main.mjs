// netstat(8) of a machine: its sockets of TCP and UDP.

import { flagsOf, sockets } from "../ss/table.mjs";

const LONG = { tcp: "t", udp: "u", listening: "l", all: "a", numeric: "n", programs: "p" };
const STATES = { ESTAB: "ESTABLISHED", UNCONN: "" };

const flags = flagsOf("netstat", process.argv.slice(1), { letters: "tulanp46", long: LONG });
const protocols = ["tcp", "tcp6", "udp", "udp6"].filter(
  (proto) => (!flags.has("t") && !flags.has("u")) || flags.has(proto[0]),
);
const isOpen = ({ state }) => state === "LISTEN" || state === "UNCONN";
const rows = protocols
  .flatMap(sockets)
  .filter((socket) => flags.has("a") || isOpen(socket) === flags.has("l"));
const kind = flags.has("a")
  ? "servers and established"
  : flags.has("l")
    ? "only servers"
    : "w/o servers";
process.stdout.write(`Active Internet connections (${kind})\n`);
process.stdout.write(
  "Proto Recv-Q Send-Q Local Address           Foreign Address         State      \n",
);
for (const { proto, state, received, sent, local, peer } of rows) {
  const shown = ({ host, port }, isPeer) => `${host}:${isPeer && port === 0 ? "*" : port}`;
  const name = STATES[state] ?? state.replace(/-/g, "_").replace("_WAIT_", "_WAIT");
  const numbers = `${String(received).padStart(6)} ${String(sent).padStart(6)}`;
  process.stdout.write(
    `${proto.padEnd(5)} ${numbers} ${shown(local, false).padEnd(23)} ${shown(peer, true).padEnd(23)} ${name.padEnd(11)}\n`,
  );
}
