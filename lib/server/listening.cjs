"use strict";
// A port that is opened.

const { withResolvers } = require("../machine.cjs");

/** Settles when a server listens, or cannot. */
function listening(server, port, host) {
  const opened = withResolvers();
  server.once("error", opened.reject);
  server.listen(port, host, () => {
    server.off("error", opened.reject);
    opened.resolve();
  });
  return opened.promise;
}

module.exports = { listening };
