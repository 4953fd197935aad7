// What a terminal shows, as tests wait for it.

import type { NodeRuntimeTerminal } from "secure-exec";

/** Gives a function that waits until the terminal shows a text, and gives what came before it. */
export function reader(terminal: NodeRuntimeTerminal) {
  const decoder = new TextDecoder();
  let [text, look] = ["", () => {}];
  terminal.onData((chunk) => {
    text += decoder.decode(chunk, { stream: true });
    look();
  });
  return async (wanted: string) => {
    while (!text.includes(wanted)) {
      await new Promise<void>((resolve) => {
        look = resolve;
      });
    }
    const at = text.indexOf(wanted);
    const before = text.slice(0, at);
    text = text.slice(at + wanted.length);
    return before;
  };
}
