// The log of events: what began and ended, newest first, and a file of it.

import { clock, make, save, stamp, words } from "./dom.js";
import { colourOf } from "./overlay.js";

const MOST = 300;

export class EventLog {
  constructor(list, hint, button) {
    Object.assign(this, { list, hint, button, events: [], start: null });
    button.addEventListener("click", () =>
      save(`events-${stamp()}.json`, "application/json", JSON.stringify(this.events, null, 1)),
    );
  }

  /** A new source: times count from its first frame. */
  begin() {
    this.start = null;
  }

  /** Seconds since the source's first frame. */
  since(timeS) {
    this.start ??= timeS;
    return timeS - this.start;
  }

  add(event) {
    const told = { ...event, time_s: +this.since(event.time_s).toFixed(3) };
    this.events.push(told);
    if (this.events.length > MOST) this.events.shift();
    const dot = make("span", { className: "dot" });
    dot.style.background = colourOf(event.person);
    const row = make(
      "li",
      { className: event.type === "begins" ? "" : "quiet" },
      make("time", { textContent: clock(told.time_s) }),
      dot,
      make("span", { textContent: sentence(told) }),
    );
    this.list.prepend(row);
    if (this.list.children.length > MOST) this.list.lastChild.remove();
    this.hint.hidden = true;
    this.button.disabled = false;
  }
}

function sentence({ type, person, activity, probability }) {
  if (type === "enters") return `Person ${person + 1} is there`;
  if (type === "leaves") return `Person ${person + 1} has gone`;
  if (type === "ends") return `${words(activity)} ends`;
  return `${words(activity)} begins (${Math.round(100 * probability)} %)`;
}
