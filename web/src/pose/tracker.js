// People followed from frame to frame: where each is expected, and how alike poses are there (OKS).

import { K, SIGMAS } from "./skeleton.js";

const LOOSE = 4; // a moving person's keypoints may be twice as far apart as OKS allows in a still
const LEAST = 0.2; // similarity under which two poses are of different people
const DOUBLE_OKS = 0.6; // two poses of a frame as alike as this are one person, found twice
const STILL = 0.3,
  SPEED = 1.5; // body sizes: how far somebody may be from where they are expected, at once and a second
const MOMENTUM = 0.5;
export const GAP_S = 1;

/** Gives every pose of a frame the number of a person. */
export class Tracker {
  constructor() {
    this.next = 0;
    this.known = [];
  }

  /** Numbers of the people, in their order. */
  follow(people, timeS) {
    this.known = this.known.filter((track) => timeS - track.timeS <= GAP_S && timeS >= track.timeS);
    const pairs = [];
    people.forEach((person, i) => {
      const place = placeOf(person.xy);
      for (const track of this.known)
        pairs.push([similarity(track, person, place, timeS - track.timeS), i, track, place]);
    });
    pairs.sort((a, b) => b[0] - a[0]);
    const numbers = new Array(people.length).fill(null);
    const taken = new Set();
    for (const [alike, i, track, place] of pairs) {
      if (alike < LEAST || numbers[i] !== null || taken.has(track)) continue;
      numbers[i] = track.number;
      taken.add(track);
      moved(track, people[i], place, timeS);
    }
    return numbers.map((number, i) => number ?? this.begin(people[i], timeS));
  }

  begin(person, timeS) {
    const number = this.next++;
    this.known.push({ number, person, timeS, place: placeOf(person.xy), velocity: [0, 0], age: 0 });
    return number;
  }
}

/** The people without those who were found twice; the more confident pose stays. */
export function withoutDoubles(people) {
  const sum = ({ confidence }) => confidence.reduce((a, b) => a + b, 0);
  const kept = [];
  for (const person of [...people].sort((a, b) => sum(b) - sum(a))) {
    if (!kept.some((other) => oks(other.xy, person.xy, [0, 0], 1) > DOUBLE_OKS)) kept.push(person);
  }
  return kept;
}

function moved(track, person, place, timeS) {
  const step = Math.max(timeS - track.timeS, 1e-3);
  const share = track.age++ ? MOMENTUM : 1;
  track.velocity = track.velocity.map(
    (v, axis) => v + share * ((place.middle[axis] - track.place.middle[axis]) / step - v),
  );
  Object.assign(track, { person, timeS, place });
}

/** How well a pose fits a track: OKS with the pose moved on, or else how near it is to where the body is expected. */
function similarity(track, person, place, step) {
  const shift = track.velocity.map((v) => v * step);
  const size = Math.max(track.place.size, place.size, 1);
  if (Math.min(track.place.size, place.size) < 0.45 * size) return 0;
  const away = Math.hypot(...[0, 1].map((axis) => place.middle[axis] - track.place.middle[axis] - shift[axis])) / size;
  const near = 0.6 * Math.max(0, 1 - away / (STILL + SPEED * step));
  return Math.max(oks(track.person.xy, person.xy, shift, LOOSE), near);
}

function oks(a, b, [right, down], loose) {
  const area = loose * Math.max(placeOf(a).area, placeOf(b).area, 1);
  let sum = 0,
    common = 0;
  for (let k = 0; k < K; k++) {
    const dx = a[2 * k] + right - b[2 * k],
      dy = a[2 * k + 1] + down - b[2 * k + 1];
    if (Number.isNaN(dx)) continue;
    common++;
    sum += Math.exp(-(dx * dx + dy * dy) / (2 * area * (2 * SIGMAS[k]) ** 2));
  }
  return common ? sum / common : 0;
}

/** Middle, longer side and area of the box around a pose. */
function placeOf(xy) {
  const [x, y] = [0, 1].map((axis) =>
    Array.from({ length: K }, (_, k) => xy[2 * k + axis]).filter((v) => !Number.isNaN(v)),
  );
  const middle = [x, y].map((values) => values.reduce((a, b) => a + b, 0) / Math.max(values.length, 1));
  const [width, height] = [x, y].map((values) => (values.length ? Math.max(...values) - Math.min(...values) : 0));
  return { middle, size: Math.max(width, height), area: width * height };
}
