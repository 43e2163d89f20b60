// Who does what when, one lane a person, with a playhead. The lanes are one slider: click, drag or arrow keys move it.

import { el } from "./dom.js";
import { colorOf } from "./skeletons.js";
import { segmentAt, shade } from "./probabilities.js";
import * as words from "./words.js";

export class Timeline {
  /** onSeek(seconds), onSelect(person), onToggle(); people as the service answers them. */
  constructor({ people, classes, duration, onSeek, onSelect, onToggle }) {
    Object.assign(this, { people, classes, duration, onSeek, onSelect, onToggle });
    this.time = 0;
    this.chosen = people[0];
    this.marks = new Map();
    this.names = el("div", { class: "names" }, people.map((p) => this.name(p)));
    this.lanes = people.map((p) => this.lane(p));
    this.track = el(
      "div",
      { class: "track", role: "slider", tabindex: "0", "aria-label": "Playhead", "aria-valuemin": "0",
        "aria-valuemax": duration.toFixed(1), "aria-describedby": "timeline-keys",
        onkeydown: (e) => this.key(e), onpointerdown: (e) => this.down(e), onpointermove: (e) => this.drag(e) },
      this.axis(), this.lanes, (this.head = el("div", { class: "head" })),
    );
    this.node = el("section", { class: "card timeline-card", "aria-labelledby": "timeline-title" },
      el("h2", { id: "timeline-title" }, "Timeline"),
      el("div", { class: "timeline" }, this.names, this.track), legend(), keys());
    this.select(people[0].person);
  }

  select(number) {
    this.chosen = this.people.find((p) => p.person === number) ?? this.people[0];
    this.people.forEach((p, i) => {
      this.names.children[i].setAttribute("aria-pressed", String(p === this.chosen));
      this.lanes[i].classList.toggle("chosen", p === this.chosen);
    });
    this.at(this.time);
  }

  at(time) {
    this.time = time;
    this.head.style.left = `${100 * Math.min(1, time / this.duration)}%`;
    const segment = segmentAt(this.chosen, time);
    const does = segment ? words.activity(segment.activity) : "nothing judged";
    this.track.setAttribute("aria-valuenow", time.toFixed(1));
    this.track.setAttribute("aria-valuetext", `${words.clock(time)}, ${words.person(this.chosen.person)}: ${does}`);
  }

  /** Show on its segment what the visitor said of it. */
  judged(segment, right) {
    const mark = this.marks.get(segment);
    mark.textContent = right ? "✓" : "✗";
    mark.className = `mark ${right ? "good" : "bad"}`;
  }

  /** Arrow keys and the like; true when the key meant something. The page offers it keys that nobody else took. */
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const step = event.shiftKey ? 1 : 0.1;
    const moves = {
      ArrowLeft: () => this.onSeek(this.time - step), ArrowRight: () => this.onSeek(this.time + step),
      Home: () => this.onSeek(0), End: () => this.onSeek(this.duration),
      PageUp: () => this.onSeek(this.edge(-1)), PageDown: () => this.onSeek(this.edge(1)),
      ArrowUp: () => this.neighbour(-1), ArrowDown: () => this.neighbour(1), " ": () => this.onToggle(),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
  }

  /** Start of the segment before or after the playhead. */
  edge(way) {
    const starts = this.chosen.segments.map((s) => s.start_s);
    const there = way < 0 ? starts.filter((s) => s < this.time - 0.05).at(-1) : starts.find((s) => s > this.time + 0.01);
    return there ?? (way < 0 ? 0 : this.duration);
  }

  neighbour(way) {
    const next = this.people[this.people.indexOf(this.chosen) + way];
    if (next) this.onSelect(next.person);
  }

  down(event) {
    if (event.button !== 0) return;
    this.track.setPointerCapture(event.pointerId);
    const lane = this.lanes.findIndex((node) => node.contains(event.target));
    if (lane >= 0) this.onSelect(this.people[lane].person);
    this.onSeek(this.under(event));
  }

  drag(event) {
    if (this.track.hasPointerCapture(event.pointerId)) this.onSeek(this.under(event));
  }

  under(event) {
    const box = this.track.getBoundingClientRect();
    return (this.duration * (event.clientX - box.left)) / box.width;
  }

  name(person) {
    const dot = el("span", { class: "dot" });
    dot.style.background = colorOf(person.person);
    const [word, number] = words.person(person.person).split(" ");
    return el("button", { type: "button", onclick: () => this.onSelect(person.person) }, dot,
      el("span", {}, el("span", { class: "word" }, `${word} `), number));
  }

  lane(person) {
    const there = el("div", { class: "there" });
    this.place(there, person.start_s, person.end_s);
    return el("div", { class: "lane" }, there, person.segments.map((s) => this.segment(s)));
  }

  segment(s) {
    const mark = el("span", { class: "mark" });
    this.marks.set(s, mark);
    const node = el("div", { class: `segment ${shade(this.classes, s.activity)}${s.abstained ? " doubt" : ""}`, title: words.segment(s) },
      el("span", { class: "text" }, words.activity(s.activity)), mark);
    this.place(node, s.start_s, s.end_s);
    return node;
  }

  place(node, start, end) {
    node.style.left = `${(100 * start) / this.duration}%`;
    node.style.width = `${(100 * Math.max(0, Math.min(end, this.duration) - start)) / this.duration}%`;
  }

  axis() {
    const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
    const step = steps.find((s) => this.duration / s <= 7) ?? 3600;
    const ticks = [];
    for (let t = 0; t < this.duration - 0.3 * step; t += step) {
      const tick = el("span", {}, step < 1 ? words.clock(t) : words.clock(t).replace(/\.\d$/, ""));
      tick.style.left = `${(100 * t) / this.duration}%`;
      ticks.push(tick);
    }
    return el("div", { class: "axis" }, ticks);
  }
}

function legend() {
  return el("p", { class: "legend" },
    el("span", {}, el("span", { class: "sample doubt shade-0" }), "the model is not sure"),
    el("span", {}, el("span", { class: "sample there" }), "seen, too briefly to judge"));
}

function keys() {
  const pairs = [["←", "→", "move"], ["⇧", "by a second"], ["↑", "↓", "other person"], ["PgUp", "PgDn", "other segment"], ["Space", "play"]];
  return el("p", { class: "keys hint", id: "timeline-keys" },
    pairs.map((p) => el("span", {}, p.slice(0, -1).map((k) => el("kbd", {}, k)), ` ${p.at(-1)}`)));
}
