// Activity models in a worker: a packaged one by ONNX Runtime, or one that was taught in the page.

import * as ort from "onnxruntime-web/wasm";

import { TaughtNetwork } from "../teach/network.js";
import { ActivityModel } from "./activity.js";
import { answersTo, compareGolden } from "./golden.js";
import { loadGolden, loadPackage } from "./load.js";

const root = new URL("./", self.location.href).href;
ort.env.wasm.numThreads = 1; // the network is small: threads cost more than they save
ort.env.wasm.wasmPaths = { wasm: `${root}wasm/ort-wasm-simd-threaded.wasm` };
const models = { packaged: null, taught: null };
let about = null;

const HANDLERS = {
  async load({ folder, headers }) {
    about = await loadPackage(folder, headers);
    if (!about) return null;
    const session = await ort.InferenceSession.create(new Uint8Array(about.bytes), { executionProviders: ["wasm"] });
    about.bytes = null;
    models.packaged = new ActivityModel(about, (input, n) => run(session, input, n, models.packaged.features));
    const outputs = (
      await models.packaged.logits(
        new Float32Array(models.packaged.features.frames * models.packaged.features.keypoints * 3),
        1,
      )
    )[0].length;
    if (outputs !== about.classes.length)
      throw new Error(
        `The model has ${outputs} outputs, its classes.json ${about.classes.length} names: export the model again.`,
      );
    return {
      classes: about.classes,
      stride: models.packaged.stride,
      lengths: models.packaged.lengths,
      sampling: about.features.window.sampling,
      labeller: about.labeller,
      digest: about.digests.model,
      golden: Boolean(about.digests.golden),
    };
  },
  async teach({ taught }) {
    const network = new TaughtNetwork(taught);
    models.taught = new ActivityModel(taught, (input, n) => Promise.resolve(network.logits(input, n)));
    return { classes: taught.classes, stride: models.taught.stride, lengths: models.taught.lengths, sampling: "time" };
  },
  async now({ which, track, began }) {
    return (await models[which]?.predictNow(track, began)) ?? null;
  },
  async track({ which, track }) {
    return models[which].predictTrack(track);
  },
  async answers({ folder, headers }) {
    const golden = await loadGolden(folder, about.digests, headers);
    if (!golden)
      throw new Error("There are no golden clips beside this model: export it with `posemill export browser`.");
    return (await answersTo(golden, about, models.packaged.logits)).map(({ inputs, ...answer }) => answer);
  },
  async golden({ folder, headers }) {
    const golden = await loadGolden(folder, about.digests, headers);
    return golden && compareGolden(golden, about, models.packaged.logits);
  },
};

async function run(session, input, n, { frames, keypoints }) {
  const output = await session.run({
    [session.inputNames[0]]: new ort.Tensor("float32", input, [n, frames, keypoints, 3]),
  });
  const { data, dims } = output[session.outputNames[0]];
  const rows = Array.from({ length: n }, (_, i) => Array.from(data.subarray(i * dims[1], (i + 1) * dims[1])));
  output[session.outputNames[0]].dispose();
  return rows;
}

let queue = Promise.resolve();
self.onmessage = ({ data: { id, type, ...rest } }) => {
  queue = queue.then(async () => {
    try {
      self.postMessage({ id, answer: await HANDLERS[type](rest) });
    } catch (error) {
      self.postMessage({ id, error: error.message });
    }
  });
};
