// Feature pipeline: windows in pixels to network input. posemill.features.pipeline, from the same features.json.

import { median, quantile } from "./arrays.js";
import { METHODS, longestSide } from "./smooth.js";
import { cut, extent, framesOf, seenEnough, spansOf } from "./window.js";

const FORMAT = "posemill-features-1";

/** Tracks to network input, as features.json says. */
export class FeaturePipeline {
  /**
   * @param {object} fields content of features.json
   * @param {string[]} given keypoints of the page's pose network
   */
  constructor(fields, given) {
    const reason = refusal(fields, given);
    if (reason) throw new Error(reason);
    this.fields = fields;
    this.spec = fields.window;
    this.frames = framesOf(this.spec);
    this.keypoints = fields.skeleton.keypoints.length;
    this.index = fields.skeleton.keypoints.map((name) => given.indexOf(name));
    this.trunk = fields.normalisation.trunk.map((name) => fields.skeleton.keypoints.indexOf(name));
  }

  /** A track of the pose network's keypoints in the model's. */
  convert({ times, xy }) {
    const given = times.length ? xy.length / times.length / 2 : 0;
    const own = new Float32Array(times.length * this.keypoints * 2);
    for (let row = 0; row < times.length; row++) {
      this.index.forEach((from, k) =>
        own.set(xy.subarray(2 * (row * given + from), 2 * (row * given + from) + 2), 2 * (row * this.keypoints + k)),
      );
    }
    return { times, xy: own };
  }

  /** Windows (T, K, 2) in pixels of given spans, or of the whole track, without those in which little is seen. */
  windows(track, rows = null) {
    if (!track.times.length) return { spans: [], windows: [] };
    return rows ? this.windowsOf(track, rows, [-Infinity, Infinity]) : this.windowsOf(track, spansOf(this.spec, track));
  }

  /** The same of spans of which that of a short track reaches beyond the times between which it can be seen. */
  windowsOf(track, rows, [start, end] = extent(track)) {
    const inside = rows.map(([from, to]) => [Math.max(from, start), Math.min(to, end)]);
    const all = cut(track, rows, this.spec, this.keypoints);
    const kept = all.map((window, i) => {
      const part = (inside[i][1] - inside[i][0]) / Math.max(rows[i][1] - rows[i][0], 1e-9);
      return seenEnough(window, this.spec, this.keypoints, part);
    });
    return { spans: inside.filter((_, i) => kept[i]), windows: all.filter((_, i) => kept[i]) };
  }

  /** Network input (N, T, K, 3) of windows (T, K, 2) in pixels. */
  transform(windows) {
    const size = this.frames * this.keypoints;
    const out = new Float32Array(windows.length * size * 3);
    const { mean_pose: mean, spread } = this.fields.normalisation;
    windows.forEach((window, n) => {
      const filled = fillInTime(this.normalise(window), this.frames, this.keypoints);
      for (let i = 0; i < size; i++) {
        const k = i % this.keypoints;
        const known = !Number.isNaN(filled[2 * i]);
        out[(n * size + i) * 3] = (known ? filled[2 * i] : mean[k][0]) / spread;
        out[(n * size + i) * 3 + 1] = (known ? filled[2 * i + 1] : mean[k][1]) / spread;
      }
    });
    return out;
  }

  /** Centre a window on its median trunk and divide by its extent; NaN stays. */
  normalise(window) {
    const { frames, keypoints } = this;
    const everything = Array.from({ length: keypoints }, (_, k) => k);
    const of = (which) => medianPoint(meanOfSeen(window, frames, keypoints, which));
    const trunk = of(this.trunk);
    const whole = trunk.some(Number.isNaN) ? of(everything) : trunk;
    const middle = trunk.map((value, axis) => (Number.isNaN(value) ? whole[axis] : value));
    const extent = Array.from({ length: frames }, (_, t) => longestSide(window, t * keypoints * 2, keypoints));
    const size = Math.max(quantile(extent, this.fields.normalisation.extent_quantile), 1e-3);
    return window.map((value, i) => (value - middle[i % 2]) / size);
  }
}

/** Why this page cannot run a model of such features, or null. */
export function refusal(fields, given) {
  if (fields?.format !== FORMAT)
    return `The model's features.json should be of format ${FORMAT}, came ${fields?.format}: export the model again.`;
  if ((fields.coordinates ?? 2) !== 2)
    return "The model needs depth (z), which no pose network of this page gives: train it with prepare.coordinates: 2.";
  const missing = fields.skeleton.keypoints.filter((name) => !given.includes(name));
  if (missing.length)
    return `The model needs ${missing.join(", ")}, which no pose network of this page gives: train it with prepare.skeleton: body-12.`;
  if (!METHODS.includes(fields.window.smoothing))
    return `The model is smoothed by ${fields.window.smoothing}, which this page does not know: export it again with a page of its version.`;
  return null;
}

function meanOfSeen(window, frames, keypoints, which) {
  const points = [];
  for (let t = 0; t < frames; t++) {
    let x = 0,
      y = 0,
      seen = 0;
    for (const k of which) {
      const at = (t * keypoints + k) * 2;
      if (Number.isNaN(window[at])) continue;
      x += window[at];
      y += window[at + 1];
      seen++;
    }
    if (seen) points.push([Math.fround(x / seen), Math.fround(y / seen)]);
  }
  return points;
}

function medianPoint(points) {
  return [0, 1].map((axis) => (points.length ? Math.fround(median(points.map((p) => p[axis]))) : NaN));
}

/** Fill every gap by linear interpolation in time, holding the ends: fill_in_time. */
export function fillInTime(window, frames, keypoints) {
  const out = Float32Array.from(window);
  for (let k = 0; k < keypoints; k++) {
    const seen = [];
    for (let t = 0; t < frames; t++) if (!Number.isNaN(window[(t * keypoints + k) * 2])) seen.push(t);
    if (!seen.length || seen.length === frames) continue;
    let next = 0;
    for (let t = 0; t < frames; t++) {
      while (next < seen.length && seen[next] < t) next++;
      const right = seen[Math.min(next, seen.length - 1)];
      const left = seen[next] === t ? t : seen[Math.max(next - 1, 0)];
      const weight = right > left ? Math.min(Math.max((t - left) / (right - left), 0), 1) : 0;
      for (const axis of [0, 1]) {
        const a = window[(left * keypoints + k) * 2 + axis],
          b = window[(right * keypoints + k) * 2 + axis];
        out[(t * keypoints + k) * 2 + axis] = a + (b - a) * weight;
      }
    }
  }
  return out;
}
