// Golden clips: the answers that the platform's runtime gave, compared with this page's.

import { SKELETON, KEYPOINTS } from "../pose/skeleton.js";
import { ActivityModel } from "./activity.js";

/** This page's answers to golden clips: windows as this page cuts them, their inputs and probabilities, verdict and timeline. */
export async function answersTo(golden, about, logits) {
  if (JSON.stringify(golden.classes) !== JSON.stringify(about.classes))
    throw new Error("golden.json is of a model with other classes: export the model again.");
  const answers = [];
  for (const clip of golden.clips) {
    const model = new ActivityModel(about, logits, keypointsOf(clip.track.skeleton, about.features.skeleton));
    const track = trackOf(clip.track);
    const { spans, windows } = model.features.windows(model.features.convert(track));
    answers.push({
      name: clip.name,
      inputs: model.features.transform(windows),
      ...(await model.predictTrack(track)),
      spans,
    });
  }
  return answers;
}

/** Largest differences from golden.json, and every verdict or timeline that is another one. */
export async function compareGolden(golden, about, logits) {
  const worst = {
    clips: golden.clips.length,
    windows: 0,
    input: 0,
    probability: 0,
    tolerance: golden.tolerance,
    different: [],
  };
  const answers = await answersTo(golden, about, logits);
  golden.clips.forEach((clip, i) => {
    const rows = rowsOf(clip.probabilities);
    const answer = answers[i];
    if (answer.spans.length !== rows.length) {
      worst.different.push(`${clip.name}: ${answer.spans.length} windows instead of ${rows.length}`);
      return;
    }
    worst.windows += rows.length;
    worst.input = Math.max(worst.input, furthest(answer.inputs, clip.inputs.values));
    worst.probability = Math.max(worst.probability, furthest(answer.probabilities.flat(), rows.flat()));
    worst.different.push(...otherVerdicts(clip, answer));
  });
  return { ...worst, same: worst.probability <= worst.tolerance && !worst.different.length };
}

function otherVerdicts(clip, { verdict, segments }) {
  const told = [];
  if (verdict?.activity !== clip.verdict?.activity || verdict?.abstained !== clip.verdict?.abstained) {
    told.push(`${clip.name}: ${verdict?.activity} instead of ${clip.verdict?.activity}`);
  }
  const brief = (rows) =>
    rows.map((s) => [s.start_s.toFixed(3), s.end_s.toFixed(3), s.activity, s.abstained].join(" ")).join("; ");
  if (brief(segments) !== brief(clip.timeline)) told.push(`${clip.name}: another timeline`);
  return told;
}

function keypointsOf(skeleton, own) {
  if (typeof skeleton === "object") return skeleton.keypoints;
  if (skeleton === own.name) return own.keypoints;
  if (skeleton === SKELETON) return KEYPOINTS;
  throw new Error(`golden.json has tracks of ${skeleton}, which this page does not know: export the model again.`);
}

function trackOf({ time_s: times, xy, confidence, state }) {
  const kept = times.map((_, row) => row).filter((row) => state[row] !== 1); // interpolated rows are no sightings
  const keypoints = confidence.shape[1];
  const part = (values, size) =>
    Float32Array.from(kept.flatMap((row) => values.slice(row * size, (row + 1) * size).map((v) => v ?? NaN)));
  return {
    times: Float64Array.from(kept, (row) => times[row]),
    xy: part(xy.values, 2 * keypoints),
    confidence: part(confidence.values, keypoints),
  };
}

function rowsOf({ shape, values }) {
  return Array.from({ length: shape[0] }, (_, i) => values.slice(i * shape[1], (i + 1) * shape[1]));
}

function furthest(a, b) {
  if (a.length !== b.length) return Infinity;
  let most = 0;
  for (let i = 0; i < a.length; i++) if (!(Math.abs(a[i] - b[i]) <= most)) most = Math.abs(a[i] - b[i]);
  return most;
}
