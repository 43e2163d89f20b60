// What an application says of a clip: headline figures, events along time and as a list, measurements, and its limits.

import { el, fill, icon } from "./dom.js";
import { downloads } from "./outcome.js";
import { Player } from "./player.js";
import * as words from "./words.js";

const MOST_ROWS = 300;

/** Show `answer` (an ApplicationResult) in `place`; the rest as for showOutcome. */
export function showApplication(place, { answer, attempt, sources, saves, onAgain }) {
  const facts = { width_px: answer.width_px, height_px: answer.height_px, duration_s: Math.max(answer.duration_s, 0.1) };
  const lanes = lanesOf(answer.events, facts.duration_s);
  const head = el("div", { class: "head" });
  const player = new Player({ facts, people: [], body: null, sources, onTime: (time) => follow(time) });
  fill(place, heading(answer, attempt, onAgain),
    answer.notice ? el("p", { class: "alert notice" }, answer.notice) : null,
    el("div", { class: "stage" },
      el("div", { class: "card screen-card" }, player.node),
      figures(answer),
      answer.events.length ? timeline(lanes, facts.duration_s, head, (s) => player.seek(s)) : null),
    events(answer.events, (s) => player.seek(s)), measurements(answer.measurements), limits(answer), downloads(saves));
  player.start();

  function follow(time) {
    head.style.left = `${100 * Math.min(1, time / facts.duration_s)}%`;
    for (const row of place.querySelectorAll(".event")) {
      const { start, end } = row.dataset;
      row.classList.toggle("now", time >= Number(start) && time <= Number(end));
    }
  }

  function key(event) {
    const moves = {
      ArrowLeft: () => player.seek(player.time - (event.shiftKey ? 1 : 0.1)),
      ArrowRight: () => player.seek(player.time + (event.shiftKey ? 1 : 0.1)),
      Home: () => player.seek(0), End: () => player.seek(facts.duration_s), " ": () => player.toggle(),
    };
    if (!(event.key in moves) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    moves[event.key]();
  }

  return { key, close: () => player.close() };
}

function heading(answer, attempt, onAgain) {
  const worst = ["alarm", "warning"].find((severity) => answer.events.some((e) => e.severity === severity));
  const lead = worst ? answer.events.find((e) => e.severity === worst).message : "Nothing to warn of.";
  const about = [words.count(answer.people, "person", "people"), words.clock(answer.duration_s), `${answer.frames} frames`];
  return el("div", { class: "head-line" },
    el("div", {}, el("h1", { id: "outcome-title", tabindex: "-1" }, answer.title), el("p", { class: "lead" }, lead),
      el("p", { class: "facts" }, el("b", {}, attempt.name), about.map((fact) => el("span", {}, fact)))),
    el("button", { type: "button", class: "button primary again", onclick: onAgain }, icon("again"), "Try another"));
}

function figures(answer) {
  const rows = Object.entries(answer.summary).map(([name, value]) =>
    el("div", {}, el("dt", {}, words.activity(name)), el("dd", {}, written(value))));
  return el("section", { class: "card moment" }, el("h2", {}, "In figures"), el("dl", { class: "app-figures" }, rows));
}

/** One lane a kind and person, in the order in which they first happen. */
function lanesOf(events, duration) {
  const lanes = new Map();
  for (const event of events) {
    const name = [words.activity(event.kind), event.person === null ? null : words.person(event.person)].filter(Boolean).join(", ");
    if (!lanes.has(name)) lanes.set(name, []);
    lanes.get(name).push({ ...event, until: event.end_s ?? duration });
  }
  return lanes;
}

function timeline(lanes, duration, head, onSeek) {
  const seek = (e) => {
    const box = track.getBoundingClientRect();
    onSeek((duration * (e.clientX - box.left)) / box.width);
  };
  const track = el("div", { class: "track", onpointerdown: seek }, [...lanes.values()].map((lane) => el("div", { class: "lane chosen" },
    lane.map((event) => {
      const node = el("div", { class: `segment ${event.severity}`, title: event.message });
      node.style.left = `${(100 * event.start_s) / duration}%`;
      node.style.width = `${Math.max(0.4, (100 * (Math.min(event.until, duration) - event.start_s)) / duration)}%`;
      return node;
    }))), head);
  return el("section", { class: "card timeline-card app-timeline" }, el("h2", {}, "Timeline"),
    el("div", { class: "timeline" }, el("div", { class: "names" }, [...lanes.keys()].map((name) => el("span", {}, name))), track));
}

function events(all, onSeek) {
  if (!all.length) return null;
  const rows = all.slice(0, MOST_ROWS).map((event) => {
    const node = el("li", { class: `event ${event.severity}` }, el("button", { type: "button", onclick: () => onSeek(event.start_s) },
      el("span", { class: "clock" }, words.clock(event.start_s)), " ", event.message));
    Object.assign(node.dataset, { start: event.start_s, end: event.end_s ?? Infinity });
    return node;
  });
  const more = all.length > MOST_ROWS ? el("p", { class: "hint" }, `The first ${MOST_ROWS} of ${all.length}; all are in the answer as JSON.`) : null;
  return el("section", { class: "card" }, el("h2", {}, "Events"), el("ol", { class: "events" }, rows), more);
}

function measurements(all) {
  const single = all.length > MOST_ROWS ? all.slice(0, MOST_ROWS) : all;
  if (!single.length) return null;
  const rows = single.map((m) => el("tr", {}, el("th", { scope: "row" }, words.activity(m.name)),
    el("td", {}, m.person === null ? "scene" : words.person(m.person)),
    el("td", {}, m.value === null ? m.reason ?? "not measured" : `${written(m.value)} ${m.unit}`),
    el("td", {}, m.low === null || m.high === null ? "–" : `${written(m.low)} to ${written(m.high)}`)));
  return el("details", { class: "card" }, el("summary", {}, words.count(all.length, "measurement", "measurements")),
    el("div", { class: "scroll" }, el("table", { class: "app-table" },
      el("thead", {}, el("tr", {}, ["measurement", "who", "value", "95 % interval"].map((c) => el("th", { scope: "col" }, c)))),
      el("tbody", {}, rows))));
}

function limits(answer) {
  return el("details", { class: "card" }, el("summary", {}, "What it cannot see"),
    el("ul", {}, answer.limits.map((limit) => el("li", {}, limit))));
}

const written = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value ?? "–"));
