// Where pictures come from: a camera or a video file, frame by frame with their times.

import { cameraError, noCamera } from "./needs.js";

const MOST_PX = 960; // longer edge of a picture that is looked at
const AHEAD = 2; // one at work and one that waits, so that the network never does

/** Plays a camera or file in a video element and hands on every frame that there is time for. */
export class Source {
  /**
   * @param {HTMLVideoElement} video
   * @param {{onFrame: (bitmap: ImageBitmap, timeS: number, current: () => boolean) => Promise<void>, onEnd: (reason: string | null) => void}} handlers
   */
  constructor(video, handlers) {
    Object.assign(this, { video, handlers, kind: null, stream: null, url: null, run: 0, ahead: 0 });
    video.addEventListener("ended", () => this.kind === "file" && this.finish());
    video.addEventListener(
      "error",
      () =>
        this.kind === "file" &&
        this.close("This video cannot be played by this browser. MP4 (H.264), WebM and MOV usually can."),
    );
  }

  /** Open the camera; throws an Error with one sentence. */
  async camera(facing) {
    this.close();
    const reason = noCamera();
    if (reason) throw new Error(reason);
    const run = ++this.run;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: facing },
      });
    } catch (error) {
      throw new Error(cameraError(error));
    }
    if (run !== this.run) return stream.getTracks().forEach((track) => track.stop());
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      if (this.stream === stream)
        this.close("The camera was lost. Connect it again and press “Use camera”; what was recorded is kept.");
    });
    Object.assign(this, { kind: "camera", stream });
    this.video.srcObject = stream;
    await this.play();
  }

  /** Open a video file; throws an Error with one sentence. */
  async file(file) {
    this.close();
    this.run++;
    this.url = URL.createObjectURL(file);
    this.kind = "file";
    this.video.src = this.url;
    await this.play();
  }

  async play() {
    const { run } = this;
    await this.video.play().catch((error) => {
      if (run === this.run && error.name !== "AbortError") {
        this.close();
        throw new Error("This video cannot be played by this browser. MP4 (H.264), WebM and MOV usually can.");
      }
    });
    if (run === this.run && this.kind) this.next(run);
  }

  /** Wait for frames as they come; while AHEAD of them are looked at, newer ones are left out. */
  next(run) {
    const { video } = this;
    const current = () => run === this.run;
    const take = async (timeS) => {
      if (!current()) return;
      wait();
      if (this.ahead >= AHEAD || !video.videoWidth) return;
      this.ahead++;
      const scale = Math.min(1, MOST_PX / Math.max(video.videoWidth, video.videoHeight));
      const size =
        scale < 1
          ? { resizeWidth: Math.round(video.videoWidth * scale), resizeHeight: Math.round(video.videoHeight * scale) }
          : {};
      try {
        await this.handlers.onFrame(await createImageBitmap(video, size), timeS, current);
      } catch (error) {
        if (current() && error.name !== "InvalidStateError") throw error; // a picture that was gone by then
      } finally {
        this.ahead--;
      }
    };
    const wait = () => {
      if (video.requestVideoFrameCallback) {
        video.requestVideoFrameCallback((now, frame) => take(this.kind === "file" ? frame.mediaTime : now / 1000));
      } else {
        requestAnimationFrame((now) => take(this.kind === "file" ? video.currentTime : now / 1000));
      }
    };
    wait();
  }

  /** The file has been played: close it when its last frames have been looked at. */
  async finish() {
    const { run } = this;
    for (let waited = 0; this.ahead && waited < 100; waited++) await new Promise((resolve) => setTimeout(resolve, 20));
    if (run === this.run) this.close(null);
  }

  /** Stop; `reason` is a sentence for an end that nobody asked for, null for the end of a file. */
  close(reason) {
    if (!this.kind) return;
    this.run++;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.video.pause();
    this.video.srcObject = null;
    if (this.url) {
      URL.revokeObjectURL(this.url);
      this.video.removeAttribute("src");
      this.video.load();
    }
    Object.assign(this, { kind: null, stream: null, url: null });
    if (reason !== undefined) this.handlers.onEnd(reason);
  }
}
