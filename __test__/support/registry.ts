// A registry of npm on the host's loopback, which has the packages that it is given and asks no other.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A package as it is published: its package.json and its archive. */
export interface Release {
  readonly manifest: { readonly name: string; readonly version: string };
  readonly tarball: Buffer;
}

export class Registry implements AsyncDisposable {
  readonly #releases = new Map<string, Release>();
  readonly #server = createServer((request, response) => this.#answer(request, response));
  /** What was asked for that is not there. */
  readonly missing: string[] = [];

  static async start(releases: readonly Release[]): Promise<Registry> {
    const registry = new Registry();
    for (const release of releases) registry.#releases.set(release.manifest.name, release);
    registry.#server.listen(0, "127.0.0.1");
    await once(registry.#server, "listening");
    return registry;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/`;
  }

  /** `GET /<name>` is what the package has been published as, `GET /<name>/-/<file>.tgz` an archive. */
  #answer({ url = "/" }: IncomingMessage, response: ServerResponse): void {
    const [name = "", file] = decodeURIComponent(url.slice(1)).split("/-/");
    const release = this.#releases.get(name);
    if (release === undefined) {
      this.missing.push(name);
      response.writeHead(404, { "content-type": "application/json" }).end('{"error":"not found"}');
    } else if (file === undefined) {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(this.#packument(release)));
    } else {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.end(release.tarball);
    }
  }

  #packument({ manifest, tarball }: Release) {
    const { name, version } = manifest;
    const sum = (algorithm: string) => createHash(algorithm).update(tarball);
    const dist = {
      tarball: `${this.url}${name}/-/${name.split("/").at(-1)}-${version}.tgz`,
      integrity: `sha512-${sum("sha512").digest("base64")}`,
      shasum: sum("sha1").digest("hex"),
    };
    return {
      name,
      "dist-tags": { latest: version },
      time: { created: published, modified: published, [version]: published },
      versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist } },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

/** Long ago: some package managers wait before they install what is new. */
const published = "2020-01-01T00:00:00.000Z";
