// SHA-256 of a file of any size, piece by piece. The browser's own wants the whole file in memory and a secure origin.

const PIECE = 4 * 2 ** 20;
const K = new Uint32Array(64);
const START = new Uint32Array(8);
for (let n = 2, found = 0; found < 64; n++) {
  let prime = true;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
  if (!prime) continue;
  if (found < 8) START[found] = fraction(Math.sqrt(n));
  K[found++] = fraction(Math.cbrt(n));
}

/** Lower-case hexadecimal digits of the SHA-256 of a Blob. */
export async function sha256(file) {
  const state = START.slice();
  const words = new Uint32Array(64);
  const whole = file.size - (file.size % 64);
  for (let at = 0; at < whole; at += PIECE) {
    const view = new DataView(await file.slice(at, Math.min(at + PIECE, whole)).arrayBuffer());
    for (let block = 0; block < view.byteLength; block += 64) mix(state, words, view, block);
  }
  const tail = padded(new Uint8Array(await file.slice(whole).arrayBuffer()), file.size);
  for (let block = 0; block < tail.byteLength; block += 64) mix(state, words, tail, block);
  return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("");
}

function padded(rest, size) {
  const view = new DataView(new ArrayBuffer(rest.length < 56 ? 64 : 128));
  rest.forEach((byte, i) => view.setUint8(i, byte));
  view.setUint8(rest.length, 0x80);
  view.setBigUint64(view.byteLength - 8, BigInt(size) * 8n);
  return view;
}

function mix(state, w, view, block) {
  for (let i = 0; i < 16; i++) w[i] = view.getUint32(block + 4 * i);
  for (let i = 16; i < 64; i++) {
    const a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
    const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + one) | 0;
    d = c; c = b; b = a; a = (one + two) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((value, i) => (state[i] += value));
}

function turn(x, n) {
  return (x >>> n) | (x << (32 - n));
}

function fraction(x) {
  return ((x - Math.floor(x)) * 2 ** 32) >>> 0;
}
