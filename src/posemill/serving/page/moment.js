// Probabilities at the playhead, one bar an activity. The order is fixed, so that bars move and names do not.

import { el, fill } from "./dom.js";
import { shade, segmentAt, sharesAt } from "./probabilities.js";
import * as words from "./words.js";

export class Moment {
  constructor(classes) {
    this.classes = classes;
    this.title = el("h2", {});
    this.says = el("p", { class: "moment-says" });
    this.list = el("ul", { class: "bars" });
    this.node = el("section", { class: "card moment", "aria-label": "Probabilities at the playhead" }, this.title, this.says, this.list);
  }

  /** Show this person from now on. */
  select(person) {
    this.person = person;
    const whole = person.verdict?.probabilities ?? {};
    const order = [...this.classes].sort((a, b) => (whole[b] ?? 0) - (whole[a] ?? 0));
    this.rows = new Map(order.map((name) => [name, this.row(name)]));
    fill(this.list, [...this.rows.values()].map((row) => row.node));
  }

  at(time) {
    const { person } = this;
    const shares = sharesAt(person, time, this.classes);
    const segment = segmentAt(person, time);
    this.title.textContent = `${words.person(person.person)} at ${words.clock(time)}`;
    this.says.textContent = saying(person, time, segment);
    this.says.classList.toggle("doubt", Boolean(segment?.abstained));
    const best = shares && Object.keys(shares).reduce((a, b) => (shares[a] >= shares[b] ? a : b));
    for (const [name, row] of this.rows) {
      const share = shares?.[name] ?? null;
      row.bar.style.width = `${100 * (share ?? 0)}%`;
      row.figure.textContent = share === null ? "–" : words.percent(share);
      row.node.classList.toggle("best", name === best);
    }
  }

  row(name) {
    const bar = el("span", { class: `fill ${shade(this.classes, name)}` });
    const figure = el("span", { class: "figure" });
    const node = el("li", {}, el("span", { class: "name" }, words.activity(name)), el("span", { class: "groove" }, bar), figure);
    return { node, bar, figure };
  }
}

function saying(person, time, segment) {
  if (words.doubted(segment)) return `Not sure. Perhaps ${words.activity(segment.activity)}.`;
  if (segment?.activity === words.NONE_OF_THESE) return "None of the activities that it was taught";
  if (segment) return capital(words.activity(segment.activity));
  if (time < person.start_s || time > person.end_s) return "Not in the picture";
  return "Seen too briefly to judge";
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
