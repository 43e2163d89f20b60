// From a file to its answer: where each kind of file belongs, and what there is to play and to keep.

import { analysedTrack } from "./keypoints.js";
import * as service from "./service.js";
import { skeleton } from "./skeletons.js";
import { jobProgress, progress } from "./views.js";
import * as words from "./words.js";

const PICTURE = /\.(jpe?g|png|webp|bmp|gif)$/i;

/**
 * about: {name, job, digest, application (null for activities)}; its `job` is set as soon as there is one, and onJob() called.
 * Answers {kind: "video" or "application", answer, sources, body, saves} or {kind: "picture", answer, url, body}.
 */
export async function analysed(file, about, signal, onJob) {
  if (file && (file.type.startsWith("image/") || PICTURE.test(file.name))) return picture(file, signal);
  if (file && /\.json$/i.test(file.name)) {
    progress("Judging…", file.name);
    const { answer, body } = await analysedTrack(file, signal, skeleton);
    return { kind: "video", answer, body, sources: [], saves: [asJson(answer, about.name)] };
  }
  const answer = await video(file, about, signal, onJob);
  const sources = file ? [{ url: URL.createObjectURL(file), drawn: false }] : [];
  const saves = [asJson(answer, about.name)];
  if (about.job) {
    const overlay = service.jobFile(about.job, "overlay.mp4"), sheet = service.jobFile(about.job, "sheet.jpg");
    sources.unshift({ url: overlay, drawn: true });
    saves.push({ text: "Overlay video", save: () => keep(overlay, "overlay.mp4") });
    if (answer.video) saves.push({ text: "Contact sheet", save: () => keep(sheet, "sheet.jpg") });
  }
  if (!answer.video) return { kind: "application", answer, sources, saves }; // also after a reload: the answer says what it is
  return { kind: "video", answer, sources, saves, body: await skeleton(answer.video.skeleton) };
}

async function picture(file, signal) {
  const answer = await service.upload("analyse_image", { image: file }, signal, sending(file));
  return { kind: "picture", answer, url: URL.createObjectURL(file), body: await skeleton(answer.image.skeleton) };
}

/** A VideoAnswer, or what an application says; the service makes a job of it, or answers at once. */
async function video(file, about, signal, onJob) {
  if (file) {
    const route = about.application ? `apps/${encodeURIComponent(about.application)}` : "analyse_video";
    const fields = about.application ? { job: "true", video: file } : { tracks: "true", job: "true", video: file };
    const answer = await service.upload(route, fields, signal, sending(file));
    if (!answer.job) return answer;
    about.job = answer.job;
    onJob();
  }
  return service.finished(about.job, signal, (status) => jobProgress(status, about.name));
}

function sending(file) {
  progress("Sending…", file.name, 0);
  return (share) => {
    const detail = `${words.percent(share)} of ${words.megabytes(file.size)}`;
    if (share < 1) progress("Sending…", file.name, share, detail);
    else progress("Looking at it…", file.name);
  };
}

function asJson(answer, name) {
  const text = JSON.stringify(answer, null, 1);
  return { text: "Answer as JSON", save: () => handOver(new Blob([text], { type: "application/json" }), `${name}.posemill.json`) };
}

async function keep(url, name) {
  handOver(await service.blob(url), name);
}

function handOver(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
