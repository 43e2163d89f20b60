// How figures and names are written, the same everywhere on the page.

const THIN = "\u202f"; // narrow space that does not break

/** 63.24 → 1:03.2 */
export function clock(seconds) {
  const tenths = Math.max(0, Math.round(seconds * 10));
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}

/** 0.934 → 93 % */
export const percent = (share) => `${Math.round(100 * share)}${THIN}%`;

/** What a model says of an activity that it was not taught. */
export const NONE_OF_THESE = "none of these";

/** Whether an answer names an activity and is not sure of it. */
export const doubted = (answered) => Boolean(answered?.abstained) && answered.activity !== NONE_OF_THESE;

/** push_up → push up */
export const activity = (name) => (name ? name.replaceAll("_", " ") : "not sure");

/** The number is the service's own: the overlay, the answer as JSON and the review have the same. */
export const person = (number) => `Person ${number}`;

/** Number and place, such as "Person 0 (left)"; a service from before places gives the number alone. */
export const placed = (p) => (p.place ? `${person(p.person)} (${p.place})` : person(p.person));

/** "1 person", "2 people" */
export const count = (n, one, many) => `${n} ${n === 1 ? one : many}`;

export function megabytes(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))}${THIN}kB` : `${(bytes / 1e6).toFixed(1)}${THIN}MB`;
}

/** A segment in words, for those who do not see the colours. */
export function segment(s) {
  const doubt = doubted(s) ? ", the model is not sure" : "";
  return `${activity(s.activity)}, ${clock(s.start_s)} to ${clock(s.end_s)}, ${percent(s.probability)}${doubt}`;
}
