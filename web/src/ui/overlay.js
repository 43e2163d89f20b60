// Skeletons over the picture, a colour a person.

import { EDGES, K } from "../pose/skeleton.js";

const COLOURS = ["#2dd4bf", "#fbbf24", "#60a5fa", "#f472b6", "#a3e635", "#c084fc"];
const SURE = 0.2;

/** Colour of a person's number. */
export function colourOf(number) {
  return COLOURS[number % COLOURS.length];
}

/** Draw people over a picture of width x height; `mirrored` as the video is shown. */
export function draw(canvas, people, width, height, mirrored) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const [w, h] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, w, h);
  if (!width) return;
  const scale = Math.min(w / width, h / height);
  const [left, top] = [(w - width * scale) / 2, (h - height * scale) / 2];
  const at = (x, y) => [mirrored ? w - left - x * scale : left + x * scale, top + y * scale];
  const line = Math.max(2, Math.min(w, h) / 160);
  for (const person of people) {
    skeleton(context, person, at, line, colourOf(person.number));
    if (person.text) label(context, person, at, line, w);
  }
}

function skeleton(context, { xy, confidence }, at, line, colour) {
  const seen = (k) => confidence[k] > SURE && !Number.isNaN(xy[2 * k]);
  const place = (k) => at(xy[2 * k], xy[2 * k + 1]);
  context.lineCap = "round";
  for (const [stroke, width] of [
    ["rgb(0 0 0 / .45)", line * 2.1],
    [colour, line],
  ]) {
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.beginPath();
    for (const [a, b] of EDGES) {
      if (!seen(a) || !seen(b)) continue;
      context.moveTo(...place(a));
      context.lineTo(...place(b));
    }
    context.stroke();
  }
  context.fillStyle = "#fff";
  for (let k = 0; k < K; k++) {
    if (!seen(k)) continue;
    context.beginPath();
    context.arc(...place(k), line * 1.1, 0, 7);
    context.fill();
  }
}

function label(context, { xy, text, number }, at, line, right) {
  let [top, middle, count] = [Infinity, 0, 0];
  for (let k = 0; k < K; k++) {
    if (Number.isNaN(xy[2 * k])) continue;
    top = Math.min(top, xy[2 * k + 1]);
    middle += xy[2 * k];
    count++;
  }
  if (!count) return;
  const size = line * 6;
  context.font = `600 ${size}px system-ui, sans-serif`;
  const width = context.measureText(text).width + size;
  let [x, y] = at(middle / count, top);
  x = Math.min(Math.max(x - width / 2, 0), right - width);
  y = Math.max(y - size * 2.2, 0);
  context.fillStyle = "rgb(10 16 22 / .82)";
  context.beginPath();
  context.roundRect(x, y, width, size * 1.6, size * 0.4);
  context.fill();
  context.fillStyle = colourOf(number);
  context.fillText(text, x + size / 2, y + size * 1.15);
}

/** A small drawing of one pose, fitted into a canvas. */
export function thumbnail(canvas, xy, offset = 0) {
  const points = Array.from({ length: K }, (_, k) => [xy[offset + 2 * k], xy[offset + 2 * k + 1]]);
  const seen = points.filter(([x]) => !Number.isNaN(x));
  if (!seen.length) return;
  const [xs, ys] = [0, 1].map((axis) => seen.map((p) => p[axis]));
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const scale =
    (Math.min(canvas.width, canvas.height) * 0.84) / Math.max(Math.max(...xs) - left, Math.max(...ys) - top, 1);
  const shift = [
    (canvas.width - (Math.max(...xs) - left) * scale) / 2,
    (canvas.height - (Math.max(...ys) - top) * scale) / 2,
  ];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.lineWidth = Math.max(1.5, canvas.width / 26);
  context.lineCap = "round";
  context.strokeStyle = COLOURS[0];
  context.beginPath();
  for (const [a, b] of EDGES) {
    if (Number.isNaN(points[a][0]) || Number.isNaN(points[b][0])) continue;
    context.moveTo(shift[0] + (points[a][0] - left) * scale, shift[1] + (points[a][1] - top) * scale);
    context.lineTo(shift[0] + (points[b][0] - left) * scale, shift[1] + (points[b][1] - top) * scale);
  }
  context.stroke();
}
