// What the model holds likely at a moment, and how activities are coloured.

export const SHADES = 12;

/** Activities in the order of the model's outputs, as far as the answer names them. */
export function classesOf(people) {
  const named = people.flatMap((p) => [p.verdict?.probabilities, p.windows?.[0]?.probabilities]).find(Boolean);
  const names = named ? Object.keys(named) : people.flatMap((p) => p.segments.map((s) => s.activity));
  return [...new Set(names.filter(Boolean))].sort();
}

/** The class of page.css that colours an activity. */
export const shade = (classes, activity) => `shade-${Math.max(0, classes.indexOf(activity)) % SHADES}`;

/** {activity: share} at a moment: the verdict of the windows that cover it (geometric mean, as the service does it). */
export function sharesAt(person, time, classes) {
  const rows = (person.windows ?? []).filter((w) => w.start_s <= time && time < w.end_s);
  if (rows.length) return mean(rows.map((w) => w.probabilities), classes);
  const segment = segmentAt(person, time);
  return segment && !person.windows ? { [segment.activity]: segment.probability } : null;
}

export function segmentAt(person, time) {
  return person.segments.find((s) => s.start_s <= time && time < s.end_s) ?? null;
}

function mean(rows, classes) {
  const logs = classes.map((name) => rows.reduce((sum, row) => sum + Math.log(Math.max(row[name] ?? 0, 1e-6)), 0) / rows.length);
  const top = Math.max(...logs);
  const weights = logs.map((log) => Math.exp(log - top));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Object.fromEntries(classes.map((name, i) => [name, weights[i] / total]));
}
