// Functions of the host that guest code runs as commands.
import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create({
  tools: {
    weather: {
      description: "Tells the weather of a city.",
      inputSchema: {
        type: "object",
        properties: { city: { type: "string" }, days: { type: "integer" } },
        required: ["city"],
      },
      handler: ({ city, days = 1 }) => ({ city, days, forecast: "sunny" }),
    },
  },
});

try {
  const { stdout } = await rt.exec(`
    import { execFileSync } from "node:child_process";
    import { weather } from "tools";

    // As a command, with flags that come from the schema.
    const printed = execFileSync("weather", ["--city", "Paris", "--days", "3"], { encoding: "utf8" });
    console.log("command:", printed.trim());

    // As a function of a module, with types for tsc.
    console.log("import:", (await weather({ city: "Oslo" })).forecast);

    // By its name.
    const { forecast } = await callTool("weather", { city: "Rome" });
    console.log("callTool:", forecast);

    // Input that the schema does not allow never reaches the handler.
    await callTool("weather", { town: "Rome" }).catch((error) => console.log("refused:", error.message));
  `);
  console.log(stdout.trim());
} finally {
  await rt.dispose();
}
