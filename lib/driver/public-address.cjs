"use strict";
// Addresses that are on the Internet, and no others: IANA's special-purpose registries (RFC 6890) are left out, and what maps
// one family to the other with them.

const { BlockList, isIP } = require("node:net");

const special = new BlockList();
const subnets4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  // Link-local, which services of clouds that tell of the machine are in.
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  // Multicast, and what is behind it.
  ["224.0.0.0", 3],
];
for (const [address, bits] of subnets4) special.addSubnet(address, bits, "ipv4");
const subnets6 = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];
for (const [address, bits] of subnets6) special.addSubnet(address, bits, "ipv6");

/** Global unicast. Mapped addresses, NAT64, loopback, link-local, private and multicast ones are elsewhere. */
const unicast = new BlockList();
unicast.addSubnet("2000::", 3, "ipv6");

/** @param {string} address As `dns.lookup` tells it. */
function isPublic(address) {
  const plain = address.split("%")[0];
  if (isIP(plain) === 4) return !special.check(plain, "ipv4");
  return isIP(plain) === 6 && unicast.check(plain, "ipv6") && !special.check(plain, "ipv6");
}

module.exports = { isPublic };
