// The same for a CommonJS file that is run by name and fails.
const fs = require("fs");
const path = require("path");
const { promisify } = require("util");

console.log(__filename, path.join(__dirname, "x"), require.main === module);
promisify(fs.readFile)(__filename, "utf8").then((text) => {
  process.stdout.write(`${text.length}\n`);
  throw new TypeError("nobody catches this");
});
