// Window probabilities to verdicts and segments: posemill.features.verdict and posemill.prediction.timeline.

/** What a model with an open-set score says of an activity that it was not taught. */
export const NONE_OF_THESE = "none of these";

/** Whether no activity is named: none of these, or a probability below the rejection threshold. */
export const abstains = (activity, probability, threshold) =>
  activity === NONE_OF_THESE || probability < (threshold ?? 0);

/** Probabilities of logits, with temperature scaling. */
export function softmax(logits, temperature = 1) {
  const z = Array.from(logits, (v) => v / temperature);
  const most = Math.max(...z);
  const e = z.map((v) => Math.exp(v - most));
  const total = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / total);
}

/** Normalised geometric mean of windows' probabilities. */
export function clipProbabilities(rows) {
  const logs = rows[0].map(
    (_, c) => rows.reduce((sum, row) => sum + Math.log(Math.max(row[c], 1e-6)), 0) / rows.length,
  );
  return softmax(logs);
}

/** Position of the largest value. */
export function argmax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** Verdict over all windows; null without one. */
export function verdict(rows, classes, threshold = null) {
  if (!rows.length) return null;
  const of = clipProbabilities(rows);
  const best = argmax(of);
  return {
    activity: classes[best],
    probability: of[best],
    probabilities: of,
    abstained: abstains(classes[best], of[best], threshold),
  };
}

/** Intervals with one most probable activity; moments that no window covers are left out. */
export function segments(spans, rows, classes, threshold = null) {
  const edges = [...new Set(spans.flat())].sort((a, b) => a - b);
  const found = [];
  for (let i = 0; i + 1 < edges.length; i++) {
    const at = (edges[i] + edges[i + 1]) / 2;
    const covering = rows.filter((_, n) => at >= spans[n][0] && at < spans[n][1]);
    if (!covering.length) continue;
    const of = clipProbabilities(covering);
    const best = argmax(of);
    const last = found[found.length - 1];
    const piece = { length: edges[i + 1] - edges[i], probability: of[best] };
    if (last && last.activity === classes[best] && last.end_s === edges[i]) {
      last.end_s = edges[i + 1];
      last.pieces.push(piece);
    } else found.push({ start_s: edges[i], end_s: edges[i + 1], activity: classes[best], pieces: [piece] });
  }
  return found.map(({ pieces, ...segment }) => {
    const length = pieces.reduce((sum, p) => sum + p.length, 0);
    const probability = pieces.reduce((sum, p) => sum + p.probability * p.length, 0) / length;
    return { ...segment, probability, abstained: abstains(segment.activity, probability, threshold) };
  });
}
