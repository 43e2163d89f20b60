// What answered: digests that lead from this answer to the model, its data and its code.

import { announce, el, fill, icon } from "./dom.js";

const SAYS = {
  id: "Id", bento: "Bento", model: "Model", weights: "Weights", features: "Feature pipeline", classes: "Activities",
  labeller: "Pose labeller", snapshot: "Data snapshot", clips: "Training clips", params: "Parameters", code: "Code",
};

/** A card with every digest, and a button that copies them as JSON. */
export function provenanceCard(provenance) {
  const text = JSON.stringify(provenance, null, 1);
  const copy = el("button", { type: "button", class: "button" });
  fill(copy, icon("copy"), "Copy provenance");
  copy.addEventListener("click", async () => {
    const copied = await toClipboard(text);
    fill(copy, icon(copied ? "right" : "copy"), copied ? "Copied" : "Select and copy below");
    announce(copied ? "The provenance was copied." : "The browser did not let the page copy; the provenance is selected.");
    if (!copied) details.open = true;
  });
  const rows = Object.entries(provenance).filter(([key, value]) => key !== "id" && value !== null);
  const details = el("details", {}, el("summary", {}, "All digests"),
    el("dl", { class: "digests" }, rows.map(([key, value]) => [el("dt", {}, SAYS[key] ?? key), el("dd", {}, el("code", {}, String(value)))])));
  return el("section", { class: "card provenance", "aria-labelledby": "provenance-title" },
    el("div", { class: "row spread" },
      el("div", {}, el("h2", { id: "provenance-title" }, "Provenance "), provenance.id && el("code", { class: "provenance-id" }, provenance.id)), copy),
    el("p", { class: "hint" }, "Quote it when you ask about this answer: it names the model, its training data and the code."), details);
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return byHand(text); // a page that came over plain HTTP from another machine has no clipboard
  }
}

function byHand(text) {
  const area = el("textarea", { class: "visually-hidden", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}
