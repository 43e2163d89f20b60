// Bars of probabilities, in the model's order of classes or the most probable first.

import { NONE_OF_THESE } from "../features/verdict.js";
import { make, words } from "./dom.js";

/** Show a bar a class; a list that stays, so that nothing is made anew at every prediction. */
export class Bars {
  constructor(list) {
    this.list = list;
    this.rows = [];
  }

  /** Begin with these classes. */
  classes(names) {
    this.rows = names.map((name) => {
      const fill = make("span");
      const share = make("span", { textContent: "–" });
      const row = make(
        "li",
        {},
        make("span", { textContent: words(name), title: words(name) }),
        make("span", { className: "track" }, fill),
        share,
      );
      fill.style.transform = "scaleX(0)";
      return { row, fill, share };
    });
    this.list.replaceChildren(...this.rows.map(({ row }) => row));
  }

  /** Show a prediction; null empties the bars. */
  show(prediction) {
    const named = prediction && (!prediction.abstained || prediction.activity === NONE_OF_THESE);
    const most = named ? Math.max(...prediction.probabilities) : Infinity;
    this.rows.forEach(({ row, fill, share }, i) => {
      const p = prediction?.probabilities[i] ?? 0;
      fill.style.transform = `scaleX(${p.toFixed(3)})`;
      share.textContent = prediction ? `${Math.round(100 * p)} %` : "–";
      row.classList.toggle("top", p >= most);
    });
  }
}
