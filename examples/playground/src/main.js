// The playground: a program in an editor, a shell, and files, all of one machine of the server that this page is from.

import { Connection } from "./connection.js";
import { createEditor } from "./editor.js";
import { createOutput } from "./output.js";
import { Server } from "./server.js";
import { openShell } from "./shell.js";
import { createTree } from "./tree.js";

const first = "/workspace/main.mjs";
const sample = `// A program of the machine. Ctrl+Enter runs it, Ctrl+S saves it.
import { readdirSync, writeFileSync } from "node:fs";
import os from "node:os";

console.log("hello from", os.platform(), process.version);
writeFileSync("made.txt", "by a program\\n");
console.log(readdirSync("."));
`;
/** Bytes of a file that the editor shows. */
const mostEdited = 1024 * 1024;
/** What runs a file, by its extension. */
const runners = { sh: "sh", bash: "bash", py: "python3" };

const find = (id) => document.getElementById(id);
const say = (text, failed = false) => {
  find("state").textContent = text;
  find("state").classList.toggle("failed", failed);
};

let server;
let id;
let connection;
let shell;
let path = first;
let isChanged = false;
/** Before there is a machine there is nothing to do. */
let isReady;
function ready(value) {
  isReady = value;
  document.body.setAttribute("aria-busy", String(!value));
}
ready(false);
let running;

const output = createOutput(find("output"));
const tree = createTree(find("tree"), {
  list: (folder) => server.list(id, folder),
  onOpen: (file) => told(open(file)),
});
const editor = createEditor(find("editor"), {
  onChange: () => changed(true),
  onSave: () => isReady && told(save()),
  onRun: () => isReady && told(run()),
});

/** Says what went wrong, wherever that was. */
async function told(work) {
  try {
    await work;
  } catch (error) {
    say(error.message, true);
  }
}

function changed(value) {
  isChanged = value;
  find("name").textContent = `${path}${value ? " •" : ""}`;
}

async function open(file) {
  if (isChanged) await save();
  const { size } = await server.stat(id, file);
  if (size > mostEdited) throw new Error(`${file} is too large to be edited here: download it`);
  const data = await server.read(id, file);
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    throw new Error(`${file} is no text: download it`);
  }
  path = file;
  editor.show(text, file);
  changed(false);
  document.body.dataset.view = "code";
}

async function save() {
  await server.write(id, path, editor.text);
  changed(false);
  say(`saved ${path}`);
  await tree.refresh();
}

async function run() {
  if (running) return void connection.ask("session.kill", { session: running.id, signal: 9 });
  await save();
  output.clear();
  const [, extension = ""] = /\.(\w+)$/.exec(path) ?? [];
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  const ended = Promise.withResolvers();
  running = connection.ask(
    "exec.start",
    { command: runners[extension] ?? "node", args: [path], cwd: folder, hears: true },
    {
      stream: true,
      onOutput: (channel, data) => output.write(channel, data),
      onEvent: (event) => {
        if (event.event === "gap") output.note("\n[some output was lost]\n");
        else ended.resolve(event);
      },
    },
  );
  find("run").textContent = "Stop";
  find("result").classList.remove("failed");
  find("result").textContent = "runs …";
  try {
    await running.answer;
    const { event, exitCode, usage, error } = await ended.promise;
    if (event === "failed") throw new Error(error.message);
    find("result").textContent = `exit status ${exitCode}${usage ? `, ${took(usage)}` : ""}`;
    find("result").classList.toggle("failed", exitCode !== 0);
  } catch (error) {
    find("result").textContent = error.message;
    find("result").classList.add("failed");
  } finally {
    running = undefined;
    find("run").textContent = "Run";
    await tree.refresh();
  }
}

function took({ wallMs, cpuMs, peakMemoryBytes }) {
  const mebibytes = (peakMemoryBytes / 2 ** 20).toFixed(1);
  return `${(wallMs / 1000).toFixed(2)} s, ${Math.round(cpuMs)} ms of processor time, ${mebibytes} MiB`;
}

async function create() {
  const name = prompt("Name of the file", `${tree.folder}/`);
  if (!name) return;
  const file = name.startsWith("/") ? name : `${tree.folder}/${name}`;
  if (await server.exists(id, file)) return await open(file);
  await server.write(id, file, "");
  tree.choose(file, false);
  await open(file);
  await tree.refresh();
  editor.focus();
}

async function upload(files) {
  for (const file of files) {
    say(`uploading ${file.name}`);
    await server.write(id, `${tree.folder}/${file.name}`, file);
  }
  say(`${files.length === 1 ? files[0].name : `${files.length} files`} uploaded`);
  await tree.refresh();
}

async function download() {
  if (isChanged) await save();
  const data = await server.read(id, path);
  const address = URL.createObjectURL(new Blob([data], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = path.slice(path.lastIndexOf("/") + 1);
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

async function remove() {
  if (!confirm(`Delete ${path}?`)) return;
  await server.remove(id, path);
  changed(false);
  say(`deleted ${path}`);
  path = first;
  editor.show("", path);
  changed(false);
  await tree.refresh();
}

/** Takes the machine of this tab, or a new one. */
async function begin() {
  ready(false);
  say("connecting …");
  const machine = await server.sandbox(sessionStorage.getItem("sandbox"));
  id = machine.id;
  sessionStorage.setItem("sandbox", id);
  shell?.close();
  connection?.close();
  connection = new Connection(server.socketOf(id), server.token, (state, reason) => {
    if (state === "connected") say(`machine ${id}`);
    else say(reason ?? "connection lost: trying again …", true);
  });
  shell = openShell(find("terminal"), connection);
  if (machine.isNew) await server.write(id, first, sample);
  path = first;
  if (await server.exists(id, first)) await open(first);
  else editor.show("", first);
  changed(false);
  await tree.refresh();
  ready(true);
}

async function renew() {
  if (!confirm("End this machine, with all its files, and begin with a new one?")) return;
  ready(false);
  shell?.close();
  shell = undefined;
  connection.close();
  try {
    await server.end(id).catch((error) => {
      if (error.status !== 404) throw error;
    });
    sessionStorage.removeItem("sandbox");
    output.clear();
    await begin();
  } finally {
    // What failed can be tried again.
    ready(true);
  }
}

/** The token of this tab: behind `#token=` of the address, where no server sees it, or what is entered. */
async function enter() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  for (let token = sessionStorage.getItem("token") ?? undefined; ; token = await asked()) {
    server = new Server(token);
    try {
      await begin();
      if (token) sessionStorage.setItem("token", token);
      return;
    } catch (error) {
      if (error.status !== 401) throw error;
      find("refused").textContent = token ? "The server does not know this token." : "";
      sessionStorage.removeItem("token");
    }
  }
}

async function asked() {
  const dialog = find("login");
  find("token").value = "";
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  return find("token").value;
}

const does = {
  run,
  save,
  download,
  remove,
  renew,
  refresh: () => tree.refresh(),
  clear: () => output.clear(),
  "new-file": create,
  upload: () => find("uploads").click(),
  "new-shell": () => {
    shell.close();
    shell = openShell(find("terminal"), connection);
    shell.focus();
  },
};
for (const [name, action] of Object.entries(does)) {
  find(name).onclick = () => isReady && told(action());
}
find("uploads").onchange = ({ target }) => {
  const files = [...target.files];
  target.value = "";
  told(upload(files));
};
const files = find("files");
files.ondragover = (event) => {
  event.preventDefault();
  files.classList.add("receives");
};
files.ondragleave = () => files.classList.remove("receives");
files.ondrop = (event) => {
  event.preventDefault();
  files.classList.remove("receives");
  told(upload([...event.dataTransfer.files]));
};
for (const button of document.querySelectorAll("[data-shows]")) {
  button.onclick = () => {
    document.body.dataset.view = button.dataset.shows;
    if (button.dataset.shows === "shell") shell?.focus();
  };
}
// Terminals of a page that is gone end with it; its machine waits for it, as long as the server lets it.
addEventListener("pagehide", () => connection?.close());
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
addEventListener("beforeunload", (event) => isChanged && event.preventDefault());

output.clear();
told(enter());
