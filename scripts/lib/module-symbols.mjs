// Names of functions in compiled WebAssembly, which is an ELF file. The engine does not read them, and they are a twentieth
// of the file. `strip` would move the sections that VM processes map.

const symbolTable = 2;
const stringTable = 3;

/**
 * The same file without its table of symbols, which the compiler writes behind everything that is mapped.
 * @param {Buffer} file
 * @returns {Buffer}
 */
export function withoutSymbols(file) {
  const sections = sectionsOf(file);
  const names = sections[file.readUInt16LE(62)];
  const symbols = sections.filter(
    (section) =>
      section.type === symbolTable || (section.type === stringTable && section !== names),
  );
  if (names === undefined || symbols.length === 0) return file;
  const cut = Math.min(...symbols.map(({ offset }) => offset));
  const kept = sections.filter((each) => each !== names && !symbols.includes(each));
  if (kept.some(({ offset, size }) => offset + size > cut)) return file;
  const headers = Buffer.from(
    file.subarray(headersAt(file), headersAt(file) + 64 * sections.length),
  );
  for (const { index } of symbols) place(headers, index, cut, 0);
  place(headers, names.index, cut, names.size);
  const end = cut + names.size;
  const padding = Buffer.alloc(-end & 7);
  const head = Buffer.from(file.subarray(0, cut));
  head.writeBigUInt64LE(BigInt(end + padding.length), 40);
  const nameBytes = file.subarray(names.offset, names.offset + names.size);
  return Buffer.concat([head, nameBytes, padding, headers]);
}

function headersAt(file) {
  return Number(file.readBigUInt64LE(40));
}

/** `Elf64_Shdr`: type at 4, offset in the file at 24, size at 32. */
function sectionsOf(file) {
  return Array.from({ length: file.readUInt16LE(60) }, (_, index) => {
    const at = headersAt(file) + 64 * index;
    return {
      index,
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
    };
  });
}

function place(headers, index, offset, size) {
  headers.writeBigUInt64LE(BigInt(offset), 64 * index + 24);
  headers.writeBigUInt64LE(BigInt(size), 64 * index + 32);
}
