// A finished analysis: player, probabilities, timeline, feedback and provenance, all following one playhead.

import { el, fill, icon } from "./dom.js";
import { FeedbackList } from "./feedback.js";
import { Moment } from "./moment.js";
import { Player } from "./player.js";
import { classesOf } from "./probabilities.js";
import { provenanceCard } from "./provenance.js";
import { Timeline } from "./timeline.js";
import * as words from "./words.js";

const LAST_S = 0.05; // at the very end what was last is shown, not that nothing comes after

/**
 * Show `answer` (a VideoAnswer) in `place`.
 * attempt: {name, job, digest: Promise<string|null>}; sources: [{url, drawn}]; body: the skeleton or null;
 * saves: [{text, save()}]; onAgain(). Answers an object with key(event) and close().
 */
export function showOutcome(place, { answer, attempt, sources, body, saves, onAgain }) {
  const people = answer.people;
  const classes = classesOf(people);
  const player = new Player({ facts: answer.video, people, body, sources, onTime: (time) => follow(time) });
  const tools = people.length ? parts() : null;
  fill(place, heading(answer, attempt, onAgain),
    el("div", { class: "stage" }, el("div", { class: "card screen-card" }, player.node), tools ? [tools.moment.node, tools.timeline.node] : nobody(answer)),
    tools?.feedback.node, provenanceCard(answer.provenance), downloads(saves));
  if (tools) select(answer.main_subject ?? people[0].person);
  player.start();

  function parts() {
    const evidence = async () => ({
      job: attempt.job, provenance: answer.provenance, upload_digest: await attempt.digest,
      upload_name: attempt.name.replaceAll("\0", "").slice(0, 200),
    });
    return {
      moment: new Moment(classes),
      timeline: new Timeline({
        people, classes, duration: answer.video.duration_s, onSeek: (s) => player.seek(s), onSelect: select,
        onToggle: () => player.toggle(),
      }),
      feedback: new FeedbackList({
        people, classes, evidence, onSeek: (s) => player.seek(s), onFeedback: (s, right) => tools.timeline.judged(s, right),
      }),
    };
  }

  function select(number) {
    const person = people.find((p) => p.person === number) ?? people[0];
    player.select(person.person);
    tools.moment.select(person);
    tools.feedback.select(person);
    tools.timeline.select(person.person);
    follow(player.time);
  }

  function follow(time) {
    if (!tools) return;
    tools.timeline.at(time);
    const judged = Math.min(time, answer.video.duration_s - LAST_S);
    tools.moment.at(judged);
    tools.feedback.at(tools.timeline.chosen, judged);
  }

  return { key: (event) => tools?.timeline.key(event), close: () => player.close() };
}

/** The head of a page with an answer: the verdict, what was looked at, and the way to the next file. */
export function heading(answer, attempt, onAgain) {
  const { verdict, video } = answer;
  const title = el("h1", { id: "outcome-title", tabindex: "-1" }, verdict ? words.activity(verdict.activity) : "No verdict");
  if (verdict) title.append(" ", el("span", { class: "share" }, words.percent(verdict.probability)));
  const doubt = words.doubted(verdict)
    ? " It is less sure than it should be: judge with care."
    : verdict?.abstained ? " It is none of the activities that the model was taught." : "";
  const subject = answer.people.find((p) => p.person === answer.main_subject);
  const about = verdict
    ? `What ${subject ? words.placed(subject) : words.person(answer.main_subject ?? 0)} does over the whole clip, as the model sees it.${doubt}`
    : capital(answer.note ?? "Nobody was seen long enough.") + (answer.note?.endsWith(".") ? "" : ".");
  const facts = [words.count(answer.people.length, "person", "people"), words.clock(video.duration_s), `${video.width_px} × ${video.height_px}`, `${video.frames} frames`];
  return el("div", { class: "head-line" },
    el("div", {}, title, el("p", { class: "lead" }, about),
      el("p", { class: "facts" }, el("b", {}, attempt.name), facts.map((fact) => el("span", {}, fact)))),
    el("button", { type: "button", class: "button primary again", onclick: onAgain }, icon("again"), "Try another"));
}

function nobody(answer) {
  return el("section", { class: "card moment" }, el("h2", {}, "Nobody to judge"),
    el("p", { class: "hint" }, `${capital(answer.note ?? "nobody was found in this video")}. `,
      "People should be seen whole, not too far away, and for more than a second."));
}

export function downloads(saves) {
  if (!saves.length) return null;
  return el("div", { class: "row saves" }, saves.map(({ text, save }) => el("button", { type: "button", class: "button quiet", onclick: save }, icon("save"), text)));
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
