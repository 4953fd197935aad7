// ss(8) of a machine: its sockets of TCP and UDP.

import { flagsOf, sockets } from "./table.mjs";

const LONG = {
  tcp: "t",
  udp: "u",
  listening: "l",
  all: "a",
  numeric: "n",
  processes: "p",
  "no-header": "H",
  ipv4: "4",
  ipv6: "6",
};

const flags = flagsOf("ss", process.argv.slice(1), { letters: "tulanpH46", long: LONG });
const protocols = ["udp", "udp6", "tcp", "tcp6"].filter((proto) => {
  const isWanted = (!flags.has("t") && !flags.has("u")) || flags.has(proto[0]);
  const family = proto.endsWith("6") ? "6" : "4";
  return isWanted && ((!flags.has("4") && !flags.has("6")) || flags.has(family));
});
const isOpen = ({ state }) => state === "LISTEN" || state === "UNCONN";
const wanted = (socket) => flags.has("a") || isOpen(socket) === flags.has("l");
const shown = ({ host, port }, isPeer) =>
  `${host.includes(":") ? `[${host}]` : host}:${isPeer && port === 0 ? "*" : port}`;
const rows = protocols.flatMap(sockets).filter(wanted);
const head = ["Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port"];
const table = rows.map(({ proto, state, received, sent, local, peer }) => [
  proto.slice(0, 3),
  state,
  String(received),
  String(sent),
  shown(local, false),
  shown(peer, true),
]);
const all = flags.has("H") ? table : [head, ...table];
const widths = head.map((_, at) => Math.max(...all.map((row) => row[at].length), 0));
for (const row of all)
  process.stdout.write(
    `${row
      .map((cell, at) => cell.padEnd(widths[at]))
      .join(" ")
      .trimEnd()}\n`,
  );
