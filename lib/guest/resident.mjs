// The program of a resident runner, inside the guest: reads snippets from descriptor 3, evaluates each as a module of
// its own in the one global scope, and writes each one's status to descriptor 4.

import { read, writeSync } from "node:fs";
import { inspect, promisify } from "node:util";
import { SourceTextModule, SyntheticModule } from "node:vm";

const readAsync = promisify(read);
const importHere = (specifier, options) => import(specifier, options);
let count = 0;

async function readExactly(length) {
  const bytes = Buffer.alloc(length);
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await readAsync(3, bytes, filled, length - filled, null);
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  return bytes;
}

async function link(specifier, _referrer, { attributes }) {
  const namespace = await importHere(specifier, { with: attributes });
  const names = Object.keys(namespace);
  return new SyntheticModule(names, function fill() {
    for (const name of names) this.setExport(name, namespace[name]);
  });
}

async function evaluate(code) {
  count += 1;
  try {
    const module = new SourceTextModule(code, {
      identifier: `snippet-${count}.mjs`,
      importModuleDynamically: (specifier, _module, attributes) =>
        importHere(specifier, { with: attributes }),
      initializeImportMeta(meta) {
        meta.url = import.meta.url;
        meta.resolve = import.meta.resolve;
      },
    });
    await module.link(link);
    await module.evaluate();
    return 0;
  } catch (error) {
    writeAll(2, Buffer.from(`${error instanceof Error ? error.stack : inspect(error)}\n`));
    return 1;
  }
}

function writeAll(fd, bytes) {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

for (;;) {
  const head = await readExactly(4);
  if (!head) break;
  const code = await readExactly(head.readUInt32LE(0));
  if (!code) break;
  const status = Buffer.from(String(await evaluate(code.toString("utf8"))));
  const answer = Buffer.alloc(4 + status.length);
  answer.writeUInt32LE(status.length);
  status.copy(answer, 4);
  writeAll(4, answer);
}
process.exit(0);
