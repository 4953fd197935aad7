// Requests of HTTP to the server that this page is from: sandboxes and files.

/** An answer that says what went wrong. */
export class ServerError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class Server {
  /** Where the server is: the folder above this page. */
  #base = new URL("../", document.baseURI);
  #token;

  /** @param {string | undefined} token */
  constructor(token) {
    this.#token = token;
  }

  get token() {
    return this.#token;
  }

  /** Makes a sandbox, or finds the one of that id again. */
  async sandbox(id) {
    if (id) {
      const known = await this.#ask("GET", `v1/sandboxes/${id}`).catch((error) => {
        if (error.status !== 404) throw error;
      });
      if (known) return { id, isNew: false };
    }
    const { sandboxId } = await this.#ask("POST", "v1/sandboxes", { json: {} });
    return { id: sandboxId, isNew: true };
  }

  async end(id) {
    await this.#ask("DELETE", `v1/sandboxes/${id}`);
  }

  /** Where the WebSocket of a sandbox is. */
  socketOf(id) {
    const address = new URL(`v1/sandboxes/${id}/connect`, this.#base);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    return address;
  }

  /** @returns {Promise<{ name: string, isDirectory: boolean }[]>} */
  async list(id, path) {
    const { value } = await this.#file(id, "readDirWithTypes", { path });
    return value;
  }

  /** @returns {Promise<{ size: number }>} */
  async stat(id, path) {
    const { value } = await this.#file(id, "stat", { path });
    return value;
  }

  async exists(id, path) {
    const { value } = await this.#file(id, "exists", { path });
    return value;
  }

  /** @returns {Promise<Uint8Array>} */
  async read(id, path) {
    return new Uint8Array(await this.#ask("GET", fileAddress(id, path)));
  }

  /** @param {string | Blob} data */
  async write(id, path, data) {
    await this.#ask("PUT", fileAddress(id, path), { data });
  }

  async remove(id, path) {
    await this.#ask("DELETE", `${fileAddress(id, path)}&recursive=true`);
  }

  #file(id, name, json) {
    return this.#ask("POST", `v1/sandboxes/${id}/files/${name}`, { json });
  }

  async #ask(method, path, { json, data } = {}) {
    const response = await fetch(new URL(path, this.#base), {
      method,
      headers: {
        ...(this.#token && { authorization: `Bearer ${this.#token}` }),
        ...(json && { "content-type": "application/json" }),
      },
      body: json ? JSON.stringify(json) : data,
      credentials: "omit",
      redirect: "error",
    });
    const type = response.headers.get("content-type") ?? "";
    const answer = type.startsWith("application/json")
      ? await response.json()
      : await response.arrayBuffer();
    if (response.ok) return answer;
    const { code = "", message = response.statusText } = answer.error ?? {};
    throw new ServerError(response.status, code, message);
  }
}

function fileAddress(id, path) {
  return `v1/sandboxes/${id}/files?path=${encodeURIComponent(path)}`;
}
