// The small network that the page teaches: one convolution over time, mean and maximum over the window, one output layer.

/** Keypoints of the taught models: those of the body, which every skeleton of the platform has. */
export const BODY = {
  name: "body-12",
  keypoints: ["shoulder", "elbow", "wrist", "hip", "knee", "ankle"].flatMap((part) => [
    `left_${part}`,
    `right_${part}`,
  ]),
};
export const TRUNK = ["left_shoulder", "right_shoulder", "left_hip", "right_hip"];
export const KERNEL = 5; // poses that the convolution sees together
export const HIDDEN = 48;
export const WINDOW = {
  sampling: "time",
  duration_s: 1.5,
  stride_s: 0.25,
  rate_hz: 16,
  clip_frames: 64,
  scales: [1],
  gap_s: 0.5,
  smooth_s: 0.08,
  min_seen: 0.3,
  smoothing: "gaussian",
  frames: 24,
};
export const THRESHOLD = 0.6; // probability under which a taught model abstains
export const FORMAT = "posemill-taught-1";

/** x and y of KERNEL neighbouring poses side by side: (n, T, K, 3) to (n, T - KERNEL + 1, KERNEL * 2K). */
export function unfolded(input, n, frames, keypoints) {
  const steps = frames - KERNEL + 1;
  const width = 2 * keypoints;
  const out = new Float32Array(n * steps * KERNEL * width);
  let to = 0;
  for (let i = 0; i < n; i++) {
    for (let t = 0; t < steps; t++) {
      for (let j = 0; j < KERNEL; j++) {
        for (let k = 0, from = (i * frames + t + j) * keypoints * 3; k < keypoints; k++, from += 3) {
          out[to++] = input[from];
          out[to++] = input[from + 1];
        }
      }
    }
  }
  return out;
}

/** A taught network, ready to run; plain arithmetic, since it is small. */
export class TaughtNetwork {
  constructor({ network, classes, features }) {
    this.classes = classes.length;
    this.frames = features.window.frames;
    this.keypoints = features.skeleton.keypoints.length;
    for (const [name, { shape, values }] of Object.entries(network.weights))
      this[name] = { shape, values: floats(values) };
    this.width = this.hidden_weight.shape[0];
    this.hidden = this.hidden_weight.shape[1];
  }

  /** Logits of each of n windows (n, T, K, 3). */
  logits(input, n) {
    const steps = this.frames - KERNEL + 1;
    const rows = unfolded(input, n, this.frames, this.keypoints);
    return Array.from({ length: n }, (_, i) => this.output(this.pooled(rows, i * steps, steps)));
  }

  pooled(rows, first, steps) {
    const pooled = new Float64Array(2 * this.hidden).fill(0);
    const weight = this.hidden_weight.values;
    for (let t = first; t < first + steps; t++) {
      const sums = Float64Array.from(this.hidden_bias.values);
      for (let d = 0; d < this.width; d++) {
        const x = rows[t * this.width + d];
        for (let h = 0, at = d * this.hidden; h < this.hidden; h++, at++) sums[h] += x * weight[at];
      }
      for (let h = 0; h < this.hidden; h++) {
        const active = Math.max(sums[h], 0);
        pooled[h] += active / steps;
        pooled[this.hidden + h] = Math.max(pooled[this.hidden + h], active);
      }
    }
    return pooled;
  }

  output(pooled) {
    const { values } = this.output_weight;
    return Array.from({ length: this.classes }, (_, c) =>
      pooled.reduce((sum, x, d) => sum + x * values[d * this.classes + c], this.output_bias.values[c]),
    );
  }
}

/** Numbers from base64 of float32, little end first. */
export function floats(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/** Base64 of float32, little end first. */
export function base64(values) {
  const bytes = new Uint8Array(Float32Array.from(values).buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}
