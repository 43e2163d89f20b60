// Examples of a session, and the file in which they travel to the platform.

import { K, KEYPOINTS, SKELETON } from "../pose/skeleton.js";
import { FORMAT } from "./network.js";

/** Make an example of frames [{timeS, person}]; null where a person is hardly seen. */
export function exampleOf(frames, { activity, subject, kind, width, height }) {
  const rows = frames.map((_, row) => row).filter((row) => frames[row].person);
  const seen = rows.map((row) => frames[row]);
  if (seen.length < 4 || seen.length < frames.length / 2) return null;
  const start = frames[0].timeS;
  const times = Float64Array.from(seen, ({ timeS }) => timeS - start);
  const xy = new Float32Array(seen.length * 2 * K);
  const confidence = new Float32Array(seen.length * K);
  seen.forEach(({ person }, i) => {
    xy.set(person.xy, i * 2 * K);
    confidence.set(person.confidence, i * K);
  });
  const last = frames[frames.length - 1].timeS - start;
  const duration_s = last * (frames.length / (frames.length - 1));
  const id = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
  return {
    id,
    activity,
    subject,
    kind,
    width_px: width,
    height_px: height,
    frames: frames.length,
    duration_s,
    frame: rows,
    times,
    xy,
    confidence,
  };
}

/** The file's text: examples, and the trained model where there is one. */
export function toText(classes, examples, taught, network) {
  const rounded = (v) => (Number.isNaN(v) ? null : Math.round(v * 100) / 100);
  return JSON.stringify({
    format: FORMAT,
    created: new Date().toISOString(),
    pose_network: network,
    skeleton: SKELETON,
    keypoints: KEYPOINTS,
    classes,
    examples: examples.map(({ times, xy, confidence, ...about }) => ({
      ...about,
      time_s: Array.from(times, (t) => Math.round(t * 1e6) / 1e6),
      xy: Array.from(xy, rounded),
      confidence: Array.from(confidence, (c) => Math.round(c * 1e4) / 1e4),
    })),
    model: taught,
  });
}

/** Read such a file; throws an Error with one sentence. */
export function fromText(text) {
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Error("This file is not JSON: open one that “Download” of this page wrote.");
  }
  if (content?.format !== FORMAT || !Array.isArray(content.examples) || !Array.isArray(content.classes)) {
    throw new Error(
      `This file should be of format ${FORMAT}, came ${content?.format}: open one that “Download” of this page wrote.`,
    );
  }
  const examples = content.examples.map(({ time_s, xy, confidence, ...about }) => {
    if (
      xy?.length !== time_s?.length * 2 * K ||
      confidence?.length !== time_s.length * K ||
      !content.classes.includes(about.activity)
    ) {
      throw new Error(`An example of ${about.activity} in this file is damaged: its numbers do not fit together.`);
    }
    return {
      ...about,
      times: Float64Array.from(time_s),
      xy: Float32Array.from(xy, (v) => v ?? NaN),
      confidence: Float32Array.from(confidence),
    };
  });
  return { classes: content.classes, examples, taught: content.model ?? null };
}
