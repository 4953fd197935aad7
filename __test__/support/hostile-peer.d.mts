/** What a host tells of one mode, of the calm before it, or of the end. */
export type HostLine = {
  mode: string;
  calls: number;
  /** Milliseconds of `exec` of the machine that must not notice. */
  p50: number;
  p99: number;
  /** The longest time that the host's thread was in one call. */
  blocked: number;
  /** What the host grew by, MiB. */
  grown: number;
  /** Promises of the hostile machines' calls. */
  settled: number;
  pending: number;
  /** Handlers of tools at a time. */
  most: number;
  /** How often calls ended in which way: "fulfilled", why the VM process ended, or a code. */
  outcomes: Record<string, number>;
  /** What was changed that nobody may change, and what the VM process got that it may not have. */
  touched: string[];
  got: string[];
  /** Descriptors that the host has more of than before. */
  descriptors: number;
  end?: boolean;
  left?: number;
  loose?: string[];
};

export function hostilePeer(): Promise<{ peer: string; modes: string[] }>;
export function hostileHost(
  peer: string,
  milliseconds: number,
  modes: string[],
  onLine?: (line: HostLine) => void,
): Promise<HostLine[]>;
