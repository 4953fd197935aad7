// What a VM process that does not keep to the protocol can do by calls of tools: end its own calls, and nothing else.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "./support/suite.ts";

type Answer = [id: number, result?: string, failure?: { message: string }];
type Toolbox = {
  add(tools: object[]): void;
  call(id: number, content: { tool: string; text: string; number: number }): void;
  cancel(id: number): void;
};

const require = createRequire(import.meta.url);
const { Toolbox } = require("../lib/tools/toolbox.cjs") as {
  Toolbox: new (limits: object, answer: (...answer: Answer) => void) => Toolbox;
};
const { toolDefinitions } = require("../lib/tools/definitions.cjs") as {
  toolDefinitions(value: object, name: string): object[];
};

const limits = {
  defaultToolTimeoutMs: 60_000,
  maxPayloadBytes: 100,
  maxPending: 4,
  maxPendingBytes: 300,
};

/** A toolbox whose tool `t` runs until `release` is called. */
function held() {
  const answers: Answer[] = [];
  let started = 0;
  const gate = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const handler = async () => {
    started++;
    await gate.promise;
    return "done";
  };
  const toolbox = new Toolbox(limits, (...answer) => {
    answers.push(answer);
    if (answer[1] !== undefined) answered.resolve();
  });
  toolbox.add(toolDefinitions({ t: { description: "", inputSchema: {}, handler } }, "tools"));
  return {
    toolbox,
    answers,
    started: () => started,
    release: gate.resolve,
    answered: answered.promise,
  };
}

describe("calls of tools", () => {
  test("under one number are one call", async () => {
    const { toolbox, answers, started, release, answered } = held();
    for (let count = 0; count < 1000; count++) toolbox.call(7, { tool: "t", text: "1", number: 2 });
    release();
    await answered;
    assert.deepEqual([started(), answers], [1, [[7, '"done"', undefined]]]);
  });

  test("are bounded by number and by bytes, whatever the VM process lets through", async () => {
    const { toolbox, answers, started, release, answered } = held();
    const large = JSON.stringify("x".repeat(88));
    for (let id = 0; id < 10; id++) toolbox.call(id, { tool: "t", text: large, number: 2 });
    assert.equal(answers.length, 7);
    assert.match(answers[0]?.[2]?.message ?? "", /maxPendingBytes is 300/);
    toolbox.call(10, { tool: "t", text: "1", number: 2 });
    toolbox.call(11, { tool: "t", text: "1", number: 2 });
    assert.match(answers.at(-1)?.[2]?.message ?? "", /maxPending is 4/);
    toolbox.call(12, { tool: "t", text: `"${large}"`, number: 2 });
    // What is cancelled makes room.
    toolbox.cancel(0);
    toolbox.cancel(0);
    toolbox.call(13, { tool: "t", text: "1".repeat(101), number: 2 });
    assert.match(answers.at(-1)?.[2]?.message ?? "", /the input is too large/);
    release();
    await answered;
    assert.ok(started() <= 4);
  });

  test("of tools that are not there, and with what is no JSON, fail alone", async () => {
    const { toolbox, answers } = held();
    toolbox.call(1, { tool: "nope", text: "1", number: 2 });
    assert.deepEqual(answers, [[1, undefined, { message: "the tool is not registered" }]]);
    const told = Promise.withResolvers<Answer>();
    const other = new Toolbox(limits, (...answer) => told.resolve(answer));
    other.add(toolDefinitions({ t: { description: "", inputSchema: {}, handler() {} } }, "tools"));
    other.call(1, { tool: "t", text: "{", number: 2 });
    assert.match((await told.promise)[2]?.message ?? "", /^invalid input: it is no JSON/);
  });
});
