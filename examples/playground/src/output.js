// What a program writes. It is text, whatever it looks like.

/** Characters that are kept: a page with more becomes slow. */
const mostKept = 256 * 1024;
/** Milliseconds between two times that something is shown. */
const pause = 30;

/** @param {HTMLElement} element */
export function createOutput(element) {
  const decoders = {};
  let waiting = [];
  let kept = 0;
  /** Settles when what waits is shown. */
  let showing;

  const append = (text, name) => {
    const last = element.lastElementChild;
    if (last?.className === name && last.textContent.length < 4096) last.append(text);
    else {
      const part = document.createElement("span");
      part.className = name;
      part.textContent = text;
      element.append(part);
    }
    kept += text.length;
  };

  const show = () => {
    showing = undefined;
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
    for (const [text, name] of waiting) append(text, name);
    waiting = [];
    while (kept > mostKept && element.children.length > 1) {
      kept -= element.firstElementChild.textContent.length;
      element.firstElementChild.remove();
    }
    if (atEnd) element.scrollTop = element.scrollHeight;
  };

  const take = (text, name) => {
    if (text) waiting.push([text, name]);
    showing ??= new Promise((shown) => setTimeout(() => shown(show()), pause));
    return showing;
  };

  return {
    clear() {
      element.replaceChildren();
      waiting = [];
      kept = 0;
      for (const name of ["stdout", "stderr"]) decoders[name] = new TextDecoder();
    },
    /** Takes bytes of a channel, and settles when they are shown. */
    write(channel, data) {
      const text = decoders[channel].decode(data, { stream: true });
      return take(text, channel === "stderr" ? "error" : "out");
    },
    note: (text) => take(text, "note"),
  };
}
