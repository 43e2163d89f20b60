// Pose estimation in a worker, so that the page stays responsive. TensorFlow.js: WebAssembly, or WebGPU where it is better.

import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";

import { openNetwork } from "./networks.js";

const root = new URL("./", self.location.href).href;
let network = null;

const HANDLERS = {
  async load({ name }) {
    await start();
    network = null;
    const opened = await openNetwork(name, `${root}pose/`);
    const empty = new OffscreenCanvas(320, 240);
    empty.getContext("2d");
    await opened.people(empty); // first runs are slow
    network = opened;
    return { backend: tf.getBackend() };
  },
  async frame({ bitmap }) {
    const began = performance.now();
    const people = network ? await network.people(bitmap) : [];
    return {
      people,
      bitmap,
      width: bitmap.width,
      height: bitmap.height,
      ms: performance.now() - began,
      tensors: tf.memory().numTensors,
    };
  },
};

let started = null;
function start() {
  started ??= (async () => {
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false); // measured: slower on two cores than one thread
    setWasmPaths(`${root}wasm/`);
    if (!(await tf.setBackend("wasm"))) throw new Error("WebAssembly did not start");
    await tf.ready();
  })();
  return started;
}

let queue = Promise.resolve(); // one after the other: a network is loaded while frames come
self.onmessage = ({ data: { id, type, ...rest } }) => {
  queue = queue.then(async () => {
    try {
      const answer = await HANDLERS[type](rest);
      const arrays = (answer.people ?? []).flatMap((p) => [p.xy.buffer, p.confidence.buffer]);
      self.postMessage({ id, answer }, answer.bitmap ? [answer.bitmap, ...arrays] : arrays);
    } catch (error) {
      rest.bitmap?.close();
      self.postMessage({ id, error: error.message });
    }
  });
};
