// Compresses a file in its place, as tightly as brotli does: seconds here, and no longer than else where it is read. Run by
// build.rs with the pinned Node:
//   node compress.mjs FILE
import fs from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";

const [, , file] = process.argv;
const bytes = fs.readFileSync(file);
const params = {
  [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
  [constants.BROTLI_PARAM_LGWIN]: 22,
  [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
};
fs.writeFileSync(file, brotliCompressSync(bytes, { params }));
