// Which part of the page is there, what it says while one waits, and what went wrong.

import { announce, byId } from "./dom.js";
import { Refusal, useKey } from "./service.js";
import * as words from "./words.js";

const VIEWS = ["start", "work", "outcome"];
const WAITS = { queued: "Waiting for its turn…", running: "Finding people…", done: "Drawing it…" };
let said = "";

/** Show one of start, work and outcome. */
export function show(view) {
  for (const name of VIEWS) byId(name).hidden = name !== view;
  document.body.dataset.view = view;
  said = "";
}

/** Title, file name, share done (null = unknown) and a line of detail. Screen readers hear every quarter. */
export function progress(title, name, share = null, detail = "") {
  byId("work-title").textContent = title;
  byId("work-file").textContent = name ?? "";
  byId("work-detail").textContent = detail;
  const bar = byId("work-bar");
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
  const quarter = `${title} ${share === null ? "" : words.percent(Math.floor(share * 4) / 4)}`;
  if (quarter !== said) announce((said = quarter));
}

/** The status of a job. */
export function jobProgress(status, name) {
  const share = status.state === "running" ? status.progress : null;
  const frames = status.frames ? `Frame ${status.frames_done} of ${status.frames}` : "";
  progress(WAITS[status.state] ?? "Finding people…", name, share, frames);
}

/** One sentence about what went wrong, which takes the focus; null takes it away. */
export function complain(error) {
  const alert = byId("alert");
  alert.hidden = !error;
  if (!error) return;
  if (!(error instanceof Refusal)) console.error(error);
  alert.textContent = error instanceof Refusal ? error.message : "The page itself failed. Please reload it and try again.";
  alert.focus();
}

/** Ask for a key; true when one was given. */
export async function askedKey() {
  const dialog = byId("key");
  if (dialog.open) return false;
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  const value = byId("key-value").value.trim();
  byId("key-value").value = "";
  if (dialog.returnValue !== "use" || !value) return false;
  useKey(value);
  return true;
}
