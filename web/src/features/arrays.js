// Small numeric helpers that round as numpy does.

/** Round half to even, as Python's round. */
export function round(x) {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

/** Median of numbers; 0 of none. */
export function median(values) {
  if (!values.length) return 0;
  const order = Float64Array.from(values).sort();
  const middle = order.length >> 1;
  return order.length % 2 ? order[middle] : (order[middle - 1] + order[middle]) / 2;
}

/** Quantile with linear interpolation. */
export function quantile(values, share) {
  const order = Float64Array.from(values).sort();
  const at = share * (order.length - 1);
  const low = Math.floor(at);
  return order[low] + (order[Math.min(low + 1, order.length - 1)] - order[low]) * (at - low);
}

/** First position whose value is not below x, in ascending values (numpy's searchsorted). */
export function searchSorted(values, x) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Median difference of neighbours, 0 of fewer than two: the usual time from one sighting to the next. */
export function medianStep(times) {
  if (times.length < 2) return 0;
  const steps = new Float64Array(times.length - 1);
  for (let i = 0; i < steps.length; i++) steps[i] = times[i + 1] - times[i];
  return median(steps);
}

export function clamp(x, low, high) {
  return Math.min(Math.max(x, low), high);
}
