// What is where on the site, in the order in which somebody new reads it. Pages of `docs` that are not named here are
// appended by scripts/site/navigation.mjs, as are those of `docs/design` and of `types`.

/**
 * @typedef {object} Entry
 * @property {string} text The title in the sidebar.
 * @property {string} source The page, from the clone's folder.
 * @property {string} about What a reader finds there, for `llms.txt`.
 */

/** @type {{ text: string, name: string, collapsed?: boolean, entries: Entry[] }[]} */
export const sections = [
  {
    text: "Start here",
    name: "start",
    entries: [
      guide("Quickstart", "quickstart", "install it, run the first program, what comes back"),
      guide("Crash course", "crash-course", "every part of the API once, in ten minutes"),
      guide("Comparison", "comparison", "other sandboxes, and when to take one of them instead"),
    ],
  },
  {
    text: "Guides",
    name: "guides",
    entries: [
      guide("Executing code", "executing-code", "exec, run, values, options of a call"),
      guide(
        "Output capture",
        "output-capture",
        "stdout, stderr, exit codes, streams, input, abort",
      ),
      guide(
        "Child processes",
        "child-processes",
        "child_process in guests, spawn, servers in the machine",
      ),
      guide("Sandbox: the exec module", "sandbox-exec-module", "command lines and sessions"),
      guide(
        "Kernel first, and drivers",
        "node-runtime-kernel-first",
        "createKernel, new NodeRuntime, limits, TypeScript tools",
      ),
      docs("Sandboxes and shells", "sandbox", "Sandbox.create, shells that keep their state, npm"),
      docs("A server of sandboxes", "server", "secure-exec serve, Sandbox.connect, HTTP, the wire"),
      docs(
        "Snapshots of files",
        "snapshots",
        "machines that start with the same files, without a copy",
      ),
      docs(
        "Tools",
        "tools",
        "functions of the host that guests call, as commands and typed modules",
      ),
      docs("Python", "python", "python3 from the npm package pyodide, values, packages, files"),
      docs("Machines for models", "ai", "tools of the AI SDK, a server of MCP, bounded texts"),
      docs(
        "Code interpreter",
        "code-interpreter",
        "cells, files, artifacts and limits for a model",
      ),
      docs("Files of the host", "mounts", "mounts, node_modules, live changes"),
      docs("Resident runner", "resident", "one live process for many small snippets"),
      docs("TypeScript", "typescript", "programs with types, checks and compilation"),
      docs("Kernels, drivers, runtimes", "kernel-first", "the kernel-first and the driver API"),
      docs("Command line", "cli", "secure-exec run, exec, shell, --trace, doctor"),
    ],
  },
  {
    text: "Security",
    name: "security",
    entries: [
      {
        text: "Security model",
        source: "SECURITY.md",
        about: "what is promised, the boundary, what counts as a vulnerability",
      },
      docs("Isolation", "isolation", "what holds the process of a machine back, layer by layer"),
      docs("Limits", "limits", "every bound with its default and who sees what of it"),
      docs("Errors", "errors", "how a call can end, every code"),
    ],
  },
  {
    text: "What guests have",
    name: "machine",
    entries: [
      docs("Node.js", "node", "modules and what is supported of them"),
      docs("Options of node", "node-options", "command-line options of node in a machine"),
      docs("Commands", "commands", "the shell and some 130 commands"),
      docs("Syscalls", "syscalls", "system calls of the kernel"),
      docs("Compatibility", "compatibility", "programs from npm, run on the host and in a machine"),
      docs("Conformance", "conformance", "Node.js's own tests in a guest"),
    ],
  },
  {
    text: "How it is made",
    name: "architecture",
    entries: [
      docs("Architecture", "architecture", "how the pieces fit"),
      docs("Packages", "packages", "what is published, and what to do where a package is missing"),
      { text: "Changelog", source: "CHANGELOG.md", about: "what has changed" },
    ],
  },
];

function guide(text, name, about) {
  return { text, source: `site/pages/guide/${name}.md`, about };
}

function docs(text, name, about) {
  return { text, source: `docs/${name}.md`, about };
}
