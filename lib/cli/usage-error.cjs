"use strict";
// What is wrong with the command line itself.

/** The command line cannot be understood; exit status 64 (EX_USAGE of sysexits.h). */
class UsageError extends Error {}

module.exports = { UsageError };
