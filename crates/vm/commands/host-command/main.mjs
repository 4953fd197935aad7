// What is behind commands of the host's: it asks the host to run the one whose name it has, and carries its streams over a
// local socket. The host connects once for each stream that it uses, and says first which one that is.

import { randomBytes } from "node:crypto";
import { readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { basename } from "node:path";

/** Status where the host's function has failed, or there is no such command any more. */
const failed = 1;
/** 128 and the number of SIGPIPE. */
const brokenPipe = 141;

/** The name of the file, whatever the process is called. */
function nameOfCommand() {
  try {
    return basename(readlinkSync("/proc/self/exe"));
  } catch {
    return basename(process.argv0);
  }
}

/** Carries what the host writes. It ends its side when everything has been taken. */
function show(socket, output) {
  output.on("error", (error) => {
    if (error.code === "EPIPE") process.exit(brokenPipe);
    socket.destroy();
  });
  socket.on("data", (chunk) => {
    if (output.write(chunk)) return;
    socket.pause();
    output.once("drain", () => socket.resume());
  });
  socket.on("end", () => output.write("", () => socket.end()));
}

/** Carries input, from when the host reads it. */
function feed(socket) {
  process.stdin.on("error", () => socket.end());
  socket.on("close", () => process.stdin.destroy());
  process.stdin.pipe(socket);
}

const streams = [
  feed,
  (socket) => show(socket, process.stdout),
  (socket) => show(socket, process.stderr),
];

const name = nameOfCommand();
const socketName = `secure-exec-${randomBytes(16).toString("hex")}`;
const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("error", () => {});
  socket.once("readable", () => {
    const kind = socket.read(1);
    if (kind === null) return socket.destroy();
    streams[kind[0]]?.(socket);
  });
});

server.listen(`\0${socketName}`, async () => {
  const input = {
    argv: [name, ...process.argv.slice(1)],
    env: { ...process.env },
    cwd: process.cwd(),
    socket: socketName,
  };
  try {
    process.exit(await globalThis.callTool(`command:${name}`, input));
  } catch (error) {
    const { message } = error;
    const text = message.slice(message.indexOf(": ") + 2);
    process.stderr.write(`${name}: ${text}\n`, () => process.exit(failed));
  }
});
