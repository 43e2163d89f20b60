// What the page needs of a browser, and one sentence for what is missing.

const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

/** Why the page cannot run here, or null. */
export function missing() {
  if (typeof WebAssembly !== "object") {
    return "This browser has no WebAssembly, or it is switched off (Lockdown Mode does that). Use a current Chrome, Edge, Firefox or Safari, and switch it on for this page.";
  }
  if (!WebAssembly.validate(new Uint8Array(SIMD))) {
    return "This browser's WebAssembly has no SIMD, without which poses are too slow. Use Chrome 91, Edge 91, Firefox 89, Safari 16.4 or newer, on a processor of the last ten years.";
  }
  if (typeof Worker !== "function" || typeof OffscreenCanvas !== "function") {
    return "This browser cannot work on pictures in the background (no OffscreenCanvas). Use Chrome 91, Edge 91, Firefox 114, Safari 17 or newer.";
  }
  return null;
}

/** Why there can be no camera, or null. */
export function noCamera() {
  if (!window.isSecureContext)
    return "A browser gives its camera to https:// and localhost only: open this page there. A video file works here too.";
  if (!navigator.mediaDevices?.getUserMedia) return "This browser gives no camera to pages. Open a video file instead.";
  return null;
}

/** A sentence for what getUserMedia threw. */
export function cameraError(error) {
  if (error.name === "NotAllowedError")
    return "The camera was not allowed. Allow it for this page (the camera symbol beside the address) and press “Use camera” again, or open a video file.";
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError")
    return "No camera was found. Connect one and press “Use camera” again, or open a video file.";
  if (error.name === "NotReadableError" || error.name === "AbortError")
    return "The camera is in use elsewhere. Close the other program and press “Use camera” again, or open a video file.";
  return `The camera did not start (${error.name}: ${error.message}). Press “Use camera” again, or open a video file.`;
}
