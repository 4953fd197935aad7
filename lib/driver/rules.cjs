"use strict";
// Permissions as rules: `{ default?, rules: [{ mode, operations?, paths?, patterns? }] }`. The first rule that matches decides,
// else `default`, else no.

const { BlockList, isIP } = require("node:net");
const { posix } = require("node:path");
const { invalidValue } = require("../errors.cjs");
const check = require("../validate.cjs");

const mode = check.oneOf("allow", "deny");

/** Operations by scope, as requests name them. */
const operations = {
  fs: [
    ...["read", "write", "stat", "exists", "readdir", "mkdir", "rm", "rename"],
    ...["link", "symlink", "readlink", "chmod", "chown", "utimes"],
  ],
  network: ["fetch", "http", "dns"],
  childProcess: ["spawn"],
  env: ["read"],
};

/** Whether a value is meant as rules. */
function isRules(value) {
  return (
    check.isPlainObject(value) && (Object.hasOwn(value, "rules") || Object.hasOwn(value, "default"))
  );
}

/**
 * Rules as a function.
 * @param {keyof typeof operations} scope
 * @returns {(request: object) => boolean}
 */
function rulesCheck(value, name, scope) {
  const resources = check.list((text, place) => matcher(scope, check.cString(text, place), place));
  const ruleKeys = {
    mode,
    operations: check.optional(check.list(check.oneOf(...operations[scope], "*"))),
    [scope === "fs" ? "paths" : "patterns"]: check.optional(resources),
  };
  const rule = (given, place) => {
    const { mode: says, operations: ops, paths, patterns } = check.object(given, place, ruleKeys);
    const matchers = paths ?? patterns;
    return {
      allows: says === "allow",
      isAbout: ({ op }) => ops === undefined || ops.includes("*") || ops.includes(op),
      matchers,
    };
  };
  const { default: standard, rules } = check.object(value, name, {
    default: check.optional(mode, "deny"),
    rules: check.optional(check.list(rule), []),
  });
  const decides = (request) => {
    for (const { allows, isAbout, matchers } of rules) {
      if (!isAbout(request)) continue;
      if (matchers === undefined || matchers.some((one) => one.matches(request))) return allows;
      // Who may use what is in a directory finds the way there.
      if (allows && isLookedAt(request) && matchers.some((one) => one.leadsTo?.(request.path))) {
        return true;
      }
    }
    return standard === "allow";
  };
  if (scope === "network") addresses.set(decides, (address) => isNamed(rules, address));
  return decides;
}

/** What tells of rules about the network whether they name an address. */
const addresses = new WeakMap();

function addressesOf(permission) {
  return addresses.get(permission);
}

/** The first rule that names the address, by itself or by its subnet, counts. */
function isNamed(rules, address) {
  const names = ({ matchers = [] }) => matchers.some((one) => one.namesAddress?.(address));
  return rules.find(names)?.allows === true;
}

function isLookedAt({ op }) {
  return op === "stat" || op === "exists";
}

function matcher(scope, text, name) {
  if (scope === "fs") return pathMatcher(text, name);
  if (scope === "network") return networkMatcher(text, name);
  if (scope === "childProcess") return commandMatcher(text);
  const names = glob(text, { across: true });
  return { matches: ({ key }) => names.test(key ?? "") };
}

/**
 * A pattern as a regular expression: `*` within a segment, `**` across.
 * @param {{ across?: boolean }} options With `across` one star is enough.
 */
function glob(text, { across = false, flags = "" } = {}) {
  const parts = text.split(/(\*+)/).map((part) => {
    if (!part.startsWith("*")) return part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    return across || part.length > 1 ? "[^]*" : "[^/]*";
  });
  return new RegExp(`^${parts.join("")}$`, flags);
}

function pathMatcher(text, name) {
  if (text === "*" || text === "**") return { matches: () => true };
  if (!text.startsWith("/")) throw invalidValue(name, "must be an absolute path, or '*'", text);
  const path = posix.normalize(text).replace(/(?<=.)\/$/, "");
  const paths = glob(path);
  // What is below a directory, and the directory.
  const whole = path.endsWith("/**") ? path.slice(0, -3) || "/" : undefined;
  const begin = path.split("*")[0];
  return {
    matches: ({ path: of }) => of !== undefined && (of === whole || paths.test(of)),
    leadsTo: (of) => of === "/" || begin.startsWith(`${of}/`),
  };
}

/** A name is that of a program of the machine's own; a path is where a program is. */
function commandMatcher(text) {
  if (text === "*" || text === "**") return { matches: () => true };
  if (text.includes("/")) {
    const paths = glob(text);
    return { matches: ({ path }) => paths.test(path ?? "") };
  }
  const names = glob(text);
  return {
    matches({ path = "" }) {
      // What guests have put elsewhere has the name that they gave it.
      const own = /^(?:\/usr)?\/(?:local\/)?s?bin\/([^/]+)$/.exec(path) ?? /^([^/]+)$/.exec(path);
      return own !== null && names.test(own[1]);
    },
  };
}

const usualPorts = { "http:": "80", "https:": "443" };

function networkMatcher(text, name) {
  if (text === "*") return { matches: () => true };
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? [];
  if (scheme !== undefined) return urlMatcher(scheme.toLowerCase(), rest, text, name);
  if (/\/\d+$/.test(text)) return subnetMatcher(text, name);
  const target = hostMatcher(text, name);
  return { matches: (request) => target(targetOf(request)), namesAddress: literal(text) };
}

/** Whether a pattern has an address as its host. */
function literal(text) {
  const host = hostOf(text);
  return isIP(host) === 0 ? undefined : (address) => address === host;
}

function urlMatcher(scheme, rest, text, name) {
  const end = rest.indexOf("/");
  const [host, path] = end < 0 ? [rest, undefined] : [rest.slice(0, end), rest.slice(end)];
  const target = host === "*" ? () => true : hostMatcher(host, name);
  if (scheme === "dns" || scheme === "tcp") {
    if (path !== undefined) throw invalidValue(name, "must have no path", text);
    const isOf = ({ op }) => (op === "dns") === (scheme === "dns");
    const matches = (request) => isOf(request) && target(targetOf(request));
    return { matches, namesAddress: literal(host) };
  }
  if (!Object.hasOwn(usualPorts, `${scheme}:`)) {
    throw invalidValue(name, "must be of dns, tcp, http or https", text);
  }
  const paths = path === undefined || path === "/" ? undefined : glob(path, { across: true });
  const matches = (request) => {
    if (request.url === undefined || !URL.canParse(request.url)) return false;
    const { protocol, pathname, search, port } = new URL(request.url);
    const of = { ...targetOf(request), port: port || usualPorts[protocol] };
    if (protocol !== `${scheme}:` || !target(of)) return false;
    // Without a port it is the usual one that is meant.
    if (!hasPort(host) && host !== "*" && of.port !== usualPorts[protocol]) return false;
    return paths === undefined || paths.test(pathname) || paths.test(pathname + search);
  };
  return { matches, namesAddress: literal(host) };
}

/** Host and port that a request is about; a look-up has no port. */
function targetOf({ url, hostname = "" }) {
  const host = hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  if (url === undefined || !URL.canParse(url)) return { host, port: undefined };
  const { protocol, port } = new URL(url);
  return { host, port: port || usualPorts[protocol] };
}

function hasPort(text) {
  return /:\d+$/.test(text) && (text.startsWith("[") || text.split(":").length === 2);
}

function hostOf(text) {
  const end = hasPort(text) ? text.lastIndexOf(":") : text.length;
  const host = text.slice(0, end).toLowerCase();
  return host.replace(/^\[|\]$/g, "");
}

function hostMatcher(text, name) {
  const port = hasPort(text) ? String(Number(text.slice(text.lastIndexOf(":") + 1))) : undefined;
  const host = hostOf(text);
  if (host === "" || /[\s/@]/.test(host)) throw invalidValue(name, "must name a host", text);
  const hosts = glob(host, { across: true });
  return (of) =>
    hosts.test(of.host) && (port === undefined || of.port === undefined || of.port === port);
}

/** Addresses of a subnet; names are not looked up. */
function subnetMatcher(text, name) {
  const [address, bits] = text.split("/");
  const list = new BlockList();
  try {
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? "ipv6" : "ipv4");
  } catch {
    throw invalidValue(name, "must be a subnet", text);
  }
  const has = (host, family) => list.check(host, family === 6 ? "ipv6" : "ipv4");
  const matches = (request) => {
    const { host } = targetOf(request);
    const family = isIP(host);
    return family !== 0 && has(host, family);
  };
  return { matches, namesAddress: (of) => has(of, isIP(of)) };
}

module.exports = { addressesOf, isRules, rulesCheck };
