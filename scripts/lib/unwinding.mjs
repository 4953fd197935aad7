// Tables for unwinding in a library of objects. No exception and no panic goes through the functions of V8, whose tables
// would be a fiftieth of the package. Tools that rewrite objects would do, but they renumber symbols, and then the linker no
// longer believes the compiler's table of functions whose addresses nobody compares: `--icf=safe` would find nothing.

const excluded = 1n << 31n;

/**
 * Has the linker leave out the tables of those objects whose functions catch and clean up nothing: sets `SHF_EXCLUDE`, in place.
 * @param {Buffer} archive A library in System V's format, as `ar` makes it, of 64-bit ELF objects.
 * @returns {number} How many objects that was.
 */
export function excludeUnwinding(archive) {
  let changed = 0;
  for (const object of objectsOf(archive)) {
    const sections = sectionsOf(object);
    // C++ with exceptions: the library of the language itself.
    if (sections.some(({ name }) => name.startsWith(".gcc_except_table"))) continue;
    const tables = sections.filter(({ name }) => name === ".eh_frame");
    for (const { at } of tables) {
      object.writeBigUInt64LE(object.readBigUInt64LE(at + 8) | excluded, at + 8);
    }
    if (tables.length > 0) changed++;
  }
  return changed;
}

/** Parts of the library's memory: each member has 60 bytes of header, and its size in the ten at 48. */
function objectsOf(archive) {
  if (archive.toString("latin1", 0, 8) !== "!<arch>\n") throw new Error("not a library");
  const objects = [];
  for (let at = 8; at < archive.length; ) {
    const size = Number(archive.toString("latin1", at + 48, at + 58));
    if (!Number.isSafeInteger(size)) throw new Error(`no member of a library at ${at}`);
    const member = archive.subarray(at + 60, at + 60 + size);
    if (member.toString("latin1", 0, 5) === "\x7fELF\x02") objects.push(member);
    at += 60 + size + (size & 1);
  }
  return objects;
}

/** `Elf64_Ehdr`: table at 40, their number at 60, that of the names at 62. `Elf64_Shdr`: name at 0, flags at 8, place at 24. */
function sectionsOf(object) {
  const table = Number(object.readBigUInt64LE(40));
  const headers = Array.from({ length: object.readUInt16LE(60) }, (_, index) => table + 64 * index);
  const names = Number(object.readBigUInt64LE(headers[object.readUInt16LE(62)] + 24));
  return headers.map((at) => {
    const start = names + object.readUInt32LE(at);
    return { at, name: object.toString("latin1", start, object.indexOf(0, start)) };
  });
}
