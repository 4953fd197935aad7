"use strict";
// What the binary runs on. scripts/check-addon.mjs holds the build to it.

module.exports = {
  platform: "linux",
  arch: "x64",
  triple: "linux-x64-gnu",
  /** The package that has the binary: an optional dependency, which package managers leave out elsewhere. */
  package: "@secure-exec/linux-x64-gnu",
  /** The oldest versions of glibc, libstdc++ and libgcc, by the names of their symbols' versions. */
  oldest: { GLIBC: "2.28", GLIBCXX: "3.4.25", CXXABI: "1.3.11", GCC: "8.0.0" },
};
