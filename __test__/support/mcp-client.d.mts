export interface Transport {
  close(): Promise<void>;
}

export interface Answer {
  content: { type: string; text?: string; data?: string; mimeType?: string }[];
  isError: boolean;
}

export interface CallOptions {
  signal?: AbortSignal;
  onprogress?: (progress: { progress: number; message?: string }) => void;
}

export declare class Client {
  constructor(info: { name: string; version: string });
  connect(transport: Transport): Promise<void>;
  close(): Promise<void>;
  listTools(): Promise<{
    tools: { name: string; description?: string; inputSchema: { type: string } }[];
  }>;
  callTool(
    call: { name: string; arguments: object },
    schema: undefined,
    options?: CallOptions,
  ): Promise<Answer>;
  getServerVersion(): { name: string; version: string } | undefined;
  getInstructions(): string | undefined;
}

export declare class StdioClientTransport implements Transport {
  constructor(server: { command: string; args: string[] });
  readonly pid: number | null;
  close(): Promise<void>;
}

export declare const InMemoryTransport: {
  createLinkedPair(): [Transport, Transport];
};
