// The inspector's domain `Network`: what a program tells of its requests is told, kept and bounded as in Node.js.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { withRuntime } from "./support/guest.ts";
import { pinnedNode } from "./support/programs.ts";
import { describe, test } from "./support/suite.ts";

const head = `
  const { Network, Session } = require("node:inspector");
  const session = new Session();
  session.connect();
  const events = ["requestWillBeSent", "responseReceived", "dataReceived", "loadingFinished", "loadingFailed",
    "dataSent", "webSocketCreated", "webSocketClosed", "webSocketHandshakeResponseReceived"];
  const sorted = (key, value) => value?.constructor === Object
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)) : value;
  const show = (...values) => console.log(JSON.stringify(values, sorted));
  for (const name of events) session.on("Network." + name, ({ method, params }) => {
    if (params.initiator) params.initiator = params.initiator.type;
    show(method, params);
  });
  const tell = (name, params) => {
    try {
      Network[name](params);
    } catch (error) {
      show(name, error.name, error.message);
    }
  };
  const post = (method, params) =>
    session.post("Network." + method, params, (error, result) => show(method, error?.message, result));
  const request = (requestId, more, charset) => tell("requestWillBeSent", {
    requestId, timestamp: 1, wallTime: 1, charset,
    request: { url: "u", method: "GET", headers: { a: "b" }, ...more },
  });
  const response = (requestId, charset) => tell("responseReceived", {
    requestId, timestamp: 1, type: "Other",
    response: { url: "u", status: 200, statusText: "", headers: { x: "y" }, charset, more: 1 },
  });
  const received = (requestId, text) => tell("dataReceived", {
    requestId, timestamp: 1, dataLength: 1, encodedDataLength: 1, data: Buffer.from(text),
  });
  const sent = (requestId, text) =>
    tell("dataSent", { requestId, timestamp: 1, dataLength: 1, data: Buffer.from(text) });
  const finished = (requestId) => tell("loadingFinished", { requestId, timestamp: 2 });
`;

const programs = {
  "events are told whole, or not at all": `
    tell("requestWillBeSent", {});
    post("enable");
    for (const name of events) tell(name, {});
    tell("requestWillBeSent", { requestId: 1, timestamp: 1, wallTime: 1 });
    tell("requestWillBeSent", { requestId: "1", timestamp: 1, wallTime: 1, request: {} });
    request("1", { headers: { a: 1 } });
    request("1", { more: 1 });
    response("1");
    tell("responseReceived", { requestId: "1", timestamp: 1, type: "Other", response: {} });
    tell("dataReceived", { requestId: "1", timestamp: 1, dataLength: 1, encodedDataLength: 1, data: "x" });
    tell("loadingFailed", { requestId: "1", timestamp: 2, type: "Other" });
    tell("loadingFailed", { requestId: "1", timestamp: 2, type: "Other", errorText: "x" });
    tell("webSocketCreated", { requestId: "w", url: "x" });
    tell("webSocketClosed", { requestId: "w", timestamp: 1 });
    tell("webSocketHandshakeResponseReceived", { requestId: "w", timestamp: 1, response: {} });
    tell("webSocketHandshakeResponseReceived", {
      requestId: "w", timestamp: 1, response: { status: 101, statusText: "s", headers: {} },
    });`,
  "bodies are kept until they are asked for": `
    post("enable");
    for (const [id, charset] of [["text", "utf-8"], ["bytes"]]) {
      request(id, { hasPostData: true }, charset);
      sent(id, "pos");
      sent(id, "ted");
      post("getRequestPostData", { requestId: id });
      tell("dataSent", { requestId: id, finished: true });
      post("getRequestPostData", { requestId: id });
      response(id, charset);
      received(id, "Hällo, ");
      received(id, "world");
      post("getResponseBody", { requestId: id });
      finished(id);
      post("getResponseBody", { requestId: id });
      post("getResponseBody", { requestId: id });
    }
    for (const command of ["getRequestPostData", "getResponseBody", "streamResourceContent"]) {
      post(command, { requestId: "none" });
      post(command);
    }
    post("loadNetworkResource", { url: "file:///etc/passwd" });
    post("noSuch");`,
  "data are streamed once they are asked for": `
    post("enable");
    request("1", { hasPostData: true });
    response("1", "utf-8");
    received("1", "x");
    post("streamResourceContent", { requestId: "1" });
    received("1", "y");
    post("getResponseBody", { requestId: "1" });
    post("getRequestPostData", { requestId: "1" });
    finished("1");
    post("streamResourceContent", { requestId: "1" });`,
  "what is kept has bounds": `
    post("enable", { maxTotalBufferSize: 10, maxResourceBufferSize: 4 });
    for (const id of ["a", "b", "c"]) {
      request(id);
      response(id, "utf-8");
      for (const piece of ["123", "456", "7"]) received(id, piece);
      finished(id);
    }
    for (const id of ["a", "b"]) post("getResponseBody", { requestId: id });
    post("disable");
    post("getResponseBody", { requestId: "c" });`,
};

const option = "--experimental-network-inspection";

describe("the domain Network", () => {
  for (const [name, code] of Object.entries(programs)) {
    test(`${name}, as on the host`, async () => {
      await withRuntime({}, async (runtime) => {
        const args = [option, "-e", head + code];
        const [expected, got] = await Promise.all([
          promisify(execFile)(pinnedNode, args),
          runtime.execCommand("node", args),
        ]);
        assert.equal(got.stdout, expected.stdout, got.stderr);
        assert.equal(got.exitCode, 0);
      });
    });
  }

  test("parameters of the wrong kind are refused", async () => {
    await withRuntime({}, async (runtime) => {
      const code = `
        post("enable", { maxTotalBufferSize: -1, maxResourceBufferSize: "many" });
        for (const requestId of [5, null, {}, []]) post("getResponseBody", { requestId });`;
      const { stdout } = await runtime.execCommand("node", [option, "-e", head + code]);
      const refusal = '["getResponseBody","Inspector error -32602: Invalid parameters",null]\n';
      assert.ok(stdout.endsWith(refusal.repeat(4)), stdout);
    });
  });

  test("tells of requests of node:http, with the script that has made them", async () => {
    await withRuntime({}, async (runtime) => {
      await runtime.writeFile(
        "/workspace/program.cjs",
        `const http = require("node:http");
         const { Session } = require("node:inspector");
         const session = new Session();
         session.connect();
         session.post("Network.enable");
         session.on("Network.requestWillBeSent", ({ params }) => {
           const frame = params.initiator.stack.callFrames.find(({ url }) => url === __filename);
           console.log(params.request.method, frame.functionName);
         });
         session.on("Network.loadingFinished", ({ params: { requestId } }) =>
           session.post("Network.getResponseBody", { requestId }, (error, { body }) => console.log(body)));
         const server = http.createServer((request, response) => {
           response.setHeader("content-type", "text/plain; charset=utf-8");
           response.end("Hällo");
           server.close();
         });
         server.listen(0, function ask() {
           http.get({ port: server.address().port, agent: false }, (response) => response.resume());
         });`,
      );
      const { stdout, stderr } = await runtime.execCommand("node", [option, "program.cjs"]);
      assert.equal(stdout, "GET ask\nHällo\n", stderr);
    });
  });
});
