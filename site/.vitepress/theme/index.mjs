// VitePress's own theme with the fonts of the reader's system: the site loads nothing from elsewhere and little from itself.

import theme from "vitepress/dist/client/theme-default/without-fonts.js";
import "./style.css";

export default theme;
