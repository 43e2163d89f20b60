// Pose networks of the page, each as: picture (a canvas source) in, people in pixels out.

import { decodeMultiplePoses } from "@tensorflow-models/posenet";
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";

import { cropAround, whole } from "./crop.js";
import { K } from "./skeleton.js";

const LEAST = 0.15; // mean confidence of a person, as the platform's instance threshold

/** @typedef {{xy: Float32Array, confidence: Float32Array}} Person (K, 2) pixels, NaN = not seen; (K) 0..1 */

const OPENERS = { movenet: openMoveNet, multipose: openMultiPose, posenet: openPoseNet };

/** Load a network by its name; `folder` is the URL of its files. Its people(bitmap) is called frame by frame. */
export async function openNetwork(name, folder) {
  return OPENERS[name](await loadGraphModel(`${folder}${name}.json`));
}

async function openMoveNet(graph) {
  const side = 192;
  const pixels = new Pixels(side, side);
  let box = null;
  let size = "";
  return {
    async people(bitmap) {
      const { width, height } = bitmap;
      if (size !== `${width}x${height}`) [box, size] = [null, `${width}x${height}`];
      box ??= whole(width, height);
      const values = await answers(() => graph.execute(pixels.of(bitmap, box)));
      const found = person(values, 0, (y, x) => [box[0] + x * box[2], box[1] + y * box[2]], width, height);
      box = found ? cropAround(found, width, height) : null;
      return found ? [found] : [];
    },
  };
}

async function openMultiPose(graph) {
  const most = 256;
  let pixels = null;
  return {
    async people(bitmap) {
      const { width, height } = bitmap;
      const scale = most / Math.max(width, height);
      const [w, h] = [width, height].map((side) => Math.max(32, Math.ceil((side * scale) / 32) * 32));
      if (pixels?.width !== w || pixels?.height !== h) pixels = new Pixels(w, h);
      const values = await answers(() => graph.execute(pixels.of(bitmap, [0, 0, w / scale, h / scale])));
      const place = (y, x) => [(x * w) / scale, (y * h) / scale];
      return Array.from({ length: values.length / 56 }, (_, i) => [values[56 * i + 55], i])
        .filter(([confidence]) => confidence >= LEAST)
        .map(([, i]) => person(values, 56 * i, place, width, height))
        .filter(Boolean);
    },
  };
}

async function openPoseNet(graph) {
  const stride = 16;
  const most = 257;
  let pixels = null;
  const heads = ["heatmap_2", "offset_2", "displacement_fwd_2", "displacement_bwd_2"];
  const names = heads.map((head) => `MobilenetV1/${head}/BiasAdd`);
  return {
    async people(bitmap) {
      const { width, height } = bitmap;
      const scale = most / Math.max(width, height);
      const [w, h] = [width, height].map((side) => Math.ceil((side * scale - 1) / stride) * stride + 1);
      if (pixels?.width !== w || pixels?.height !== h) pixels = new Pixels(w, h);
      const fields = tf.tidy(() => {
        const input = tf.sub(tf.div(tf.cast(pixels.of(bitmap, [0, 0, w / scale, h / scale]), "float32"), 127.5), 1);
        const [heat, ...others] = graph.execute(input, names);
        return [tf.sigmoid(heat), ...others].map((field) => tf.squeeze(field, [0]));
      });
      const buffers = await Promise.all(fields.map((field) => field.buffer()));
      tf.dispose(fields);
      return decodeMultiplePoses(...buffers, stride, 10, 0.3, 20)
        .filter(({ score }) => score >= LEAST)
        .map(({ keypoints }) => {
          const values = keypoints.flatMap(({ position, score }) => [position.y, position.x, score]);
          return person(values, 0, (y, x) => [x / scale, y / scale], width, height);
        })
        .filter(Boolean);
    },
  };
}

/** One person of K times y, x and confidence; keypoints outside the picture are not seen. Null where hardly anything is. */
function person(values, offset, place, width, height) {
  const found = { xy: new Float32Array(2 * K).fill(NaN), confidence: new Float32Array(K) };
  let total = 0;
  for (let k = 0; k < K; k++) {
    const [y, x, confidence] = [0, 1, 2].map((i) => values[offset + 3 * k + i]);
    const [px, py] = place(y, x);
    if (!(px >= 0 && py >= 0 && px < width && py < height)) continue;
    found.xy.set([px, py], 2 * k);
    found.confidence[k] = Math.min(Math.max(confidence, 0), 1);
    total += found.confidence[k];
  }
  return total / K >= LEAST ? found : null;
}

async function answers(run) {
  const output = tf.tidy(run);
  const values = await output.data();
  output.dispose();
  return values;
}

/** Pictures as tensors (1, H, W, 3) of whole numbers. */
class Pixels {
  constructor(width, height) {
    Object.assign(this, { width, height });
    this.context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true, alpha: false });
    this.values = new Int32Array(width * height * 3);
  }

  /** A part [left, top, width, height = width] of the picture, black beyond its edges. */
  of(bitmap, [left, top, across, down = across]) {
    const { context, width, height, values } = this;
    context.fillRect(0, 0, width, height);
    context.setTransform(width / across, 0, 0, height / down, (-left * width) / across, (-top * height) / down);
    context.drawImage(bitmap, 0, 0);
    context.setTransform(1, 0, 0, 1, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    for (let from = 0, to = 0; to < values.length; from += 4, to += 3) {
      values[to] = data[from];
      values[to + 1] = data[from + 1];
      values[to + 2] = data[from + 2];
    }
    return tf.tensor(values, [1, height, width, 3], "int32");
  }
}
