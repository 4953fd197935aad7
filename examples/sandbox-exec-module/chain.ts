import { Sandbox } from "secure-exec";

const sandbox = await Sandbox.create({
  files: {
    "/app/package.json": JSON.stringify({
      name: "app",
      version: "1.0.0",
      scripts: { build: "mkdir -p dist && cp index.js dist" },
    }),
    "/app/index.js": "console.log('built')",
  },
});

// #region documented
const result = await sandbox.exec.run(
  'cd /app && npm install && npm run build'
);
// #endregion

console.log(result.exitCode, result.stderr === "");
console.log((await sandbox.exec.run("node /app/dist/index.js")).stdout);
await sandbox.kill();
