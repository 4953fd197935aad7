// The command line of curl(1).

export const VERSION = "7.88.1";

export class CurlError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const usage = (message) =>
  new CurlError(2, `${message}\ncurl: try 'curl --help' or 'curl --manual' for more information`);

// Letter, name, and whether a value follows; an upper-case L means that values add up.
const TABLE = `
A user-agent V|b cookie L|c cookie-jar V|C continue-at V|d data L|D dump-header V|e referer V|E cert V|f fail -
F form L|g globoff -|G get -|h help -|H header L|i include -|I head -|j junk-session-cookies -|J remote-header-name -
k insecure -|L location -|m max-time V|M manual -|n netrc -|N no-buffer -|o output L|O remote-name -|q disable -
r range V|R remote-time -|s silent -|S show-error -|T upload-file V|u user V|v verbose -|V version -|w write-out V
x proxy V|X request V|Z parallel -|0 http1.0 -|4 ipv4 -|6 ipv6 -|# progress-bar -
 data-ascii L| data-binary L| data-raw L| data-urlencode L| json L| form-string L| url L| cacert V| connect-timeout V
 compressed -| create-dirs -| fail-with-body -| http1.1 -| http2 -| key V| location-trusted -| max-redirs V
 max-filesize V| noproxy V| no-keepalive -| no-progress-meter -| path-as-is -| post301 -| post302 -| post303 -
 resolve L| retry V| retry-all-errors -| retry-connrefused -| retry-delay V| retry-max-time V| show-headers -
 tcp-nodelay -| tlsv1.2 -| tlsv1.3 -| unix-socket V| abstract-unix-socket V| oauth2-bearer V| basic -| output-dir V
 remote-name-all -| no-silent -| no-location -| stderr V| url-query L| variable V| ssl-no-revoke -| proto V`;
const OPTIONS = TABLE.trim()
  .split(/[|\n]/)
  .map((row) => row.match(/^(.?) (\S+) (\S)$/).slice(1))
  .map(([letter, name, kind]) => ({ letter: letter.trim(), name, kind }));

const REFUSED = ["continue-at", "netrc", "parallel", "proxy", "variable", "manual"];

/** What the command line asks for: values by name, `url` the addresses, `order` of what makes up the body. */
export function parse(words) {
  const asked = { url: [], parts: [] };
  const set = ({ name, kind }, value) => {
    if (REFUSED.includes(name))
      throw usage(`curl: option --${name}: is not supported in this machine`);
    if (/^(data|json|form)/.test(name)) asked.parts.push([name, value]);
    if (kind === "L") asked[name] = [...(asked[name] ?? []), value];
    else asked[name] = kind === "V" ? value : true;
  };
  const queue = [...words];
  const take = (shown) => {
    if (queue.length === 0) throw usage(`curl: option ${shown}: requires parameter`);
    return queue.shift();
  };
  while (queue.length > 0) {
    const word = queue.shift();
    if (word === "--") asked.url.push(...queue.splice(0));
    else if (word.startsWith("--")) long(word.slice(2), word);
    else if (word.startsWith("-") && word !== "-") short(word.slice(1));
    else asked.url.push(word);
  }
  function long(name, shown) {
    const found = OPTIONS.find((option) => option.name === name);
    if (found) return set(found, found.kind === "-" ? true : take(shown));
    const plain =
      name.startsWith("no-") && OPTIONS.find((o) => o.name === name.slice(3) && o.kind === "-");
    if (!plain) throw usage(`curl: option ${shown}: is unknown`);
    asked[plain.name] = false;
  }
  function short(letters) {
    for (let at = 0; at < letters.length; at += 1) {
      const found = OPTIONS.find(({ letter }) => letter === letters[at]);
      if (!found) throw usage(`curl: option -${letters[at]}: is unknown`);
      if (found.kind === "-") set(found, true);
      else return set(found, letters.slice(at + 1) || take(`-${letters[at]}`));
    }
  }
  return asked;
}
