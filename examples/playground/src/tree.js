// The files of the machine. Names are a guest's: they are text and nothing else.

/** Entries of a folder that are shown. */
const mostShown = 500;

/**
 * @param {HTMLElement} element
 * @param {{ list: (path: string) => Promise<{ name: string, isDirectory: boolean }[]>, onOpen: (path: string) => void }} hears
 */
export function createTree(element, { list, onOpen }) {
  const open = new Set(["/workspace"]);
  let chosen = "/workspace";
  let isFolder = true;
  let drawing = Promise.resolve();

  const choose = (path, folder) => {
    chosen = path;
    isFolder = folder;
    for (const button of element.querySelectorAll("button")) {
      button.setAttribute("aria-selected", String(button.dataset.path === path));
    }
  };

  const item = async (path, name, isDirectory) => {
    const entry = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.path = path;
    button.setAttribute("role", "treeitem");
    button.setAttribute("aria-selected", String(path === chosen));
    button.textContent = `${isDirectory ? (open.has(path) ? "▾ " : "▸ ") : "  "}${name}`;
    button.title = path;
    button.onclick = () => {
      choose(path, isDirectory);
      if (!isDirectory) return onOpen(path);
      if (!open.delete(path)) open.add(path);
      refresh();
    };
    entry.append(button);
    if (isDirectory && open.has(path)) entry.append(await folder(path));
    return entry;
  };

  const folder = async (path) => {
    const group = document.createElement("ul");
    group.setAttribute("role", "group");
    const entries = await list(path).catch(() => []);
    const sorted = entries.sort(
      (a, b) => b.isDirectory - a.isDirectory || (a.name < b.name ? -1 : 1),
    );
    for (const { name, isDirectory } of sorted.slice(0, mostShown)) {
      group.append(await item(`${path === "/" ? "" : path}/${name}`, name, isDirectory));
    }
    if (sorted.length > mostShown) {
      const more = document.createElement("li");
      more.className = "more";
      more.textContent = `and ${sorted.length - mostShown} more`;
      group.append(more);
    }
    return group;
  };

  /** Reads the open folders again; one reading at a time. */
  const refresh = () => {
    drawing = drawing.then(async () => {
      const roots = [await item("/workspace", "workspace", true), await item("/tmp", "tmp", true)];
      const scrolled = element.scrollTop;
      element.replaceChildren(...roots);
      element.scrollTop = scrolled;
    });
    return drawing;
  };

  return {
    refresh,
    choose,
    /** The folder that is chosen, or that has the file that is. */
    get folder() {
      return isFolder ? chosen : chosen.slice(0, chosen.lastIndexOf("/")) || "/";
    },
  };
}
