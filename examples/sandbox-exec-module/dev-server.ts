import { Sandbox } from "secure-exec";

const sandbox = await Sandbox.create({
  files: {
    "/app/package.json": JSON.stringify({ scripts: { dev: "node dev.js" } }),
    "/app/dev.js": "console.log('ready'); setInterval(() => {}, 1000);",
  },
});

// #region documented
const devServer = await sandbox.exec.start("npm run dev", {
  cwd: "/app",
  onStdout: (data) => {
    const text = new TextDecoder().decode(data);
    if (text.includes("ready")) {
      console.log("Dev server is ready!");
    }
  },
});

// Do other work while the server runs...

// Stop it when done
await devServer.kill();
// #endregion

console.log(await devServer.done);
await sandbox.kill();
