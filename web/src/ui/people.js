// Everybody in the picture: their newest poses, their activities, and the events of these.

import { NONE_OF_THESE } from "../features/verdict.js";
import { GAP_S, Tracker, withoutDoubles } from "../pose/tracker.js";
import { K } from "../pose/skeleton.js";

const CONFIRMED = 2; // predictions in a row that begin an activity
const MOST_POSES = 4096;

/** Follows people, asks a model for their activities when one is due, and says what begins and ends. */
export class People {
  /** @param {{predict: Function, onEvent: Function, onPrediction: Function}} handlers */
  constructor(handlers) {
    this.handlers = handlers;
    this.timing = null;
    this.reset();
  }

  /** Forget everybody; another source or model begins. */
  reset() {
    this.tracker = new Tracker();
    this.known = new Map();
    this.session = {};
  }

  /** Times of a model's windows: {lengths, stride}; null without a model. */
  use(timing) {
    this.timing = timing;
    for (const person of this.known.values())
      Object.assign(person, { activity: null, prediction: null, candidate: null, due: -Infinity });
  }

  /** Take a frame; returns the people with number and text. */
  take(found, timeS) {
    const people = withoutDoubles(found);
    const numbers = this.tracker.follow(people, timeS);
    for (const [number, person] of this.known) {
      if (timeS - person.times[person.times.length - 1] > GAP_S) this.leave(number, person, timeS);
    }
    return people.map((pose, i) => {
      const person = this.known.get(numbers[i]) ?? this.enter(numbers[i], timeS);
      this.remember(person, pose, timeS);
      this.ask(person, timeS);
      const said = person.prediction;
      const named = said && (!said.abstained || said.activity === NONE_OF_THESE);
      const text = named ? this.handlers.words(said.activity) : "";
      return { ...pose, number: numbers[i], text };
    });
  }

  enter(number, timeS) {
    const person = {
      number,
      times: [],
      poses: [],
      activity: null,
      candidate: null,
      prediction: null,
      due: -Infinity,
      asked: false,
    };
    this.known.set(number, person);
    this.handlers.onEvent({ time_s: timeS, person: number, type: "enters" });
    return person;
  }

  leave(number, person, timeS) {
    this.known.delete(number);
    if (person.activity)
      this.handlers.onEvent({ time_s: timeS, person: number, type: "ends", activity: person.activity });
    this.handlers.onEvent({ time_s: timeS, person: number, type: "leaves" });
  }

  /** The source has ended: so has everything that went on. */
  end(timeS) {
    for (const [number, person] of [...this.known]) this.leave(number, person, timeS);
    this.reset();
  }

  remember(person, pose, timeS) {
    person.times.push(timeS);
    person.poses.push(pose);
    const { lengths = [2], stride = 0.25 } = this.timing ?? {};
    const from = timeS - lengths[lengths.length - 1] - stride;
    let old = Math.max(0, person.times.length - MOST_POSES);
    while (person.times[old] < from) old++;
    if (old > 64) {
      person.times.splice(0, old);
      person.poses.splice(0, old);
    }
  }

  ask(person, timeS) {
    const { timing, session } = this;
    if (!timing || person.asked || timeS < person.due || timeS - person.times[0] < timing.lengths[0] - 0.05) return;
    person.due = timeS + timing.stride;
    person.asked = true;
    this.handlers.predict(trackOf(person), person.times[0]).then((prediction) => {
      person.asked = false;
      if (session !== this.session || timing !== this.timing || this.known.get(person.number) !== person) return;
      this.heard(person, prediction, timeS);
    }, this.handlers.onError);
  }

  heard(person, prediction, timeS) {
    person.prediction = prediction;
    const now = prediction && !prediction.abstained ? prediction.activity : null;
    person.candidate =
      person.candidate?.activity === now
        ? { activity: now, count: person.candidate.count + 1 }
        : { activity: now, count: 1 };
    if (person.candidate.count >= CONFIRMED && now !== person.activity) {
      if (person.activity)
        this.handlers.onEvent({ time_s: timeS, person: person.number, type: "ends", activity: person.activity });
      if (now)
        this.handlers.onEvent({
          time_s: timeS,
          person: person.number,
          type: "begins",
          activity: now,
          probability: prediction.probability,
        });
      person.activity = now;
    }
    this.handlers.onPrediction(person, timeS);
  }
}

/** The remembered poses as one track. */
function trackOf({ times, poses }) {
  const xy = new Float32Array(poses.length * 2 * K);
  const confidence = new Float32Array(poses.length * K);
  poses.forEach((pose, i) => {
    xy.set(pose.xy, i * 2 * K);
    confidence.set(pose.confidence, i * K);
  });
  return { times: Float64Array.from(times), xy, confidence };
}
