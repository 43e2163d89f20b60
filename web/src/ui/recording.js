// What was seen, kept in pieces of fixed size: the newest minutes of everybody's poses, and a table of them.

import { K, KEYPOINTS } from "../pose/skeleton.js";

const ROW = 3 * K;
const PIECE = 512; // poses
const MOST = 64; // pieces: about 18 minutes of one person at 30 poses a second

export class Recording {
  constructor() {
    this.clear();
  }

  clear() {
    Object.assign(this, { pieces: [], frame: -1, start: null, end: 0, width: 0, height: 0, dropped: false });
  }

  /** Number of poses that are kept. */
  get poses() {
    return this.pieces.reduce((sum, piece) => sum + piece.count, 0);
  }

  /** Add a frame: its people with their numbers. */
  add(people, timeS, width, height) {
    if (this.start !== null && (timeS <= this.end || width !== this.width || height !== this.height)) this.clear(); // another source
    this.start ??= timeS;
    Object.assign(this, { end: timeS, width, height });
    this.frame++;
    for (const person of people) this.put(person, timeS - this.start);
  }

  put({ number, xy, confidence }, timeS) {
    let piece = this.pieces[this.pieces.length - 1];
    if (!piece || piece.count === PIECE) {
      piece = {
        count: 0,
        times: new Float64Array(PIECE),
        frames: new Int32Array(PIECE),
        people: new Int32Array(PIECE),
        values: new Float32Array(PIECE * ROW),
      };
      this.pieces.push(piece);
      if (this.pieces.length > MOST) [this.dropped] = [Boolean(this.pieces.shift())];
    }
    const { count } = piece;
    [piece.times[count], piece.frames[count], piece.people[count]] = [timeS, this.frame, number];
    piece.values.set(xy, count * ROW);
    piece.values.set(confidence, count * ROW + 2 * K);
    piece.count++;
  }

  /** A table that `posemill import table` reads: a row a person and frame, empty where a keypoint is not seen. */
  csv(medium) {
    const duration = (this.end - (this.start ?? 0)) * ((this.frame + 1) / Math.max(this.frame, 1)) || 0.04;
    const about = [medium, this.width, this.height, this.frame + 1, duration.toFixed(6)];
    const columns = KEYPOINTS.flatMap((name) => [`${name}_x`, `${name}_y`, `${name}_confidence`]);
    const lines = [
      ["medium", "width_px", "height_px", "frames", "duration_s", "person", "frame", "time_s", ...columns].join(),
    ];
    for (const piece of this.pieces) {
      for (let i = 0; i < piece.count; i++) {
        const values = piece.values.subarray(i * ROW, (i + 1) * ROW);
        const cells = KEYPOINTS.flatMap((_, k) =>
          Number.isNaN(values[2 * k])
            ? ["", "", "0"]
            : [values[2 * k].toFixed(2), values[2 * k + 1].toFixed(2), values[2 * K + k].toFixed(4)],
        );
        lines.push([...about, piece.people[i], piece.frames[i], piece.times[i].toFixed(6), ...cells].join());
      }
    }
    return lines.join("\n") + "\n";
  }
}
