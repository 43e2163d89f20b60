// The verdict on the model that answers here: what the acceptance scenarios found, and an approver's signature.

import { announce, el, fill, icon } from "./dom.js";
import { acceptance, sendVerdict } from "./service.js";

/** Fill the card with the submitted report; it stays hidden where none was submitted. */
export async function showAcceptance(card) {
  const found = await acceptance().catch(() => null);
  card.hidden = !found?.report;
  if (card.hidden) return;
  const { report, verdict } = found;
  fill(card,
    el("h2", {}, "Acceptance"),
    el("p", {}, icon(report.passed ? "right" : "wrong"), `${report.says}, ${day(report.at)}.`),
    el("details", { open: !report.passed },
      el("summary", {}, "What was tried"),
      el("ul", { class: "scenarios" }, report.scenarios.map(scenario))),
    verdict ? said(verdict) : el("p", { class: "hint" }, "Nobody has signed a verdict yet."),
    found.may_sign && form(card, report, verdict));
}

function scenario({ name, passed, says, note }) {
  return el("li", { class: passed ? "good" : "bad" }, icon(passed ? "right" : "wrong"),
    el("span", {}, name, el("small", {}, [says, note].filter(Boolean).join(" · "))));
}

function said({ accepted, by, at, conditions, verdict }) {
  const what = `${accepted ? "Accepted" : "Rejected"} by ${by} on ${day(at)}, verdict ${verdict}`;
  return el("p", { class: `kept ${accepted ? "good" : "bad"}` }, icon(accepted ? "right" : "wrong"), conditions ? `${what}: ${conditions}` : `${what}.`);
}

/** Accept or reject, with conditions; a rejection and an acceptance of failed scenarios need some. */
function form(card, report, verdict) {
  const conditions = el("textarea", { id: "verdict-conditions", rows: "2", maxlength: "2000" });
  const problem = el("p", { class: "problem", role: "alert" });
  const send = async (accepted) => {
    const text = conditions.value.trim();
    if (!text && (!accepted || !report.passed)) {
      problem.textContent = accepted ? "Scenarios failed: say under which conditions you accept." : "Say why you reject.";
      return conditions.focus();
    }
    buttons.forEach((button) => (button.disabled = true));
    try {
      const { verdict: number } = await sendVerdict({ report: report.digest, accepted, conditions: text || null });
      await showAcceptance(card);
      announce(`${accepted ? "Accepted" : "Rejected"}, verdict ${number}.`);
    } catch (error) {
      problem.textContent = `Not kept. ${error.message}`;
      buttons.forEach((button) => (button.disabled = false));
    }
  };
  const buttons = [
    el("button", { type: "button", class: "button primary", onclick: () => send(true) }, "Accept"),
    el("button", { type: "button", class: "button", onclick: () => send(false) }, "Reject"),
  ];
  return el("div", { class: "correction" },
    el("label", { for: "verdict-conditions" }, verdict ? "Another verdict: conditions or reasons " : "Conditions or reasons ", el("small", {}, report.passed ? "(optional to accept)" : "")),
    conditions, el("p", { class: "row" }, buttons), problem);
}

const day = (at) => new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
