import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();

// #region documented
const server = await rt.spawn(`
  import http from "node:http";
  http.createServer((_, res) => res.end("ok")).listen(3000);
`);

const listener = await rt.waitForListener({ port: 3000 });
const res = await rt.fetch(listener.port ?? 3000, { path: "/" });
console.log(res.status, res.body); // 200 ok

server.kill();
await server.wait();
// #endregion

await rt.dispose();
