// Activity prediction from tracks: feature pipeline, network, verdicts. The same for a packaged and a taught model.

import { FeaturePipeline } from "../features/pipeline.js";
import { medianStep } from "../features/arrays.js";
import { abstains, clipProbabilities, segments, softmax, verdict } from "../features/verdict.js";
import { KEYPOINTS } from "../pose/skeleton.js";

/** A model that is ready to predict. `logits(input, n)` runs the network on (n, T, K, 3). */
export class ActivityModel {
  constructor({ features, classes, temperature = 1, threshold = null }, logits, given = KEYPOINTS) {
    this.features = new FeaturePipeline(features, given);
    Object.assign(this, { classes, temperature, threshold, logits });
    const { duration_s: duration, scales, stride_s: stride } = this.features.spec;
    this.lengths = [...scales].sort((a, b) => a - b).map((scale) => scale * duration);
    this.stride = (stride * this.lengths[0]) / duration;
  }

  /** Probabilities a window of given spans; of the whole track without spans. */
  async windows(track, spans) {
    const own = this.features.convert(track);
    const cut = this.features.windows(own, spans);
    if (!cut.windows.length) return { spans: [], probabilities: [], logits: [] };
    const logits = await this.logits(this.features.transform(cut.windows), cut.windows.length);
    return { spans: cut.spans, logits, probabilities: logits.map((row) => softmax(row, this.temperature)) };
  }

  /** Verdict, segments and windows of one person's whole track, as the platform's predict_track. */
  async predictTrack(track, spans) {
    const found = await this.windows(track, spans);
    return {
      ...found,
      verdict: verdict(found.probabilities, this.classes, this.threshold),
      segments: segments(found.spans, found.probabilities, this.classes, this.threshold),
    };
  }

  /** The activity now, from the windows that end at `now`, of every length that was seen; null for too little. */
  async predictNow(track, began) {
    const n = track.times.length;
    const now = track.times[n - 1] + medianStep(track.times);
    const still = this.features.spec.sampling !== "time";
    const lengths = still ? [Math.min(this.lengths[0], now - began)] : this.lengths;
    const spans = lengths.filter((s) => s > 0 && s <= now - began + 1e-6).map((s) => [now - s, now]);
    const { probabilities } = await this.windows(track, spans);
    if (!probabilities.length) return null;
    const of = clipProbabilities(probabilities);
    const best = of.indexOf(Math.max(...of));
    return {
      activity: this.classes[best],
      probability: of[best],
      probabilities: of,
      abstained: abstains(this.classes[best], of[best], this.threshold),
    };
  }
}
