// Writes the copies that the npm packages have of declarations and licences; a part of the build that takes no time.

import { copyPackageFiles } from "./lib/package-copies.mjs";
import { runMain, runSteps } from "./lib/steps.mjs";

await runMain(() => runSteps([copyPackageFiles]));
