// The clip with skeletons. Overlay first; without one the visitor's own file with skeletons drawn over it; where the
// browser can play neither, the skeletons alone, driven by a clock. Time is the same in all three.

import { el, fill, icon } from "./dom.js";
import { drawPose, drawTag, poseAt } from "./skeletons.js";
import { clock } from "./words.js";

export class Player {
  /** facts: {width_px, height_px, duration_s}; sources: [{url, drawn}] in order of preference; onTime(seconds). */
  constructor({ facts, people, body, sources, onTime }) {
    Object.assign(this, { facts, people, body, sources, onTime });
    this.chosen = 0;
    this.skeletons = true;
    this.source = null;
    this.virtual = { at: 0, since: null };
    this.build();
  }

  /** Load the first source; from now on onTime is called. */
  start() {
    this.choose();
    new ResizeObserver(() => this.draw()).observe(this.screen);
  }

  get time() {
    if (this.source) return this.video.currentTime;
    const { at, since } = this.virtual;
    return since === null ? at : Math.min(this.facts.duration_s, at + (performance.now() - since) / 1000);
  }

  get playing() {
    return this.source ? !this.video.paused && !this.video.ended : this.virtual.since !== null;
  }

  toggle() {
    if (this.playing) return this.pause();
    if (this.time >= this.facts.duration_s - 0.05) this.seek(0);
    if (this.source) this.video.play().catch(() => this.fail());
    else this.virtual = { at: this.time, since: performance.now() };
    this.run();
  }

  pause() {
    if (this.source) this.video.pause();
    else this.virtual = { at: this.time, since: null };
    this.tell();
  }

  seek(seconds) {
    const to = Math.min(Math.max(0, seconds), this.facts.duration_s);
    if (this.source) this.video.currentTime = to;
    else this.virtual = { at: to, since: this.playing ? performance.now() : null };
    this.tell(to);
  }

  select(person) {
    this.chosen = person;
    this.draw();
  }

  /** Release the file's memory. */
  close() {
    this.pause();
    for (const { url } of this.sources) if (url.startsWith("blob:")) URL.revokeObjectURL(url);
  }

  build() {
    this.video = el("video", { playsinline: true, preload: "auto", "aria-hidden": "true", tabindex: "-1" });
    this.video.muted = true;
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.screen = el("div", { class: "screen", onclick: () => this.toggle() }, this.video, this.canvas);
    this.screen.style.aspectRatio = `${this.facts.width_px} / ${this.facts.height_px}`;
    this.button = el("button", { type: "button", class: "button round", onclick: () => this.toggle() });
    this.reading = el("span", { class: "clock" });
    const box = el("input", { type: "checkbox", checked: true, onchange: () => this.show(box.checked) });
    this.controls = el(
      "div", { class: "controls" }, this.button, this.reading,
      el("label", { class: "switch" }, box, el("span", {}, "Skeletons")), this.speeds(),
    );
    this.remark = el("p", { class: "hint remark", hidden: true });
    this.node = el("div", { class: "player" }, this.screen, this.controls, this.remark);
    for (const event of ["play", "playing"]) this.video.addEventListener(event, () => this.run());
    for (const event of ["pause", "ended", "seeked", "loadeddata"]) this.video.addEventListener(event, () => this.tell());
    this.video.addEventListener("error", () => this.fail());
  }

  speeds() {
    const choice = el("select", { "aria-label": "Speed", onchange: () => (this.video.playbackRate = Number(choice.value)) },
      [1, 0.5, 0.25].map((rate) => el("option", { value: rate }, `${rate}×`)));
    this.speed = choice;
    return choice;
  }

  show(skeletons) {
    this.skeletons = skeletons;
    this.choose();
    this.draw();
  }

  /** The first source that has not failed and fits the wish for skeletons; a plain one can have them drawn over it. */
  choose() {
    const able = this.sources.filter((source) => !source.failed);
    const wanted = able.find((source) => source.drawn === this.skeletons) ?? able.find((source) => !source.drawn) ?? able[0];
    if (wanted !== this.source || !this.source) this.load(wanted ?? null);
  }

  load(source) {
    const time = this.time, playing = this.playing, rate = Number(this.speed.value);
    this.source = source;
    this.video.hidden = !source;
    this.screen.dataset.source = source ? (source.drawn ? "overlay" : "file") : "clock";
    this.speed.hidden = !source;
    if (!source) {
      this.video.removeAttribute("src");
      this.virtual = { at: time, since: playing ? performance.now() : null };
      this.say("This browser cannot play the clip, so only the skeletons are shown.");
      return this.run();
    }
    this.video.defaultPlaybackRate = rate; // a new source begins with it
    this.video.src = source.url;
    if (time > 0) this.video.currentTime = time;
    if (playing) this.video.play().catch(() => this.fail());
    return this.tell(time);
  }

  /** The source at hand cannot be played: the next one. */
  fail() {
    if (!this.source || !this.video.error) return;
    this.source.failed = true;
    this.source = null;
    this.choose();
  }

  say(sentence) {
    this.remark.hidden = !sentence;
    this.remark.textContent = sentence;
  }

  run() {
    cancelAnimationFrame(this.frame);
    this.tell();
    if (!this.playing) return;
    if (!this.source && this.time >= this.facts.duration_s) return void this.pause();
    this.frame = requestAnimationFrame(() => this.run());
  }

  tell(time = this.time) {
    const playing = this.playing;
    if (this.button.dataset.playing !== String(playing)) {
      this.button.dataset.playing = String(playing);
      this.button.setAttribute("aria-label", playing ? "Pause" : "Play");
      fill(this.button, icon(playing ? "pause" : "play"));
    }
    this.reading.textContent = `${clock(time)} / ${clock(this.facts.duration_s)}`;
    this.draw(time);
    this.onTime(time);
  }

  draw(time = this.time) {
    const { canvas, facts } = this;
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: wide, clientHeight: high } = this.screen;
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
    const scale = Math.min(wide / facts.width_px, high / facts.height_px) || 1;
    const context = canvas.getContext("2d");
    context.setTransform(
      ratio * scale, 0, 0, ratio * scale,
      (ratio * (wide - scale * facts.width_px)) / 2, (ratio * (high - scale * facts.height_px)) / 2,
    );
    if (!this.body || !this.skeletons || this.source?.drawn) return; // the overlay names everybody itself
    const unit = 2.6 / scale; // pixels of the screen, whatever the size of the clip
    for (const person of this.people) {
      const xy = person.track && poseAt(person.track, time);
      if (!xy) continue;
      drawPose(context, xy, this.body, person.person, unit);
      if (this.people.length > 1) drawTag(context, xy, person.person, unit, person.person === this.chosen);
    }
  }
}
