// Two panels beside the picture: by click, arrow keys, Home and End.

import { $ } from "./dom.js";

const NAMES = ["watch", "teach"];

/** Make the tabs work; `onChange` gets the name of the panel that is shown. */
export function tabs(onChange) {
  const choose = (name, focus) => {
    for (const other of NAMES) {
      const tab = $(`tab-${other}`);
      tab.setAttribute("aria-selected", String(other === name));
      tab.tabIndex = other === name ? 0 : -1;
      $(other).hidden = other !== name;
      if (focus && other === name) tab.focus();
    }
    onChange(name);
  };
  NAMES.forEach((name, i) => {
    $(`tab-${name}`).addEventListener("click", () => choose(name));
    $(`tab-${name}`).addEventListener("keydown", ({ key }) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: NAMES.length - 1 }[key];
      if (to !== undefined) choose(NAMES[(to + NAMES.length) % NAMES.length], true);
    });
  });
}
