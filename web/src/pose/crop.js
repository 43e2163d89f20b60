// The square that MoveNet looks at: the whole picture, or around the person of the frame before.

import { KEYPOINTS } from "./skeleton.js";

const SURE = 0.2;
const TORSO_MARGIN = 1.9;
const BODY_MARGIN = 1.2;
const at = (name) => KEYPOINTS.indexOf(name);
const SHOULDERS = [at("left_shoulder"), at("right_shoulder")];
const HIPS = [at("left_hip"), at("right_hip")];

/** The square around the middle of the picture that holds all of it: [left, top, side]. */
export function whole(width, height) {
  const side = Math.max(width, height);
  return [(width - side) / 2, (height - side) / 2, side];
}

/** The square around a person's hips with room to move, as MoveNet's demonstration lays it; the whole picture without a torso. */
export function cropAround(person, width, height) {
  const { xy, confidence } = person;
  const sure = (k) => confidence[k] > SURE && !Number.isNaN(xy[2 * k]);
  if (!SHOULDERS.some(sure) || !HIPS.some(sure)) return whole(width, height);
  const hips = HIPS.filter(sure);
  const middle = [0, 1].map((axis) => hips.reduce((sum, k) => sum + xy[2 * k + axis], 0) / hips.length);
  const reach = (k) => Math.max(Math.abs(xy[2 * k] - middle[0]), Math.abs(xy[2 * k + 1] - middle[1]));
  const torso = Math.max(...[...SHOULDERS, ...HIPS].filter(sure).map(reach));
  const body = Math.max(
    ...KEYPOINTS.map((_, k) => k)
      .filter(sure)
      .map(reach),
  );
  const edge = Math.max(middle[0], width - middle[0], middle[1], height - middle[1]);
  const half = Math.min(Math.max(TORSO_MARGIN * torso, BODY_MARGIN * body), edge);
  if (!(half > 0) || half >= Math.max(width, height) / 2) return whole(width, height);
  return [middle[0] - half, middle[1] - half, 2 * half];
}
