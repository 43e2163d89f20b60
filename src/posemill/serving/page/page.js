// The acceptance page: from a file to an answer that the client confirms or corrects. One attempt at a time.

import { showAcceptance } from "./acceptance.js";
import { showApplication } from "./application.js";
import { analysed } from "./attempt.js";
import { sha256 } from "./digest.js";
import { announce, byId, fill } from "./dom.js";
import { showOutcome } from "./outcome.js";
import { showPicture } from "./picture.js";
import * as service from "./service.js";
import { chosenApplication, keypointsOnly, offerApplications, start } from "./start.js";
import { askedKey, complain, progress, show } from "./views.js";

const SHOWN = { picture: showPicture, video: showOutcome, application: showApplication };
const REMEMBERED = "posemill-attempt";
let running = null; // AbortController of the attempt
let shown = null; // the outcome on the page, which takes keys

async function begin() {
  show("start");
  byId("cancel").addEventListener("click", () => running?.abort());
  byId("home").addEventListener("click", (e) => { e.preventDefault(); again(); });
  addEventListener("hashchange", () => (jobOfAddress() ? null : again()));
  addEventListener("keydown", offer);
  await greet();
  await start({ onFile: (file) => attempt({ file }), onEntry: (entry) => attempt({ entry }) });
  if (jobOfAddress()) attempt({ job: jobOfAddress() });
}

/** Say which service this is; ask for a key where it wants one. */
async function greet() {
  try {
    const version = await service.version();
    const provenance = version.provenance?.id ? `provenance ${version.provenance.id}` : null;
    byId("service").textContent = version.bento ?? "";
    fill(byId("footer"), ["posemill " + (version.posemill ?? ""), version.licence, provenance].filter(Boolean).join(" · "));
    if (!JSON.stringify(version.endpoints ?? []).includes("/analyse_video")) keypointsOnly();
    else await offerApplications();
    await showAcceptance(byId("acceptance"));
  } catch (error) {
    if (error.status === 401 && (await askedKey())) await greet();
    else complain(error);
  }
}

/** Everything from a file, an entry of the gallery, or a job of before a reload, to the outcome. */
async function attempt(wanted) {
  running?.abort();
  const controller = (running = new AbortController());
  const { signal } = controller;
  const about = wanted.job ? remembered(wanted.job) : { name: (wanted.file ?? wanted.entry).name, job: null, application: chosenApplication() };
  leave();
  complain(null);
  show("work");
  progress("Fetching…", about.name);
  byId("work-title").focus();
  try {
    const file = wanted.entry ? await fetched(wanted.entry, signal) : wanted.file;
    if (file) Object.assign(about, { name: file.name, digest: sha256(file).catch(() => null) });
    present(await analysed(file, about, signal, () => remember(about)), about);
  } catch (error) {
    if (running !== controller) return; // another attempt took over
    if (error.name === "AbortError" && about.job) service.cancelJob(about.job).catch(() => {});
    again();
    if (error.name === "AbortError") announce("Cancelled.");
    else if (error.status === 401 && (await askedKey())) await attempt(wanted);
    else complain(error);
  }
}

function present(found, about) {
  show("outcome");
  const options = { ...found, attempt: about, onAgain: again };
  shown = SHOWN[found.kind](byId("outcome"), options) ?? null;
  byId("outcome-title").focus({ preventScroll: true });
  scrollTo(0, 0);
  announce(`Done: ${byId("outcome-title").textContent}`);
}

/** Back to the first screen. */
function again() {
  leave();
  running = null;
  if (location.hash) history.pushState(null, "", location.pathname + location.search);
  show("start");
  byId("file").focus();
}

function leave() {
  shown?.close();
  shown = null;
  fill(byId("outcome"));
}

/** Keys that no control took go to the timeline. */
function offer(event) {
  if (shown && !event.defaultPrevented && !event.target.closest("input, select, textarea, button, summary, dialog, a")) shown.key(event);
}

async function fetched(entry, signal) {
  const blob = await service.blob(entry.url, signal);
  return new File([blob], decodeURIComponent(entry.url.split("/").at(-1)), { type: blob.type });
}

const jobOfAddress = () => new URLSearchParams(location.hash.slice(1)).get("job");

/** The job goes into the address, so that a reload comes back to it; name and digest stay in this tab. */
async function remember(about) {
  if (jobOfAddress() !== about.job) history.pushState(null, "", `#job=${encodeURIComponent(about.job)}`);
  sessionStorage.setItem(REMEMBERED, JSON.stringify({ name: about.name, job: about.job, digest: await about.digest }));
}

function remembered(job) {
  const kept = JSON.parse(sessionStorage.getItem(REMEMBERED) ?? "{}");
  const known = kept.job === job ? kept : { name: `job ${job}`, job, digest: null };
  return { ...known, digest: Promise.resolve(known.digest) };
}

begin();
