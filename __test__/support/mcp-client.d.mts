export interface Transport {
  close(): Promise<void>;
}

export interface Answer {
  content: { type: string; text?: string; data?: string; mimeType?: string }[];
  isError: boolean;
}

export interface Resource {
  uri: string;
  name: string;
  size?: number;
  mimeType?: string;
}

export interface CallOptions {
  timeout?: number;
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
  listResources(params?: { cursor?: string }): Promise<{
    resources: Resource[];
    nextCursor?: string;
  }>;
  listResourceTemplates(): Promise<{ resourceTemplates: { uriTemplate: string }[] }>;
  readResource(params: { uri: string }): Promise<{
    contents: { uri: string; mimeType?: string; text?: string; blob?: string }[];
  }>;
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
