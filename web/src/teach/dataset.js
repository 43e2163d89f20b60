// From recorded examples to what a network is trained on: windows, their normalisation, augmentation.

import { FeaturePipeline } from "../features/pipeline.js";
import { spansOf } from "../features/window.js";
import { KEYPOINTS } from "../pose/skeleton.js";
import { BODY, TRUNK, WINDOW } from "./network.js";

/**
 * @typedef {object} Example what was recorded of one person
 * @property {string} id
 * @property {string} activity its class
 * @property {string} subject who was recorded
 * @property {"pose" | "movement"} kind
 * @property {number} width_px @property {number} height_px
 * @property {number} duration_s
 * @property {Float64Array} times @property {Float32Array} xy @property {Float32Array} confidence
 */

const TEMPOS = [1, 0.85, 1.2]; // a window of that many times its length: quicker and slower people
const COPIES = 3; // of each window, turned, stretched and shaken
const TURN = 0.2,
  STRETCH = 0.15,
  JITTER = 0.02;

/** Random numbers from a seed (mulberry32): the same examples give the same model. */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Features fitted to examples, as features.json has them. */
export function fitFeatures(examples) {
  const empty = fields(
    BODY.keypoints.map(() => [0, 0]),
    1,
  );
  const pipeline = new FeaturePipeline(empty, KEYPOINTS);
  const sums = BODY.keypoints.map(() => [0, 0, 0]);
  let squares = 0,
    count = 0;
  for (const example of examples) {
    for (const window of pipeline.windows(pipeline.convert(example)).windows) {
      pipeline.normalise(window).forEach((value, i) => {
        if (Number.isNaN(value)) return;
        const k = (i >> 1) % BODY.keypoints.length;
        sums[k][i % 2] += value;
        if (i % 2 === 0) sums[k][2]++;
        squares += value * value;
        count++;
      });
    }
  }
  const mean = sums.map(([x, y, n]) => [x / Math.max(n, 1), y / Math.max(n, 1)].map(Math.fround));
  return fields(mean, Math.max(Math.sqrt(squares / Math.max(count, 1)), 1e-6));
}

function fields(mean_pose, spread) {
  return {
    format: "posemill-features-1",
    skeleton: BODY,
    window: WINDOW,
    normalisation: { trunk: TRUNK, extent_quantile: 0.95, mean_pose, spread },
  };
}

/** Network inputs and class numbers of examples; `augment` adds other tempos and copies. */
export function inputsOf(examples, classes, features, augment, random) {
  const pipeline = new FeaturePipeline(features, KEYPOINTS);
  const inputs = [],
    labels = [],
    owners = [];
  examples.forEach((example, owner) => {
    const track = pipeline.convert(example);
    for (const tempo of augment ? TEMPOS : [1]) {
      for (const window of pipeline.windowsOf(track, spansAt(tempo, track)).windows) {
        const input = pipeline.transform([window]);
        for (let copy = 0; copy < (augment ? COPIES : 1); copy++) {
          inputs.push(augment ? shaken(input, random) : input);
          labels.push(classes.indexOf(example.activity));
          owners.push(owner);
        }
      }
    }
  });
  const size = WINDOW.frames * BODY.keypoints.length * 3;
  const all = new Float32Array(inputs.length * size);
  inputs.forEach((input, i) => all.set(input, i * size));
  return { inputs: all, labels, owners };
}

function spansAt(tempo, track) {
  return spansOf({ ...WINDOW, duration_s: WINDOW.duration_s * tempo }, track);
}

/** Turned, stretched and shaken a little; never mirrored, since left and right may be what is taught. */
function shaken(input, random) {
  const within = (most) => (2 * random() - 1) * most;
  const angle = within(TURN),
    sx = 1 + within(STRETCH),
    sy = 1 + within(STRETCH);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const steady = Float32Array.from({ length: 2 * BODY.keypoints.length }, () => within(3 * JITTER)); // an estimator's habit
  return input.map((value, i) => {
    const axis = i % 3,
      at = i - axis,
      k = ((i / 3) | 0) % BODY.keypoints.length;
    if (axis === 2) return 0;
    const x = input[at] * sx,
      y = input[at + 1] * sy;
    return (axis ? s * x + c * y : c * x - s * y) + steady[2 * k + axis] + within(JITTER);
  });
}
