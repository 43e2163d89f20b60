// The client's word on every segment: right, or wrong with what it really was.

import { announce, el, fill, icon } from "./dom.js";
import { shade } from "./probabilities.js";
import { sendFeedback } from "./service.js";
import * as words from "./words.js";

const OTHER = "\u0000other";

export class FeedbackList {
  /** evidence(): what all feedback names (job, provenance, upload_digest, upload_name); onSeek(seconds); onFeedback(segment, right). */
  constructor({ people, classes, evidence, onSeek, onFeedback }) {
    Object.assign(this, { people, classes, evidence, onSeek, onFeedback });
    this.rows = new Map(people.map((p) => [p.person, p.segments.map((s) => this.row(p, s))]));
    this.total = people.reduce((sum, p) => sum + p.segments.length, 0);
    this.done = new Set();
    this.title = el("h2", {});
    this.tally = el("span", { class: "tally" });
    this.list = el("ol", { class: "segments" });
    this.node = el("section", { class: "card feedback", "aria-label": "Your feedback" },
      el("div", { class: "row spread" }, this.title, this.tally),
      el("p", { class: "hint" }, "Look at each segment and say whether it is right. What you say is kept with the provenance below."), this.list);
    this.count();
  }

  select(person) {
    this.title.textContent = `Is this what ${words.person(person.person)} did?`;
    const rows = this.rows.get(person.person);
    fill(this.list, rows.length ? rows.map((row) => row.node) : el("li", { class: "hint" }, "No activity: too little of this person was seen."));
  }

  at(person, time) {
    const rows = this.rows.get(person.person);
    person.segments.forEach((s, i) => rows[i].node.classList.toggle("now", s.start_s <= time && time < s.end_s));
  }

  row(person, s) {
    const answer = el("div", { class: "answer" });
    const about = words.segment(s);
    const right = choice("right", "Right", `Right: ${about}`, () => this.send(row, null, null));
    const wrong = choice("wrong", "Wrong", `Wrong: ${about}`, () => this.correct(row));
    const node = el("li", {},
      el("button", { type: "button", class: "look", "aria-label": `Look at ${about}`, onclick: () => this.onSeek(s.start_s) },
        el("span", { class: `swatch ${shade(this.classes, s.activity)}${s.abstained ? " doubt" : ""}` }),
        el("span", { class: "what" }, words.activity(s.activity), words.doubted(s) && el("small", {}, "not sure")),
        el("span", { class: "when" }, `${words.clock(s.start_s)} – ${words.clock(s.end_s)}`),
        el("span", { class: "figure" }, words.percent(s.probability))),
      el("div", { class: "row verdict" }, right, wrong), answer);
    const row = { person, segment: s, right, wrong, answer, node };
    return row;
  }

  /** Ask what it really was. */
  correct(row) {
    const id = `correct-${row.person.person}-${row.segment.start_s}`;
    const pick = el("select", { id, required: true },
      el("option", { value: "" }, "Choose…"),
      this.classes.filter((name) => name !== row.segment.activity).map((name) => el("option", { value: name }, words.activity(name))),
      el("option", { value: OTHER }, "something else"));
    const comment = el("textarea", { id: `${id}-why`, rows: "2", maxlength: "1000" });
    const form = el("form", { class: "correction", onsubmit: (e) => {
      e.preventDefault();
      this.send(row, pick.value, comment.value.trim() || null);
    } },
      el("label", { for: id }, "What was it?"), pick,
      el("label", { for: `${id}-why` }, "Comment ", el("small", {}, "(optional)")), comment,
      el("p", { class: "row" },
        el("button", { class: "button primary" }, "Send"),
        el("button", { type: "button", class: "button", onclick: () => { fill(row.answer); row.wrong.focus(); } }, "Cancel")),
      el("p", { class: "problem", role: "alert" }));
    fill(row.answer, form);
    pick.focus();
  }

  /** `activity` null means that the model is right. */
  async send(row, activity, comment) {
    const right = activity === null;
    const problem = row.answer.querySelector(".problem") ?? row.answer.appendChild(el("p", { class: "problem", role: "alert" }));
    const focused = document.activeElement; // a control that is off loses the focus
    this.busy(row, true);
    problem.textContent = "";
    let kept = null;
    try {
      kept = await sendFeedback({
        ...(await this.evidence()), person: row.person.person, start_s: row.segment.start_s, end_s: row.segment.end_s,
        predicted: row.segment.activity, right, activity: right || activity === OTHER ? null : activity, comment,
      });
    } catch (error) {
      problem.textContent = `Not kept. ${error.message}`;
    }
    this.busy(row, false);
    if (kept) this.confirm(row, right, activity, kept.feedback);
    (kept ? (right ? row.right : row.wrong) : focused).focus();
  }

  confirm(row, right, activity, number) {
    const what = right ? "Right" : activity === OTHER ? "Wrong: it was something else" : `Wrong: it was ${words.activity(activity)}`;
    row.right.setAttribute("aria-pressed", String(right));
    row.wrong.setAttribute("aria-pressed", String(!right));
    fill(row.answer, el("p", { class: `kept ${right ? "good" : "bad"}` }, icon(right ? "right" : "wrong"), `${what}. Kept as feedback ${number}.`));
    announce(`${what}. Kept as feedback ${number}.`);
    this.done.add(row);
    this.count();
    this.onFeedback(row.segment, right);
  }

  busy(row, on) {
    row.node.setAttribute("aria-busy", String(on));
    for (const control of row.node.querySelectorAll(".verdict button, form button")) control.disabled = on;
  }

  count() {
    this.tally.textContent = `${this.done.size} of ${this.total} judged`;
  }
}

function choice(kind, text, label, onclick) {
  return el("button", { type: "button", class: `button ${kind}`, "aria-pressed": "false", "aria-label": label, onclick }, icon(kind), text);
}
