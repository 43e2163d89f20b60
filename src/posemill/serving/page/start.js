// The first screen: a place to drop a file, and the gallery.

import { byId, el, fill } from "./dom.js";
import * as service from "./service.js";

/** onFile(File) for what is dropped or chosen; onEntry(entry) for the gallery. */
export async function start({ onFile, onEntry }) {
  const input = byId("file");
  input.addEventListener("change", () => {
    if (input.files.length) onFile(input.files[0]);
    input.value = ""; // the same file can be chosen again
  });
  dropping(onFile);
  const entries = await service.gallery().catch(() => []);
  fill(byId("gallery-list"), entries.filter(ours).map((entry) => card(entry, onEntry)));
  byId("gallery").hidden = !entries.length;
}

/** Offer the applications of the service beside activities; without any there is nothing to choose. */
export async function offerApplications() {
  const entries = await service.applications().catch(() => []);
  const options = entries.map((entry) => el("option", { value: entry.application, title: entry.line }, entry.title));
  fill(byId("application"), el("option", { value: "" }, "Activities"), options);
  byId("for-what").hidden = !entries.length;
}

/** The chosen application's name; null for activities. */
export const chosenApplication = () => byId("application").value || null;

/** What the page says where only keypoints are answered. */
export function keypointsOnly() {
  byId("lead").textContent = "This service takes keypoints only: it knows activities, not pictures. Give it one person’s track as JSON, or serve the analysis bento to try clips.";
  byId("drop-what").textContent = "Drop a track of keypoints here";
  fill(byId("drop-hint"), "JSON as for ", el("code", {}, "POST /predict_track"), ": skeleton or keypoints, time_s, xy, confidence.");
  byId("file").accept = ".json,application/json";
}

function dropping(onFile) {
  let depth = 0; // a drag enters every element that it comes over
  const lit = (change) => {
    depth = Math.max(0, depth + change);
    byId("drop").classList.toggle("over", depth > 0);
  };
  addEventListener("dragenter", (e) => { e.preventDefault(); lit(1); });
  addEventListener("dragleave", () => lit(-1));
  addEventListener("dragover", (e) => e.preventDefault());
  addEventListener("drop", (e) => {
    e.preventDefault(); // anywhere: a browser would leave the page to show the file
    lit(-depth);
    const file = e.dataTransfer?.files[0];
    if (file && !byId("start").hidden) onFile(file);
  });
}

/** Only what this service itself offers. */
const ours = (entry) => new URL(entry.url, document.baseURI).origin === location.origin;

function card(entry, onEntry) {
  const picture = entry.kind === "image"
    ? el("img", { src: entry.url, alt: "", loading: "lazy" })
    : el("video", { src: `${entry.url}#t=0.8`, preload: "metadata", tabindex: "-1", "aria-hidden": "true" });
  picture.muted = true;
  const button = el("button", { type: "button", onclick: () => onEntry(entry) },
    el("span", { class: "thumb" }, picture), el("span", { class: "caption" }, entry.name.replaceAll(/[_-]+/g, " ")));
  if (entry.kind === "video") {
    button.addEventListener("pointerenter", () => picture.play().catch(() => {}));
    button.addEventListener("pointerleave", () => picture.pause());
  }
  return el("li", {}, button);
}
