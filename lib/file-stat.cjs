"use strict";
// What is told of files, in the shape that the API gives it.

/** Type bits of `st_mode`. */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;

function fileTypes(mode) {
  const type = mode & S_IFMT;
  return {
    isFile: type === S_IFREG,
    isDirectory: type === S_IFDIR,
    isSymbolicLink: type === S_IFLNK,
  };
}

function milliseconds(nanoseconds) {
  return Number(nanoseconds / 1000n) / 1000;
}

/** A `Stat` of native code as `FileStat`. */
function fileStat({ atimeNs, mtimeNs, ctimeNs, birthtimeNs, ...rest }) {
  return {
    ...rest,
    atimeMs: milliseconds(atimeNs),
    mtimeMs: milliseconds(mtimeNs),
    ctimeMs: milliseconds(ctimeNs),
    birthtimeMs: milliseconds(birthtimeNs),
    ...fileTypes(rest.mode),
  };
}

module.exports = { fileStat, fileTypes };
