// Smoothing of keypoints over time: posemill.pose.smooth, method by method, one keypoint at a time.

import { clamp, median, medianStep, round, searchSorted } from "./arrays.js";

const HALF_POWER = Math.sqrt(Math.log(2)) / (2 * Math.PI);
const TWO_PASSES = (Math.SQRT2 - 1) ** 0.25;
const BETA = 2.5;
const SPEED_HZ = 1.0;
export const METHODS = ["gaussian", "butterworth", "kalman", "one_euro"];

/**
 * Smooth a track.
 *
 * @param {string} method one of METHODS
 * @param {Float64Array} times (T) seconds, increasing
 * @param {Float32Array} xy (T, K, 2) pixels, NaN = not seen
 * @returns {Float32Array} (T, K, 2), NaN where it was
 */
export function smooth(method, times, xy, keypoints, smoothS, gapS) {
  if (!(smoothS > 0) || !times.length) return xy;
  const kernel = kernelOf(method, times, xy, keypoints, smoothS);
  const gap = method === "gaussian" ? Infinity : gapS;
  const out = Float32Array.from(xy);
  for (let k = 0; k < keypoints; k++) {
    for (const run of runs(times, xy, keypoints, k, gap)) {
      const at = Float64Array.from(run, (row) => times[row]);
      for (const [column, values] of kernel(at, columnsOf(xy, keypoints, k, run)).entries()) {
        run.forEach((row, i) => (out[(row * keypoints + k) * 2 + column] = values[i]));
      }
    }
  }
  return out;
}

function kernelOf(method, times, xy, keypoints, smoothS) {
  const hz = HALF_POWER / smoothS;
  if (method === "gaussian") return (at, columns) => gaussian(at, columns, smoothS);
  if (method === "butterworth") return (at, columns) => columns.map((x) => butterworth(at, x, hz));
  if (method === "kalman") return (at, columns) => columns.map((x) => kalman(at, x, hz));
  if (method === "one_euro") {
    const size = keypoints > 1 ? median(boxSides(times.length, xy, keypoints)) : 1;
    return (at, columns) => oneEuro(at, columns, hz, Math.max(size, 1));
  }
  throw new Error(`unknown smoothing ${method}; known are ${METHODS.join(", ")}`);
}

/** Rows in which a keypoint is seen, cut where a gap is longer than gapS. */
function runs(times, xy, keypoints, k, gapS) {
  const found = [];
  let last = -1;
  for (let row = 0; row < times.length; row++) {
    if (Number.isNaN(xy[(row * keypoints + k) * 2])) continue;
    if (last < 0 || !(times[row] - times[last] <= gapS)) found.push([]);
    found[found.length - 1].push(row);
    last = row;
  }
  return found;
}

function columnsOf(xy, keypoints, k, rows) {
  return [0, 1].map((axis) => Float64Array.from(rows, (row) => xy[(row * keypoints + k) * 2 + axis]));
}

function boxSides(frames, xy, keypoints) {
  return Array.from({ length: frames }, (_, row) => longestSide(xy, row * keypoints * 2, keypoints));
}

/** Longest side of the box around the seen keypoints of one pose; 0 where none is seen. */
export function longestSide(xy, offset, keypoints) {
  let left = Infinity,
    right = -Infinity,
    top = Infinity,
    bottom = -Infinity;
  for (let k = 0; k < keypoints; k++) {
    const x = xy[offset + 2 * k],
      y = xy[offset + 2 * k + 1];
    if (Number.isNaN(x)) continue;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return right >= left ? Math.fround(Math.max(right - left, bottom - top)) : 0;
}

function gaussian(at, columns, sigmaS) {
  let reach = 0;
  for (const time of at)
    reach = Math.max(reach, searchSorted(at, time + 3 * sigmaS) - searchSorted(at, time - 3 * sigmaS));
  const out = columns.map((x) => new Float64Array(x.length));
  for (let i = 0; i < at.length; i++) {
    let total = 0;
    const sums = [0, 0];
    for (let j = Math.max(0, i - reach); j <= Math.min(at.length - 1, i + reach); j++) {
      const weight = Math.exp(-0.5 * ((at[j] - at[i]) / sigmaS) ** 2);
      total += weight;
      sums[0] += weight * columns[0][j];
      sums[1] += weight * columns[1][j];
    }
    out[0][i] = sums[0] / total;
    out[1][i] = sums[1] / total;
  }
  return out;
}

function butterworth(at, x, cutoffHz) {
  const rate = at.length > 3 ? 1 / medianStep(at) : 0;
  const relative = rate ? (2 * cutoffHz) / TWO_PASSES / rate : 1;
  if (relative >= 1) return x;
  const n = at.length;
  const length = Math.max(round((at[n - 1] - at[0]) * rate) + 1, 4);
  const even = Float64Array.from({ length }, (_, i) => at[0] + ((at[n - 1] - at[0]) * i) / (length - 1));
  const pad = Math.min(length - 1, Math.max(9, round(rate / cutoffHz)));
  return resampled(at, even, bothWays(secondOrder(relative), resampled(even, at, x), pad));
}

/** Coefficients of a low-pass Butterworth filter of second order: [b0, b1, b2, a1, a2]. */
function secondOrder(relative) {
  const k = Math.tan((Math.PI * relative) / 2);
  const norm = 1 / (1 + Math.SQRT2 * k + k * k);
  return [k * k * norm, 2 * k * k * norm, k * k * norm, 2 * (k * k - 1) * norm, (1 - Math.SQRT2 * k + k * k) * norm];
}

/** Filter forward and backward with odd extension, as scipy's filtfilt. */
function bothWays(coefficients, x, pad) {
  const n = x.length;
  const extended = new Float64Array(n + 2 * pad);
  for (let i = 0; i < pad; i++) {
    extended[i] = 2 * x[0] - x[pad - i];
    extended[n + pad + i] = 2 * x[n - 1] - x[n - 2 - i];
  }
  extended.set(x, pad);
  const there = oneWay(coefficients, extended);
  return oneWay(coefficients, there.reverse())
    .reverse()
    .slice(pad, pad + n);
}

function oneWay([b0, b1, b2, a1, a2], x) {
  let second = (b2 - a2) * x[0];
  let first = (b1 + b2 - a2 - a1) * x[0];
  return x.map((value) => {
    const y = b0 * value + first;
    first = b1 * value + second - a1 * y;
    second = b2 * value - a2 * y;
    return y;
  });
}

function resampled(to, from, x) {
  return Float64Array.from(to, (time) => {
    const right = clamp(searchSorted(from, time), 1, from.length - 1);
    const weight = clamp((time - from[right - 1]) / (from[right] - from[right - 1]), 0, 1);
    return x[right - 1] * (1 - weight) + x[right] * weight;
  });
}

function oneEuro(at, columns, cutoffHz, size) {
  const out = columns.map((x) => Float64Array.from(x));
  const speed = [0, 0];
  for (let i = 1; i < at.length; i++) {
    const step = at[i] - at[i - 1];
    for (const axis of [0, 1]) {
      speed[axis] += share(SPEED_HZ, step) * ((columns[axis][i] - out[axis][i - 1]) / step - speed[axis]);
    }
    const hz = cutoffHz + (BETA * Math.hypot(speed[0], speed[1])) / size;
    for (const axis of [0, 1])
      out[axis][i] = out[axis][i - 1] + share(hz, step) * (columns[axis][i] - out[axis][i - 1]);
  }
  return out;
}

function share(hz, step) {
  const angle = 2 * Math.PI * hz * step;
  return angle / (angle + 1);
}

function kalman(at, x, cutoffHz) {
  if (at.length < 3) return x;
  const noise = ((2 * Math.PI * cutoffHz) / TWO_PASSES) ** 4 * medianStep(at);
  const steps = Float64Array.from({ length: at.length - 1 }, (_, i) => at[i + 1] - at[i]);
  return rauchTungStriebel(steps, x, noise, (2 * Math.PI * cutoffHz) ** 2 * 1e4);
}

/** Kalman filter forward, Rauch-Tung-Striebel smoother backward, of position and velocity. */
function rauchTungStriebel(steps, x, noise, velocityVariance) {
  const position = [x[0]],
    velocity = [0],
    variance = [[1, 0, velocityVariance]],
    ahead = [];
  steps.forEach((step, i) => {
    let [p, c, v] = variance[i];
    p += 2 * step * c + step ** 2 * v + (noise * step ** 3) / 3;
    c += step * v + (noise * step ** 2) / 2;
    v += noise * step;
    const expected = position[i] + step * velocity[i];
    ahead.push([expected, velocity[i], p, c, v]);
    const gain = p / (p + 1),
      gainVelocity = c / (p + 1);
    position.push(expected + gain * (x[i + 1] - expected));
    velocity.push(velocity[i] + gainVelocity * (x[i + 1] - expected));
    variance.push([p - gain * p, c - gain * c, v - gainVelocity * c]);
  });
  const out = new Float64Array(x.length);
  out[x.length - 1] = position[x.length - 1];
  let later = velocity[x.length - 1];
  for (let i = steps.length - 1; i >= 0; i--) {
    const [expected, expectedVelocity, p, c, v] = ahead[i];
    const [p0, c0, v0] = variance[i];
    const a = p0 + steps[i] * c0,
      b = c0 + steps[i] * v0,
      det = p * v - c * c;
    const off = out[i + 1] - expected,
      offVelocity = later - expectedVelocity;
    out[i] = position[i] + ((a * v - c0 * c) * off + (c0 * p - a * c) * offVelocity) / det;
    later = velocity[i] + ((b * v - v0 * c) * off + (v0 * p - b * c) * offVelocity) / det;
  }
  return out;
}
