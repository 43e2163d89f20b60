// Skeletons on a canvas over the picture, in the colours of every posemill picture: the person's left is orange.

import { skeletons } from "./service.js";

const LEFT = "#ff9614", RIGHT = "#2896ff", OUTLINE = "rgba(12, 16, 22, .75)";
const PEOPLE = ["#5ae65a", "#eb5adc", "#f5e146", "#50dcdc", "#e6645a", "#bebebe"];
const BRIDGED_S = 0.5; // between two poses this near the person is drawn on the way
const NEAR_S = 0.12;

let known = null;

/** Keypoints, edges and sides of a skeleton; null for one that this page does not know. */
export async function skeleton(name) {
  known ??= skeletons();
  return (await known)[name] ?? null;
}

export const colorOf = (person) => PEOPLE[person % PEOPLE.length];

/** (K, 2) keypoints of a track at a moment, null where not seen; null when the person is not there. */
export function poseAt(track, time) {
  const after = firstLater(track.time_s, time);
  const before = after - 1;
  const later = track.time_s[after] ?? Infinity;
  const earlier = track.time_s[before] ?? -Infinity;
  if (later - earlier <= BRIDGED_S) {
    const share = (time - earlier) / (later - earlier);
    return track.xy[before].map((p, k) => between(p, track.xy[after][k], share));
  }
  if (time - earlier <= NEAR_S) return track.xy[before];
  return later - time <= NEAR_S ? track.xy[after] : null;
}

/** Draws poses on a context whose unit is the picture's pixel. `unit` is the width of a line in those. */
export function drawPose(context, xy, body, person, unit) {
  const color = sides(body, colorOf(person));
  const lines = body.edges.filter(([a, b]) => seen(xy[a]) && seen(xy[b]));
  context.lineCap = "round";
  for (const outlined of [true, false]) {
    context.lineWidth = unit * (outlined ? 1.9 : 1);
    for (const [a, b] of lines) {
      context.strokeStyle = outlined ? OUTLINE : color[a] === color[b] ? color[b] : colorOf(person);
      context.beginPath();
      context.moveTo(...xy[a]);
      context.lineTo(...xy[b]);
      context.stroke();
    }
  }
  xy.forEach((point, k) => seen(point) && dot(context, point, color[k], unit));
}

/** A tag with the person's number above their highest keypoint. */
export function drawTag(context, xy, person, unit, chosen) {
  const there = xy.filter(seen);
  if (!there.length) return;
  const x = there.reduce((sum, p) => sum + p[0], 0) / there.length;
  const y = Math.max(5 * unit, Math.min(...there.map((p) => p[1])) - 6 * unit);
  const text = String(person);
  context.font = `600 ${6 * unit}px system-ui, sans-serif`;
  const wide = Math.max(context.measureText(text).width + 5 * unit, 8.5 * unit);
  context.fillStyle = chosen ? colorOf(person) : "rgba(12, 16, 22, .7)";
  context.beginPath();
  context.roundRect(x - wide / 2, y - 4.5 * unit, wide, 8.5 * unit, 3 * unit);
  context.fill();
  context.fillStyle = chosen ? "#0c1016" : "#fff";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x, y);
}

function dot(context, [x, y], color, unit) {
  for (const [radius, fill] of [[1.5, OUTLINE], [1.05, color]]) {
    context.fillStyle = fill;
    context.beginPath();
    context.arc(x, y, radius * unit, 0, 2 * Math.PI);
    context.fill();
  }
}

function sides(body, middle) {
  const color = body.keypoints.map(() => middle);
  body.left.forEach((k) => (color[k] = LEFT));
  body.right.forEach((k) => (color[k] = RIGHT));
  return color;
}

const seen = (point) => point && point[0] !== null && point[1] !== null;

function between(p, q, share) {
  if (!seen(p) || !seen(q)) return [null, null];
  return [p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])];
}

/** Place of the first time later than `time`, by halving. */
function firstLater(times, time) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
