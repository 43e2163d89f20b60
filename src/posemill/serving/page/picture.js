// A picture with the poses that were found in it.

import { el, fill, icon } from "./dom.js";
import { provenanceCard } from "./provenance.js";
import { colorOf, drawPose, drawTag } from "./skeletons.js";
import * as words from "./words.js";

/** Show `answer` of /analyse_image over the picture at `url`. */
export function showPicture(place, { answer, attempt, url, body, onAgain }) {
  const { poses, image } = answer;
  const canvas = el("canvas", { width: image.width_px, height: image.height_px, "aria-hidden": "true" });
  const picture = el("img", { src: url, alt: `${attempt.name}, with ${words.count(poses.length, "person", "people")} marked` });
  const screen = el("div", { class: "screen still" }, picture, canvas);
  screen.style.aspectRatio = `${image.width_px} / ${image.height_px}`;
  fill(place,
    el("div", { class: "head-line" },
      el("div", {},
        el("h1", { id: "outcome-title", tabindex: "-1" }, poses.length ? words.count(poses.length, "person", "people") : "Nobody found"),
        el("p", { class: "lead" }, "Poses in one picture. Activities need a clip, since they are judged over time."),
        el("p", { class: "facts" }, el("b", {}, attempt.name), el("span", {}, `${image.width_px} × ${image.height_px}`))),
      el("button", { type: "button", class: "button primary again", onclick: onAgain }, icon("again"), "Try another")),
    el("div", { class: "stage" }, el("div", { class: "card screen-card" }, screen),
      el("section", { class: "card moment", "aria-labelledby": "found-title" }, el("h2", { id: "found-title" }, "Found"),
        el("ul", { class: "bars" }, poses.map((pose, i) => found(pose, i))),
        !poses.length && el("p", { class: "hint" }, "People should be seen whole and not too far away."))),
    provenanceCard(answer.provenance));
  if (body) draw(canvas, poses, body, image);
}

function draw(canvas, poses, body, image) {
  const context = canvas.getContext("2d");
  const unit = Math.max(image.width_px, image.height_px) / 300;
  poses.forEach((pose, i) => drawPose(context, pose.xy, body, i, unit));
  if (poses.length > 1) poses.forEach((pose, i) => drawTag(context, pose.xy, i, unit, true));
}

function found(pose, i) {
  const bar = el("span", { class: "fill" });
  bar.style.width = `${100 * Math.min(1, pose.person_confidence)}%`;
  bar.style.background = colorOf(i);
  const seen = pose.xy.filter((p) => p && p[0] !== null).length;
  return el("li", { title: `${seen} of ${pose.xy.length} keypoints seen` }, el("span", { class: "name" }, words.person(i)),
    el("span", { class: "groove" }, bar), el("span", { class: "figure" }, pose.person_confidence.toFixed(2)));
}
