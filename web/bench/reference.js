// TensorFlow.js' own pose-detection demonstration loop: a camera, estimatePoses frame by frame, drawn on a canvas.

import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import * as detection from "@tensorflow-models/pose-detection";

async function main() {
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  setWasmPaths(new URL("wasm/", document.baseURI).href);
  await tf.setBackend("wasm");
  await tf.ready();
  const detector = await detection.createDetector(detection.SupportedModels.MoveNet, {
    modelType: detection.movenet.modelType.SINGLEPOSE_LIGHTNING,
    modelUrl: new URL("pose/movenet.json", document.baseURI).href,
  });
  const video = document.getElementById("video");
  video.srcObject = await navigator.mediaDevices.getUserMedia({
    video: { width: { ideal: 640 }, height: { ideal: 480 } },
  });
  await video.play();
  const canvas = document.getElementById("canvas");
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  const context = canvas.getContext("2d");
  let frames = 0;
  async function loop() {
    const poses = await detector.estimatePoses(video, { maxPoses: 1, flipHorizontal: false });
    context.drawImage(video, 0, 0);
    for (const { keypoints } of poses) {
      for (const { x, y, score } of keypoints) if (score > 0.3) context.fillRect(x - 2, y - 2, 4, 4);
    }
    document.body.dataset.frames = String(++frames);
    requestAnimationFrame(loop);
  }
  loop();
}

main().catch((error) => (document.body.dataset.error = error.message));
