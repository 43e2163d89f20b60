// Corners of a zone on the newest picture of a source, as lines for the configuration file.
"use strict";
const byId = (id) => document.getElementById(id);
const canvas = byId("picture"), source = byId("source"), name = byId("name");
let corners = [], picture = null;

function draw() {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (picture) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const thick = canvas.width / (canvas.clientWidth || canvas.width); // a screen's pixel
  pen.lineWidth = 3 * thick;
  pen.strokeStyle = "#ffd400";
  pen.fillStyle = "rgba(255, 212, 0, .25)";
  pen.beginPath();
  corners.forEach(([x, y], n) => pen[n ? "lineTo" : "moveTo"](x * canvas.width, y * canvas.height));
  if (corners.length > 2) { pen.closePath(); pen.fill(); }
  pen.stroke();
  pen.fillStyle = "#ffd400";
  for (const [x, y] of corners) {
    pen.beginPath();
    pen.arc(x * canvas.width, y * canvas.height, 5 * thick, 0, 2 * Math.PI);
    pen.fill();
  }
  byId("copy").disabled = corners.length < 3;
  const polygon = corners.map(([x, y]) => `[${x.toFixed(3)}, ${y.toFixed(3)}]`).join(", ");
  byId("toml").textContent = corners.length < 3 ? "three corners or more make a zone"
    : `# below the [[source]] named "${source.value}"\n[[source.zone]]\nname = "${name.value}"\npolygon = [${polygon}]`;
}

async function load() {
  const answer = await fetch(`snapshot/${encodeURIComponent(source.value)}.jpg`);
  byId("fault").textContent = answer.ok ? "" : `There is no picture: ${(await answer.json()).error}.`;
  picture = null;
  if (!answer.ok) return draw();
  picture = await createImageBitmap(await answer.blob());
  canvas.height = Math.round(canvas.width * picture.height / picture.width);
  draw();
}

canvas.addEventListener("click", (event) => {
  const box = canvas.getBoundingClientRect();
  corners.push([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  draw();
});
byId("undo").addEventListener("click", () => { corners.pop(); draw(); });
byId("clear").addEventListener("click", () => { corners = []; draw(); });
byId("copy").addEventListener("click", () => navigator.clipboard.writeText(byId("toml").textContent));
name.addEventListener("input", draw);
source.addEventListener("change", () => { corners = []; load(); });
fetch("health").then((answer) => answer.json()).then((health) => {
  for (const each of Object.keys(health.sources)) source.add(new Option(each));
  return load();
});
