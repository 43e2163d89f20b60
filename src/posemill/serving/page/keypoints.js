// Tracks of keypoints in a JSON file, as /predict_track takes them: the service without video answers these too.

import { predictTrack, Refusal } from "./service.js";

/** The answer to a track in the form of a VideoAnswer, so that one page shows both; and the body to draw it with. */
export async function analysedTrack(file, signal, skeletonOf) {
  const track = await read(file);
  const answer = await predictTrack(track, signal);
  const name = track.skeleton ?? null;
  const { time_s, xy } = track;
  const moved = placed(xy, track.confidence);
  const person = {
    person: 0, start_s: time_s[0], end_s: time_s.at(-1), poses: time_s.length, verdict: answer.verdict,
    segments: answer.segments, windows: answer.windows, track: { time_s, xy: moved.xy },
  };
  return {
    answer: {
      video: { ...moved.size, frames: time_s.length, duration_s: time_s.at(-1), skeleton: name },
      verdict: answer.verdict, main_subject: 0, people: [person], note: answer.note, provenance: answer.provenance,
    },
    body: (name && (await skeletonOf(name))) ?? points(track.keypoints ?? xy[0]),
  };
}

async function read(file) {
  let track;
  try {
    track = JSON.parse(await file.text());
  } catch {
    throw new Refusal(`${file.name} is not JSON. A track is {"skeleton": …, "time_s": […], "xy": [[[x, y], …], …]}.`, 422);
  }
  if (!Array.isArray(track?.time_s) || !Array.isArray(track?.xy) || !track.time_s.length) {
    throw new Refusal(`${file.name} has no track: it needs "time_s" and "xy", and "skeleton" or "keypoints".`, 422);
  }
  return track;
}

/** Keypoints moved so that all of them lie in a picture, and its size. */
function placed(xy, confidence) {
  const poses = xy.map((pose, t) => pose.map((point, k) => (isFound(point, confidence?.[t]?.[k]) ? point : null)));
  const seen = poses.flat().filter(Boolean);
  const [xs, ys] = [0, 1].map((i) => seen.map((p) => p[i]));
  const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
  const [left, top] = [least(xs), least(ys)];
  const pad = 0.15 * Math.max(most(xs) - left, most(ys) - top, 1);
  const size = { width_px: Math.ceil(most(xs) - left + 2 * pad), height_px: Math.ceil(most(ys) - top + 2 * pad) };
  const move = (p) => (p ? [p[0] - left + pad, p[1] - top + pad] : [null, null]);
  return { xy: poses.map((pose) => pose.map(move)), size };
}

/** False for null and for what other tools write instead, 0, 0 or -1, -1: the service's rule (pose/unseen.py). */
function isFound(point, confidence) {
  if (!point || point[0] === null) return false;
  const [x, y] = point;
  const atAMark = (x === 0 && y === 0) || (confidence === undefined ? x === -1 && y === -1 : x < 0 || y < 0);
  return confidence > 0 || !atAMark;
}

/** Names without edges: only points are drawn. */
const points = (names) => ({ keypoints: names, edges: [], left: [], right: [] });
