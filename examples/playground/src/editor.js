// The editor: CodeMirror, in a shadow tree, where its styles need no element that the page's policy would have to allow.

import { javascript } from "@codemirror/lang-javascript";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { basicSetup } from "codemirror";
import { dark } from "./dark.js";

const isDark = matchMedia("(prefers-color-scheme: dark)");
const script = /\.[cm]?[jt]sx?$/;

/**
 * @param {HTMLElement} parent
 * @param {{ onChange: () => void, onSave: () => void, onRun: () => void }} hears
 */
export function createEditor(parent, { onChange, onSave, onRun }) {
  const root = parent.attachShadow({ mode: "open" });
  const language = new Compartment();
  const colours = new Compartment();
  const command = (run) => () => {
    run();
    return true;
  };
  const extensions = [
    keymap.of([
      { key: "Mod-s", run: command(onSave), preventDefault: true },
      { key: "Mod-Enter", run: command(onRun), preventDefault: true },
    ]),
    basicSetup,
    language.of([]),
    colours.of(isDark.matches ? dark : []),
    EditorView.theme({
      "&": { height: "100%", fontSize: "13px" },
      ".cm-scroller": { overflow: "auto" },
    }),
    EditorView.contentAttributes.of({ "aria-label": "Program" }),
    EditorView.updateListener.of((update) => update.docChanged && onChange()),
  ];
  const view = new EditorView({ parent: root, root, state: EditorState.create({ extensions }) });
  view.dom.style.height = "100%";
  isDark.addEventListener("change", () => {
    view.dispatch({ effects: colours.reconfigure(isDark.matches ? dark : []) });
  });
  return {
    get text() {
      return view.state.doc.toString();
    },
    /** Shows a file; what was done to another cannot be undone there. */
    show(text, name) {
      view.setState(EditorState.create({ doc: text, extensions }));
      const highlighting = script.test(name)
        ? javascript({ typescript: /\.[cm]?tsx?$/.test(name) })
        : [];
      view.dispatch({
        effects: [
          language.reconfigure(highlighting),
          colours.reconfigure(isDark.matches ? dark : []),
        ],
      });
    },
    focus() {
      view.focus();
    },
  };
}
