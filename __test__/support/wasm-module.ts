// Modules of WebAssembly, put together from their sections: what no compiler would make.

export const i32 = 0x7f;
export const i64 = 0x7e;

/** Instructions with the opcodes of the core specification. */
export const op = {
  unreachable: [0x00],
  end: [0x0b],
  drop: [0x1a],
  div: [0x6d],
  call: (index: number) => [0x10, ...leb(index)],
  get: (index: number) => [0x20, ...leb(index)],
  i32: (value: number) => [0x41, ...signed(BigInt(value))],
  i64: (value: bigint) => [0x42, ...signed(value)],
  load: [0x28, 0x02, 0x00],
  grow: [0x40, 0x00],
  /** A loop that never ends. */
  forever: (body: number[]) => [0x03, 0x40, ...body, 0x0c, 0x00, 0x0b],
};

export type Signature = { parameters?: number[]; results?: number[] };
export type Import = Signature & { module?: string; name: string };
export type Func = Signature & { locals?: number; body: number[] };
export type Module = {
  imports?: Import[];
  /** The first is `_start`. Indices follow those of the imports. */
  functions: Func[];
  /** Entries of the memory section; null is no memory. */
  memories?: number[][] | null;
  tables?: number[][];
  /** Types after those of imports and functions. */
  types?: number[][];
};

/** The bytes of a module. */
export function assemble(module: Module): Buffer {
  const { imports = [], functions, memories = [[0, 1]], tables = [], types = [] } = module;
  const signatures = [...imports, ...functions].map(({ parameters = [], results = [] }) => [
    0x60,
    ...vector(parameters.map((type) => [type])),
    ...vector(results.map((type) => [type])),
  ]);
  const imported = imports.map(({ module: from = "wasi_snapshot_preview1", name }, index) => [
    ...text(from),
    ...text(name),
    0,
    ...leb(index),
  ]);
  const exported = [[...text("_start"), 0, ...leb(imports.length)]];
  if (memories && memories.length > 0) exported.push([...text("memory"), 2, 0]);
  const bodies = functions.map(({ locals = 0, body }) => {
    const code = [...(locals > 0 ? [1, ...leb(locals), i64] : [0]), ...body, ...op.end];
    return [...leb(code.length), ...code];
  });
  return joined(
    section(1, [...signatures, ...types]),
    section(2, imported),
    section(
      3,
      functions.map((_, index) => leb(imports.length + index)),
    ),
    section(4, tables),
    section(5, memories ?? []),
    section(7, exported),
    section(10, bodies),
  );
}

/** A section of some entries. */
export function section(id: number, entries: number[][]): Buffer {
  if (entries.length === 0) return Buffer.alloc(0);
  return sectionOf(id, entries.length, Buffer.concat(entries.map((entry) => Buffer.from(entry))));
}

/** A section of as many entries as it says. */
export function sectionOf(id: number, count: number, entries: Uint8Array): Buffer {
  const counted = Buffer.from(leb(count));
  const head = [id, ...leb(counted.length + entries.length)];
  return Buffer.concat([Buffer.from(head), counted, entries]);
}

/** Sections after the first eight bytes of every module. */
export function joined(...sections: Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), ...sections]);
}

function vector(entries: number[][]): number[] {
  return [...leb(entries.length), ...entries.flat()];
}

function text(value: string): number[] {
  const bytes = [...Buffer.from(value)];
  return [...leb(bytes.length), ...bytes];
}

/** An unsigned number, seven bits a byte. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  do {
    const rest = Math.floor(value / 128);
    bytes.push((value % 128) | (rest > 0 ? 128 : 0));
    value = rest;
  } while (value > 0);
  return bytes;
}

function signed(value: bigint): number[] {
  const bytes: number[] = [];
  for (;;) {
    const byte = Number(value & 127n);
    value >>= 7n;
    const isLast = (value === 0n && byte < 64) || (value === -1n && byte >= 64);
    bytes.push(isLast ? byte : byte | 128);
    if (isLast) return bytes;
  }
}
