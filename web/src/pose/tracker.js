// People followed from frame to frame by how alike their poses are (OKS); numbers as in the platform's tracks.

import { K, SIGMAS } from "./skeleton.js";

const LEAST_OKS = 0.3;
const LOOSE = 4; // a moving person's keypoints may be twice as far apart as OKS allows in a still
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
    people.forEach((person, i) => this.known.forEach((track) => pairs.push([similarity(person, track.person), i, track])));
    pairs.sort((a, b) => b[0] - a[0]);
    const numbers = new Array(people.length).fill(null);
    const taken = new Set();
    for (const [oks, i, track] of pairs) {
      if (oks < LEAST_OKS || numbers[i] !== null || taken.has(track)) continue;
      numbers[i] = track.number;
      taken.add(track);
      Object.assign(track, { person: people[i], timeS });
    }
    return numbers.map((number, i) => number ?? this.begin(people[i], timeS));
  }

  begin(person, timeS) {
    const number = this.next++;
    this.known.push({ number, person, timeS });
    return number;
  }
}

function similarity(a, b) {
  const area = LOOSE * Math.max(boxArea(a.xy), boxArea(b.xy), 1);
  let sum = 0, common = 0;
  for (let k = 0; k < K; k++) {
    const dx = a.xy[2 * k] - b.xy[2 * k], dy = a.xy[2 * k + 1] - b.xy[2 * k + 1];
    if (Number.isNaN(dx)) continue;
    common++;
    sum += Math.exp(-(dx * dx + dy * dy) / (2 * area * (2 * SIGMAS[k]) ** 2));
  }
  return common ? sum / common : 0;
}

function boxArea(xy) {
  const of = (axis) => {
    const seen = [...xy].filter((v, i) => i % 2 === axis && !Number.isNaN(v));
    return seen.length ? Math.max(...seen) - Math.min(...seen) : 0;
  };
  return of(0) * of(1);
}
