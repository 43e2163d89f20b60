// Teach mode: classes, examples, training, trying and the file.

import { Calls } from "../calls.js";
import { exampleOf, fromText, toText } from "../teach/store.js";
import { Bars } from "./bars.js";
import { $, make, save, stamp, words } from "./dom.js";
import { thumbnail } from "./overlay.js";

const POSE_S = 1.2; // a held pose is recorded for so long

export class Teach {
  /** @param {object} page what it needs of the page: alert, source, network(), useTaught(model), playFile(file) */
  constructor(page) {
    Object.assign(this, {
      page,
      classes: [],
      examples: [],
      taught: null,
      doubts: new Map(),
      recorder: null,
      worker: null,
    });
    this.bars = new Bars($("taught-bars"));
    $("add-class").addEventListener("submit", (event) => this.addClass(event));
    $("train").addEventListener("click", () => this.train());
    $("save-taught").addEventListener("click", () => {
      save(
        `taught-${stamp()}.json`,
        "application/json",
        toText(this.classes, this.examples, this.taught, page.network()),
      );
      this.unsaved = false;
    });
    $("open-taught").addEventListener("change", ({ target }) => this.open(target));
    window.addEventListener("beforeunload", (event) => this.unsaved && event.preventDefault());
    this.show();
  }

  /** The worker is made at once, so that training works without a network later. */
  prepare() {
    this.worker ??= new Calls("teach.worker.js");
  }

  addClass(event) {
    event.preventDefault();
    const name = $("class-name").value.trim().toLowerCase().replace(/\s+/g, "_");
    if (!name) return;
    if (this.classes.includes(name))
      return this.page.alert(`There is a class ${words(name)} already: give this one another name.`);
    this.page.alert(null);
    this.classes.push(name);
    $("class-name").value = "";
    this.changed();
  }

  changed() {
    this.unsaved = this.examples.length > 0;
    this.doubts.clear();
    $("doubts").replaceChildren();
    this.show();
  }

  show() {
    $("classes").replaceChildren(...this.classes.map((name) => this.row(name)));
    const count = (name) => this.examples.filter((e) => e.activity === name).length;
    const ready = this.classes.length > 1 && this.classes.every((name) => count(name) > 1);
    $("train").disabled = !ready || Boolean(this.training);
    $("train-hint").textContent = ready
      ? `${this.examples.length} examples of ${this.classes.length} classes.`
      : "Two classes with two examples each are the least.";
    $("save-taught").disabled = !this.examples.length;
  }

  row(name) {
    const own = this.examples.filter((e) => e.activity === name);
    const button = (text, label, action) => {
      const made = make("button", {
        type: "button",
        className: "button small",
        textContent: text,
        disabled: Boolean(this.recorder),
      });
      made.setAttribute("aria-label", `${label} of ${words(name)}`);
      made.addEventListener("click", action);
      return made;
    };
    const remove = button("Remove", "Remove the class", () => {
      this.classes = this.classes.filter((other) => other !== name);
      this.examples = this.examples.filter((e) => e.activity !== name);
      this.changed();
    });
    remove.classList.add("quiet");
    const id = `videos-${this.classes.indexOf(name)}`;
    const videos = make("input", { type: "file", id, className: "visually-hidden", accept: "video/*", multiple: true });
    videos.addEventListener("change", () => this.fromVideos(name, videos));
    const label = make("label", { className: "button small", textContent: "From videos", htmlFor: id });
    const shots = make("div", { className: "shots" }, ...own.map((example) => this.shot(example)));
    return make(
      "li",
      {},
      make(
        "div",
        { className: "row spread", style: "margin: 0" },
        make("span", { className: "name", textContent: words(name) }),
        make("span", { className: "hint", textContent: `${own.length} example${own.length === 1 ? "" : "s"}` }),
      ),
      make(
        "div",
        { className: "row" },
        button("Record pose", "Record a pose", () => this.record(name, "pose")),
        button("Record movement", "Record a movement", () => this.record(name, "movement")),
        videos,
        label,
        remove,
      ),
      shots,
    );
  }

  shot(example) {
    const canvas = make("canvas", { width: 52, height: 52 });
    thumbnail(
      canvas,
      example.xy,
      ((example.times.length >> 1) * (2 * example.confidence.length)) / example.times.length,
    );
    const doubt = this.doubts.get(example.id);
    const about = `${words(example.activity)}, ${example.subject}, ${example.duration_s.toFixed(1)} s${doubt ? `, looks like ${words(doubt.taken_for)}` : ""}`;
    const button = make(
      "button",
      { type: "button", className: `shot${doubt ? " doubtful" : ""}`, title: `Remove: ${about}` },
      canvas,
    );
    button.setAttribute("aria-label", `Remove the example ${about}`);
    button.addEventListener("click", () => {
      this.examples = this.examples.filter((e) => e !== example);
      this.changed();
    });
    return button;
  }

  /** Record an example after the countdown. */
  async record(activity, kind) {
    if (this.recorder) return;
    if (!this.page.source.kind)
      return this.page.alert("There is no picture to record from: use the camera or open a video first.");
    this.page.alert(null);
    const seconds = kind === "pose" ? POSE_S : Number($("length").value);
    const recorder = { activity, kind, frames: [], until: null, seconds, done: null };
    this.recorder = recorder;
    this.show();
    await this.countDown(Number($("countdown").value));
    recorder.armed = true;
    $("count").textContent = "● Recording";
    $("count").classList.add("recording");
    $("count").hidden = false;
    await new Promise((resolve) => (recorder.done = resolve));
    this.finish(recorder);
  }

  async countDown(seconds) {
    $("count").classList.remove("recording");
    for (let left = seconds; left > 0; left--) {
      $("count").hidden = false;
      $("count").textContent = String(left);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  finish(recorder) {
    this.recorder = null;
    $("count").hidden = true;
    this.keep(recorder);
    this.show();
  }

  keep({ frames, activity, kind, width, height }) {
    const subject = $("subject").value.trim() || "person 1";
    const example = frames.length > 3 ? exampleOf(frames, { activity, subject, kind, width, height }) : null;
    if (!example)
      return this.page.alert(
        "Nobody was seen well enough for this example: stand where the whole body is in the picture, and record it again.",
      );
    this.examples.push(example);
    this.changed();
  }

  /** A frame of the page: its people and the one in front. */
  frame(person, timeS, width, height) {
    const recorder = this.recorder;
    if (!recorder?.armed) return;
    Object.assign(recorder, { width, height });
    recorder.frames.push({ timeS, person });
    if (timeS - recorder.frames[0].timeS >= recorder.seconds) recorder.done?.();
  }

  /** The source has ended: so has what is being recorded. */
  ended() {
    this.recorder?.done?.();
  }

  /** Each video is one example, from its beginning to its end. */
  async fromVideos(activity, input) {
    const files = [...input.files];
    input.value = "";
    for (const file of files) {
      const recorder = { activity, kind: "movement", frames: [], seconds: Infinity, armed: true, done: null };
      const ended = new Promise((resolve) => (recorder.done = resolve));
      this.recorder = recorder;
      this.show();
      if (await this.page.playFile(file)) await ended;
      this.finish(recorder);
    }
  }

  async train() {
    this.prepare();
    this.page.alert(null);
    this.training = true;
    this.show();
    const bar = $("train-bar");
    Object.assign(bar, { hidden: false, value: 0 });
    $("trained").textContent = "";
    try {
      const answer = await this.worker.ask("train", {
        examples: this.examples,
        classes: this.classes,
        onProgress: (share) => (bar.value = share),
      });
      this.taught = answer.taught;
      this.tell(answer);
      await this.page.useTaught(this.taught);
      this.bars.classes(this.taught.classes);
    } catch (error) {
      this.page.alert(error.message);
    }
    this.training = false;
    bar.hidden = true;
    this.show();
  }

  tell({ doubts, checked, by, seconds }) {
    const right = checked - doubts.length;
    const how = by === "person" ? "examples by people left out of training" : "examples left out of training";
    $("trained").textContent =
      `Trained in ${seconds.toFixed(0)} s.` +
      (checked
        ? ` Of ${checked} ${how}, ${right} are taken for what they are.`
        : " Too few examples to say how good it is.");
    this.doubts = new Map(doubts.map((doubt) => [doubt.id, doubt]));
    $("doubts").replaceChildren(
      ...doubts.map((doubt) => {
        const example = this.examples.find((e) => e.id === doubt.id);
        return make(
          "li",
          {},
          this.shot(example),
          make("span", {
            textContent: `${words(example.activity)} of ${example.subject} looks like ${words(doubt.taken_for)} (${Math.round(100 * doubt.probability)} %)`,
          }),
        );
      }),
    );
  }

  async open(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    try {
      const content = fromText(await file.text());
      Object.assign(this, { classes: content.classes, examples: content.examples, taught: content.taught });
      this.changed();
      this.page.alert(null);
      if (!this.taught) return;
      await this.page.useTaught(this.taught);
      this.bars.classes(this.taught.classes);
    } catch (error) {
      this.page.alert(error.message);
    }
  }
}
