// Colours of the editor in the dark.

import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const theme = EditorView.theme(
  {
    "&": { color: "#e4e7eb", backgroundColor: "#121417" },
    ".cm-content": { caretColor: "#2fae91" },
    ".cm-cursor": { borderLeftColor: "#2fae91" },
    ".cm-gutters": { color: "#6b7480", backgroundColor: "#121417", border: "none" },
    ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "#1b1e22" },
    "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "#2b4a44" },
  },
  { dark: true },
);

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: "#ff9580" },
  { tag: [tags.string, tags.special(tags.string)], color: "#a5d6ff" },
  { tag: [tags.number, tags.bool, tags.null], color: "#79c0ff" },
  { tag: tags.comment, color: "#8b949e", fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.definition(tags.variableName)], color: "#d2a8ff" },
  { tag: [tags.typeName, tags.className], color: "#ffa657" },
]);

export const dark = [theme, syntaxHighlighting(colours)];
