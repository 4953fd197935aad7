"use strict";
// WebSockets: who may open one, to which sandbox.

const { STATUS_CODES } = require("node:http");
const { WebSocketServer } = require("ws");
const { invalidValue } = require("../errors.cjs");
const { packFailure, remoteError } = require("../wire/failures.cjs");
const { pieceLength, protocol } = require("../wire/frames.cjs");
const answers = require("./answers.cjs");
const { Connection } = require("./connection.cjs");
const { addressOf } = require("./router.cjs");

/** Bytes of a message: a piece of a body, or a request without its body. */
const longestMessage = 4 * pieceLength;

class Upgrades {
  #parts;
  #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: longestMessage,
    perMessageDeflate: false,
    handleProtocols: (offered) => offered.has(protocol) && protocol,
  });

  /** @param {import("./server.cjs").Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Answers a request for a WebSocket. */
  handle(request, socket, head) {
    // Who has gone meanwhile is told nothing.
    socket.on("error", () => {});
    try {
      const { hosted, name } = this.#admit(request);
      this.#sockets.handleUpgrade(request, socket, head, (opened) => {
        const { metrics, budgets, onFailure } = this.#parts;
        opened.once("close", metrics.connected());
        new Connection(opened, hosted.client(name), {
          metrics,
          budget: budgets.of(hosted),
          sandboxId: hosted.id,
          onFailure,
        });
      });
    } catch (error) {
      if (answers.statusOf(error) === 500) this.#parts.onFailure(error);
      refuse(socket, error);
    }
  }

  #admit(request) {
    const { guard, sandboxes } = this.#parts;
    const url = addressOf(request);
    guard.checkOrigin(request);
    const tenant = guard.tenantOf(request);
    const [, id] = /^\/v1\/sandboxes\/([^/]+)\/connect$/.exec(url.pathname) ?? [];
    if (id === undefined) throw answers.notFound(url.pathname);
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",");
    if (!offered.some((name) => name.trim() === protocol)) {
      throw invalidValue("Sec-WebSocket-Protocol", `must have ${protocol}`);
    }
    const name = url.searchParams.get("client") ?? "";
    if (!/^[\w-]{16,64}$/.test(name)) {
      throw invalidValue("client", "must be 16 to 64 letters, digits, '_' or '-', drawn at random");
    }
    const hosted = sandboxes.get(tenant, id);
    // It is known from when it is there: a handshake may fail still.
    if (hosted.hasRoomFor(name)) return { hosted, name };
    throw remoteError("ERR_SERVER_BUSY", "The sandbox has too many clients");
  }

  /** Ends all of them: those that do not answer, too. */
  close() {
    for (const socket of this.#sockets.clients) {
      socket.close(1012, "the server ends");
      setTimeout(() => socket.terminate(), 1000).unref();
    }
    this.#sockets.close();
  }
}

/** Answers with an error of HTTP. */
function refuse(socket, error) {
  const status = answers.statusOf(error);
  const body = `${JSON.stringify({ error: packFailure(error) })}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}`,
    "Connection: close",
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ];
  socket.end(lines.join("\r\n"), () => socket.destroySoon());
}

module.exports = { Upgrades };
