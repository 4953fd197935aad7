import { NodeRuntime } from "secure-exec";

const rt = await NodeRuntime.create();

// #region documented
const controller = new AbortController();
const pending = rt.exec("while (true) {}", { signal: controller.signal });
controller.abort();
await pending.catch((err) => console.log(err.name)); // "AbortError"
// #endregion

await rt.dispose();
