// Training in the page, in a worker: a small network by TensorFlow.js, and which examples disagree with the others.

import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";

import { argmax, clipProbabilities } from "../features/verdict.js";
import { fitFeatures, inputsOf, randomFrom } from "./dataset.js";
import { BODY, FORMAT, HIDDEN, KERNEL, THRESHOLD, WINDOW, base64, unfolded } from "./network.js";

const STEPS = WINDOW.frames - KERNEL + 1;
const WIDTH = KERNEL * 2 * BODY.keypoints.length;
const EPOCHS = 20;
const TRIAL_EPOCHS = 10; // of networks that only judge the examples they have not seen
const BATCH = 64;
const FOLDS = 3;
const RATE = 3e-3;

async function start() {
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  setWasmPaths(new URL("./wasm/", self.location.href).href);
  if (!(await tf.setBackend("wasm"))) await tf.setBackend("cpu");
  await tf.ready();
}

async function train({ examples, classes, seed = 1 }, report) {
  await start();
  const began = performance.now();
  const features = fitFeatures(examples);
  const parts = folds(examples);
  const total = parts.length + 1;
  const doubts = [];
  for (const [number, left] of parts.entries()) {
    const kept = examples.filter((_, i) => !left.includes(i));
    const network = await fitted(kept, classes, features, TRIAL_EPOCHS, randomFrom(seed + number), (share) =>
      report((number + share) / total),
    );
    doubts.push(...disagreeing(network, examples, left, classes, features));
    network.dispose();
  }
  const network = await fitted(examples, classes, features, EPOCHS, randomFrom(seed), (share) =>
    report((parts.length + share) / total),
  );
  const taught = written(network, classes, features);
  network.dispose();
  const checked = parts.reduce((sum, part) => sum + part.length, 0);
  return {
    taught,
    doubts,
    checked,
    by: parts.by,
    seconds: (performance.now() - began) / 1000,
    tensors: tf.memory().numTensors,
  };
}

/** Positions of examples that are left out together: whole people where there are several, else a share of each class. */
function folds(examples) {
  const people = [...new Set(examples.map((e) => e.subject))];
  const classes = new Set(examples.map((e) => e.activity));
  const enough = (left) =>
    new Set(examples.filter((_, i) => !left.includes(i)).map((e) => e.activity)).size === classes.size;
  const count = {};
  const groups = Array.from({ length: FOLDS }, () => []);
  const bySubject = people.length > 1;
  examples.forEach((e, i) => {
    count[e.activity] = (count[e.activity] ?? -1) + 1;
    groups[(bySubject ? people.indexOf(e.subject) : count[e.activity]) % FOLDS].push(i);
  });
  const kept = groups.filter((group) => group.length && enough(group));
  kept.by = bySubject ? "person" : "example";
  return kept;
}

function built(classes, seed) {
  const input = layers.input({ shape: [STEPS, WIDTH] });
  const uniform = (n) => layers.initializers.glorotUniform({ seed: seed + n });
  const hidden = layers.layers
    .dense({ units: HIDDEN, activation: "relu", kernelInitializer: uniform(1), name: "hidden" })
    .apply(input);
  const mean = layers.layers.globalAveragePooling1d({}).apply(hidden);
  const most = layers.layers.globalMaxPooling1d({}).apply(hidden);
  const both = layers.layers
    .dropout({ rate: 0.3, seed: seed + 2 })
    .apply(layers.layers.concatenate().apply([mean, most]));
  const output = layers.layers
    .dense({ units: classes.length, kernelInitializer: uniform(3), name: "output" })
    .apply(both);
  return layers.model({ inputs: input, outputs: output });
}

async function fitted(examples, classes, features, epochs, random, report) {
  const { inputs, labels } = inputsOf(examples, classes, features, true, random);
  if (!labels.length)
    throw new Error("The examples are too short, or hardly anybody is seen in them: record them again.");
  const rows = unfolded(inputs, labels.length, WINDOW.frames, BODY.keypoints.length);
  const network = built(classes, Math.floor(random() * 1e6));
  const optimizer = tf.train.adam(RATE);
  const weights = balanced(labels, classes.length);
  const variables = network.trainableWeights.map((w) => w.read());
  for (let epoch = 0; epoch < epochs; epoch++) {
    optimizer.learningRate = (RATE * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
    for (const batch of batches(labels.length, random))
      step(network, optimizer, variables, rows, labels, weights, batch, classes.length);
    report((epoch + 1) / epochs);
    await new Promise((resolve) => setTimeout(resolve));
  }
  optimizer.dispose();
  return network;
}

function step(network, optimizer, variables, rows, labels, weights, batch, classes) {
  tf.tidy(() => {
    const size = STEPS * WIDTH;
    const picked = new Float32Array(batch.length * size);
    batch.forEach((row, i) => picked.set(rows.subarray(row * size, (row + 1) * size), i * size));
    const x = tf.tensor(picked, [batch.length, STEPS, WIDTH]);
    const wanted = tf.tensor(
      batch.flatMap((row) => softened(labels[row], classes)),
      [batch.length, classes],
    );
    const share = tf.tensor1d(batch.map((row) => weights[labels[row]]));
    optimizer.minimize(
      () => {
        const losses = tf.losses.softmaxCrossEntropy(wanted, network.apply(x, { training: true }), share);
        return tf.mean(losses);
      },
      false,
      variables.map((v) => v.val ?? v),
    );
  });
}

/** Label smoothing: few examples make a network too sure. */
function softened(label, classes) {
  return Array.from({ length: classes }, (_, c) => (c === label ? 0.9 : 0) + 0.1 / classes);
}

function balanced(labels, classes) {
  return Array.from(
    { length: classes },
    (_, c) => labels.length / classes / Math.max(labels.filter((l) => l === c).length, 1),
  );
}

function batches(n, random) {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return Array.from({ length: Math.ceil(n / BATCH) }, (_, i) => order.slice(i * BATCH, (i + 1) * BATCH));
}

/** Examples that a network which never saw them takes for another class. */
function disagreeing(network, examples, left, classes, features) {
  const { inputs, labels, owners } = inputsOf(
    left.map((i) => examples[i]),
    classes,
    features,
    false,
  );
  if (!labels.length) return [];
  const rows = unfolded(inputs, labels.length, WINDOW.frames, BODY.keypoints.length);
  const output = tf.tidy(() => tf.softmax(network.predict(tf.tensor(rows, [labels.length, STEPS, WIDTH]))));
  const probabilities = output.arraySync();
  output.dispose();
  return left
    .map((at, owner) => {
      const own = probabilities.filter((_, i) => owners[i] === owner);
      if (!own.length) return null;
      const of = clipProbabilities(own);
      const best = argmax(of);
      return {
        id: examples[at].id,
        taken_for: classes[best],
        probability: of[best],
        wrong: classes[best] !== examples[at].activity,
      };
    })
    .filter((doubt) => doubt?.wrong);
}

function written(network, classes, features) {
  const weights = {};
  for (const layer of ["hidden", "output"]) {
    const [kernel, bias] = network.getLayer(layer).getWeights();
    weights[`${layer}_weight`] = { shape: kernel.shape, values: base64(kernel.dataSync()) };
    weights[`${layer}_bias`] = { shape: bias.shape, values: base64(bias.dataSync()) };
  }
  return {
    format: FORMAT,
    classes,
    features,
    temperature: 1,
    threshold: THRESHOLD,
    network: { kernel: KERNEL, weights },
  };
}

self.onmessage = async ({ data: { id, type, ...rest } }) => {
  try {
    if (type !== "train") throw new Error(`no such request: ${type}`);
    self.postMessage({ id, answer: await train(rest, (progress) => self.postMessage({ id, progress })) });
  } catch (error) {
    self.postMessage({ id, error: error.message });
  }
};
