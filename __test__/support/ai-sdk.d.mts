type Content =
  | { type: "text"; text: string }
  | { type: "tool-call"; toolCallId: string; toolName: string; input: string };

type Output =
  | { type: "text"; value: string }
  | { type: "content"; value: { type: string }[] }
  | { type: "error-text"; value: string };

interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: { type: string; output?: Output }[];
}

export declare class MockLanguageModelV3 {
  constructor(options: { doGenerate(call: { prompt: Message[] }): Promise<object> });
  readonly doGenerateCalls: { prompt: Message[] }[];
}

export declare function generateText(options: {
  model: MockLanguageModelV3;
  prompt: string;
  tools: object;
  stopWhen: unknown;
}): Promise<{ text: string }>;

export declare function stepCountIs(count: number): unknown;

export type { Content };
