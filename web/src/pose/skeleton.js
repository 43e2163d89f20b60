// COCO's 17 keypoints: those of all pose networks of this page.

const SIDES = ["shoulder", "elbow", "wrist", "hip", "knee", "ankle"];

export const KEYPOINTS = [
  "nose",
  "left_eye",
  "right_eye",
  "left_ear",
  "right_ear",
  ...SIDES.flatMap((part) => [`left_${part}`, `right_${part}`]),
];
export const K = KEYPOINTS.length;
/** COCO's per-keypoint standard deviations, for OKS. */
export const SIGMAS = [
  0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089,
];
export const SKELETON = "coco-17";

const LIMBS = [
  ["shoulder", "elbow"],
  ["elbow", "wrist"],
  ["shoulder", "hip"],
  ["hip", "knee"],
  ["knee", "ankle"],
];
export const EDGES = [
  ["nose", "left_eye"],
  ["nose", "right_eye"],
  ["left_eye", "left_ear"],
  ["right_eye", "right_ear"],
  ["left_shoulder", "right_shoulder"],
  ["left_hip", "right_hip"],
  ...["left", "right"].flatMap((side) => LIMBS.map(([a, b]) => [`${side}_${a}`, `${side}_${b}`])),
].map(([a, b]) => [KEYPOINTS.indexOf(a), KEYPOINTS.indexOf(b)]);
