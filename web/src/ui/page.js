// The page: a picture, who is in it, what they do.

import { Calls } from "../calls.js";
import { KEYPOINTS } from "../pose/skeleton.js";
import { Bars } from "./bars.js";
import { $, make, save, stamp, words } from "./dom.js";
import { EventLog } from "./events.js";
import { missing } from "./needs.js";
import { colourOf, draw } from "./overlay.js";
import { People } from "./people.js";
import { Recording } from "./recording.js";
import { Source } from "./source.js";
import { tabs } from "./tabs.js";
import { Teach } from "./teach.js";

const MODEL = new URL("model/", document.baseURI).href;
const METER_FRAMES = 20;
const headers = {};

const page = {
  source: null,
  network: () => $("network").value,

  alert(sentence) {
    $("alert").textContent = sentence ?? "";
    $("alert").hidden = !sentence;
  },

  async playFile(file) {
    page.alert(null);
    try {
      begin();
      await page.source.file(file);
      return true;
    } catch (error) {
      page.alert(error.message);
      return false;
    }
  },

  async useTaught(taught) {
    timings.taught = await activity.ask("teach", { taught });
    $("which").querySelector("[value=taught]").disabled = false;
    $("which").disabled = false;
    $("which").value = "taught";
    chooseModel();
  },
};

const timings = { packaged: null, taught: null };
const recording = new Recording();
const bars = new Bars($("bars"));
const log = new EventLog($("events"), $("events-hint"), $("save-events"));
let pose, activity, teach, people;
let ready = false;
let facing = "user"; // which of a phone's cameras
let lastS = -Infinity;
let focus = null; // number of the person whose bars are shown
let shown = { people: [], width: 0, height: 0 };
const meter = { times: [], ms: [], frames: 0 };

function chooseModel() {
  const timing = timings[$("which").value];
  people.use(timing);
  bars.classes(timing?.classes ?? []);
  $("bars-hint").hidden = Boolean(timing);
}

/** Another source begins. */
function begin() {
  people.reset();
  log.begin();
  lastS = -Infinity;
  focus = null;
  meter.times.length = 0;
  $("empty").hidden = true;
  $("stop").disabled = false;
}

async function frame(bitmap, timeS, current) {
  if (!ready || !current()) return bitmap.close();
  try {
    const found = await pose.ask("frame", { bitmap }, [bitmap]);
    if (!current() || timeS <= lastS) return found.bitmap.close(); // of another source, or the same moment again
    lastS = timeS;
    show(found.bitmap);
    const named = people.take(found.people, timeS);
    shown = { people: named, width: found.width, height: found.height };
    recording.add(named, timeS, found.width, found.height);
    const nearest = inFront(named);
    if (focus === null || !named.some(({ number }) => number === focus)) setFocus(nearest?.number ?? focus);
    teach.frame(nearest, timeS, found.width, found.height);
    paint();
    measured(found, named.length);
  } catch (error) {
    page.source.close();
    stopped();
    page.alert(error.message);
  }
}

/** The picture that was looked at, so that skeletons lie on it however long that took. */
function show(bitmap) {
  const canvas = $("picture");
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height)
    Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("bitmaprenderer").transferFromImageBitmap(bitmap);
}

function inFront(named) {
  const size = ({ xy }) => {
    const ys = Array.from({ length: KEYPOINTS.length }, (_, k) => xy[2 * k + 1]).filter((y) => !Number.isNaN(y));
    return Math.max(...ys) - Math.min(...ys);
  };
  return named.reduce((best, person) => (!best || size(person) > size(best) ? person : best), null);
}

function paint() {
  draw($("overlay"), shown.people, shown.width, shown.height, $("stage").classList.contains("mirrored"));
  const numbers = shown.people.map(({ number }) => number).sort((a, b) => a - b);
  if (numbers.join() === $("people").dataset.numbers) return;
  $("people").dataset.numbers = numbers.join();
  $("people").replaceChildren(...(numbers.length > 1 ? numbers.map(personButton) : []));
}

function personButton(number) {
  const dot = make("span", { className: "dot" });
  dot.style.background = colourOf(number);
  const button = make("button", { type: "button", className: "button" }, dot, `Person ${number + 1}`);
  button.setAttribute("aria-pressed", String(number === focus));
  button.addEventListener("click", () => setFocus(number));
  return button;
}

function setFocus(number) {
  if (number === focus) return;
  focus = number;
  delete $("people").dataset.numbers;
  bars.show(people.known.get(number)?.prediction ?? null);
}

function measured({ ms, tensors }, count) {
  meter.frames++;
  meter.times.push(performance.now());
  meter.ms.push(ms);
  if (meter.times.length > METER_FRAMES) (meter.times.shift(), meter.ms.shift());
  if (meter.times.length < 2) return;
  const fps = (1000 * (meter.times.length - 1)) / (meter.times[meter.times.length - 1] - meter.times[0]);
  const average = meter.ms.reduce((a, b) => a + b, 0) / meter.ms.length;
  $("meter").hidden = false;
  Object.assign($("meter").dataset, {
    fps: fps.toFixed(1),
    ms: average.toFixed(1),
    people: count,
    poses: recording.poses,
    frames: meter.frames,
    tensors,
  });
  $("meter").textContent = `${fps.toFixed(0)} frames/s · ${average.toFixed(0)} ms`;
  $("save-track").disabled = recording.poses === 0;
}

function stopped() {
  people.end(recording.end);
  teach.ended();
  shown = { people: [], width: 0, height: 0 };
  $("picture").getContext("bitmaprenderer").transferFromImageBitmap(null);
  paint();
  bars.show(null);
  Object.assign($("empty"), { hidden: false });
  $("meter").hidden = true;
  $("turn").hidden = true;
  $("stop").disabled = true;
}

function predicted(person) {
  if (person.number !== focus) return;
  bars.show(person.prediction);
  if ($("which").value === "taught") teach.bars.show(person.prediction);
}

async function openNetwork() {
  ready = false;
  state("Loading the pose network…");
  try {
    const { backend } = await pose.ask("load", { name: page.network() });
    ready = true;
    state("Ready");
    $("state").dataset.backend = backend;
  } catch (error) {
    state("Not ready");
    page.alert(
      `The pose network did not load (${error.message}). Reload the page when the connection is back, or choose another network.`,
    );
  }
}

async function openModel() {
  try {
    timings.packaged = await activity.ask("load", { folder: MODEL, headers });
  } catch (error) {
    page.alert(error.message);
  }
  const model = timings.packaged;
  $("which").disabled = !model;
  $("which").querySelector("[value=packaged]").disabled = !model;
  $("bars-hint").textContent = model
    ? ""
    : "There is no trained model beside this page. Poses and teaching work without one.";
  $("model-about").textContent = model
    ? `The trained model tells apart ${model.classes.map(words).join(", ")}. It learnt from poses of ${model.labeller.backend ?? "an unknown estimator"}${model.labeller.checkpoint ? ` (${model.labeller.checkpoint})` : ""}; its digest is ${model.digest.slice(0, 12)}.`
    : "";
  $("check").hidden = !model?.golden;
  chooseModel();
}

async function checkGolden() {
  $("checked").textContent = "Checking…";
  try {
    const found = await activity.ask("golden", { folder: MODEL, headers });
    Object.assign($("checked").dataset, {
      probability: found.probability,
      input: found.input,
      windows: found.windows,
      same: found.same,
    });
    $("checked").textContent = found.same
      ? `The same as on the platform: ${found.windows} windows of ${found.clips} clips, largest difference ${found.probability.toExponential(1)}.`
      : `Not the same as on the platform: largest difference ${found.probability.toExponential(1)}; ${found.different.join("; ")}. Do not use this model here.`;
  } catch (error) {
    $("checked").textContent = error.message;
  }
}

async function openCamera() {
  page.alert(null);
  try {
    await page.source.camera(facing);
    begin();
    $("mirror").checked = facing === "user"; // as in a mirror, unless the camera looks away
    mirror();
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    $("turn").hidden = cameras.length < 2;
  } catch (error) {
    page.alert(error.message);
  }
}

function state(text) {
  $("state").textContent = text;
}

function mirror() {
  $("stage").classList.toggle("mirrored", $("mirror").checked);
  paint();
}

async function start() {
  const reason = missing();
  if (reason) {
    state("Not ready");
    $("camera").disabled = true;
    $("file").disabled = true;
    return page.alert(reason);
  }
  pose = new Calls("pose.worker.js");
  activity = new Calls("activity.worker.js");
  people = new People({
    predict: (track, began) => activity.ask("now", { which: $("which").value, track, began }),
    onEvent: (event) => log.add(event),
    onPrediction: predicted,
    onError: (error) => page.alert(error.message),
    words,
  });
  page.source = new Source($("video"), {
    onFrame: frame,
    onEnd: (why) => {
      stopped();
      if (why) page.alert(why);
    },
  });
  teach = new Teach(page);
  listen();
  await Promise.all([openNetwork(), openModel()]);
  teach.prepare();
}

function listen() {
  $("camera").addEventListener("click", openCamera);
  $("turn").addEventListener("click", () => {
    facing = facing === "user" ? "environment" : "user";
    openCamera();
  });
  $("file").addEventListener("change", ({ target }) => {
    const [file] = target.files;
    target.value = "";
    if (!file) return;
    $("mirror").checked = false;
    mirror();
    page.playFile(file);
  });
  $("stop").addEventListener("click", () => page.source.close(null));
  $("network").addEventListener("change", openNetwork);
  $("which").addEventListener("change", chooseModel);
  $("mirror").addEventListener("change", mirror);
  $("check").addEventListener("click", checkGolden);
  $("save-track").addEventListener("click", () =>
    save(`track-${stamp()}.csv`, "text/csv", recording.csv(`live-${stamp()}`)),
  );
  tabs((name) => name === "teach" && teach.prepare());
  window.addEventListener("resize", paint);
  document.addEventListener("keydown", ({ key, target }) => {
    if (key === "Escape" && page.source.kind && !/input|select/i.test(target.tagName)) page.source.close(null);
  });
}

start();
