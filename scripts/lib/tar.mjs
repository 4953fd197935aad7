// Reads the regular files of a tar archive that is in memory.

const blockSize = 512;

/**
 * @param {Buffer} archive
 * @returns {Map<string, Buffer>} contents by path
 */
export function filesOfTar(archive) {
  const files = new Map();
  let at = 0;
  while (at + blockSize <= archive.length && archive[at] !== 0) {
    const header = archive.subarray(at, at + blockSize);
    const size = Number.parseInt(text(header, 124, 12), 8);
    const content = archive.subarray(at + blockSize, at + blockSize + size);
    const type = text(header, 156, 1);
    const prefix = text(header, 345, 155);
    const name = text(header, 0, 100);
    if (type === "0" || type === "") files.set(prefix ? `${prefix}/${name}` : name, content);
    at += blockSize + Math.ceil(size / blockSize) * blockSize;
  }
  return files;
}

function text(header, start, length) {
  const field = header.toString("latin1", start, start + length);
  const end = field.indexOf("\0");
  return end < 0 ? field : field.slice(0, end);
}
