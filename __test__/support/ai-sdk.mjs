// What tests use of the Vercel AI SDK. Its declarations do not hold under the options that ours are checked with.

export { generateText, stepCountIs } from "ai";
export { MockLanguageModelV3 } from "ai/test";
