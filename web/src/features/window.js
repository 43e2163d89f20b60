// Windows of a track, resampled by time: posemill.pose.window and posemill.pose.gaps.

import { clamp, median, medianStep, round, searchSorted } from "./arrays.js";
import { smooth } from "./smooth.js";

/**
 * @typedef {object} Track one person's poses, in the model's keypoints
 * @property {Float64Array} times (T) seconds, increasing
 * @property {Float32Array} xy (T, K, 2) pixels, NaN = not seen
 */

const SHORTEST_PART = 0.1; // of the shortest window, as posemill.pose.window has it

/** Poses in every window. */
export function framesOf(spec) {
  return spec.sampling === "time" ? round(spec.duration_s * spec.rate_hz) : spec.clip_frames;
}

/** Start and end of every window between two times, short scales first: WindowSpec.spans. */
export function spans(spec, start, end) {
  const length = end - start;
  const shortest = Math.min(...spec.scales);
  if (spec.sampling === "clip") return length > 0 ? [[start, end]] : [];
  if (spec.sampling === "still" && length < spec.duration_s * shortest) return length >= 0 ? [[start, end]] : [];
  const rows = [];
  for (const scale of [...spec.scales].sort((a, b) => a - b)) {
    const duration = scale * spec.duration_s;
    if (length < duration) {
      const last = rows[rows.length - 1];
      const around = (duration - length) / 2;
      if (last && length > last[1] - last[0] + 1e-6) rows.push([start, end]);
      if (!last && length >= SHORTEST_PART * duration - 1e-6) rows.push([start - around, end + around]);
      break;
    }
    rows.push(...starts(start, end - duration, scale * spec.stride_s).map((s) => [s, s + duration]));
  }
  return rows;
}

function starts(first, last, stride) {
  const count = Math.max(Math.ceil((last + 1e-9 - first) / stride), 0);
  const found = Array.from({ length: count }, (_, i) => first + i * stride);
  return last - found[found.length - 1] > stride / 2 ? [...found, last] : found;
}

/** Spans of a whole track, from its first to a step past its last pose. */
export function spansOf(spec, track) {
  return track.times.length ? spans(spec, ...extent(track)) : [];
}

/** Times between which a track has poses, to a step past the last one. */
export function extent({ times }) {
  return [times[0], times[times.length - 1] + medianStep(times)];
}

/**
 * Resample a track at the middle of T equal parts of every span.
 *
 * @param {Track} track
 * @param {number[][]} rows spans
 * @returns {{xy: Float32Array}[]} (T, K, 2) a window, NaN = not seen
 */
export function cut(track, rows, spec, keypoints) {
  if (spec.sampling === "still") return rows.map((span) => held(track, span, framesOf(spec), keypoints));
  const frames = framesOf(spec);
  const smoothed = smooth(spec.smoothing, track.times, track.xy, keypoints, spec.smooth_s, spec.gap_s);
  const windows = rows.map(() => new Float32Array(frames * keypoints * 2).fill(NaN));
  for (let k = 0; k < keypoints; k++) {
    const seen = sightings(track, smoothed, keypoints, k);
    if (!seen.times.length) continue;
    rows.forEach(([start, end], n) => {
      for (let t = 0; t < frames; t++) {
        const at = (t * keypoints + k) * 2;
        [windows[n][at], windows[n][at + 1]] = resample(seen, start + (end - start) * ((t + 0.5) / frames), spec.gap_s);
      }
    });
  }
  return windows;
}

function sightings(track, smoothed, keypoints, k) {
  const rows = [];
  for (let row = 0; row < track.times.length; row++)
    if (!Number.isNaN(track.xy[(row * keypoints + k) * 2])) rows.push(row);
  const times = Float64Array.from(rows, (row) => track.times[row]);
  const [x, y] = [0, 1].map((axis) => Float32Array.from(rows, (row) => smoothed[(row * keypoints + k) * 2 + axis]));
  return { times, x, y, step: medianStep(times) };
}

/** Position at a time: interpolated, held for a step at the ends, NaN in gaps and outside. */
function resample({ times, x, y, step }, at, gapS) {
  const n = times.length;
  let right = clamp(searchSorted(times, at), 1, Math.max(n - 1, 1));
  const left = right - 1;
  right = Math.min(right, n - 1);
  const gap = times[right] - times[left];
  const weight = clamp((at - times[left]) / (gap > 0 ? gap : 1), 0, 1);
  const outside = at < times[0] - step || at > times[n - 1] + step;
  const open = !(gap <= Math.max(gapS, 1.5 * step)) && weight > 0 && weight < 1;
  if (outside || open) return [NaN, NaN];
  return [x[left] * (1 - weight) + x[right] * weight, y[left] * (1 - weight) + y[right] * weight];
}

function held(track, [start, end], frames, keypoints) {
  const window = new Float32Array(frames * keypoints * 2).fill(NaN);
  for (let k = 0; k < keypoints; k++) {
    const seen = [];
    track.times.forEach((time, row) => {
      const inside = time >= start && (time < end || time === start);
      if (inside && !Number.isNaN(track.xy[(row * keypoints + k) * 2])) seen.push(row);
    });
    if (!seen.length) continue;
    const middle = [0, 1].map((axis) => median(seen.map((row) => track.xy[(row * keypoints + k) * 2 + axis])));
    for (let t = 0; t < frames; t++) window.set(middle, (t * keypoints + k) * 2);
  }
  return window;
}

/** True if a window has enough poses with a keypoint. `part` of the window is that in which somebody can be seen. */
export function seenEnough(window, spec, keypoints, part) {
  const frames = framesOf(spec);
  let seen = 0;
  for (let t = 0; t < frames; t++) {
    for (let k = 0; k < keypoints; k++) {
      if (!Number.isNaN(window[(t * keypoints + k) * 2])) {
        seen++;
        break;
      }
    }
  }
  return seen / frames >= spec.min_seen * part - 1e-9;
}
