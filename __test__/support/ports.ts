// Ports of the host for tests that need one that nobody listens on.

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** The ports that the system gives out by itself begin above (ip_local_port_range, 32768 by default). */
const lowest = 10_000;
const highest = 32_000;

/** A port of 127.0.0.1 that nobody listens on, and that no listener or connection gets without asking for it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, highest);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      // Somebody has it: another one.
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}
