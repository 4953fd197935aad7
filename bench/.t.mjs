import { NodeRuntime } from "secure-exec";
const rt = await NodeRuntime.create();
console.log(await rt.exec(process.argv[2]));
await rt.dispose();
