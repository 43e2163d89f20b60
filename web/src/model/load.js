// A packaged activity model: files beside the page, checked by their digests before use.

const FILES = {
  model: "activity.onnx",
  features: "features.json",
  classes: "classes.json",
  calibration: "calibration.json",
};

/** A file that is missing or was changed; the message says what to do. */
export class ModelError extends Error {}

/**
 * Read and check a model's files.
 *
 * @param {string} folder URL that ends with a slash
 * @returns {Promise<null | {bytes: ArrayBuffer, features: object, classes: string[], temperature: number, threshold: number | null, labeller: object, digests: object}>}
 *   null where there is no model
 */
export async function loadPackage(folder, headers = {}) {
  const digests = await json(folder, "digests.json", headers, true);
  if (!digests) return null;
  const read = {};
  for (const [key, name] of Object.entries(FILES)) read[key] = await checked(folder, name, digests[key], headers);
  const parse = (key) => parsed(new TextDecoder().decode(read[key]), FILES[key]);
  const classes = parse("classes");
  const calibration = parse("calibration");
  return {
    bytes: read.model,
    features: parse("features"),
    classes,
    temperature: calibration.temperature,
    threshold: calibration.rejection_threshold ?? calibration.abstain_below ?? null,
    labeller: digests.labeller
      ? parsed(
          new TextDecoder().decode(await checked(folder, "labeller.json", digests.labeller, headers)),
          "labeller.json",
        )
      : {},
    digests,
  };
}

/** Golden clips of a model, or null where it has none. */
export async function loadGolden(folder, digests, headers = {}) {
  if (!digests.golden) return null;
  return parsed(new TextDecoder().decode(await checked(folder, "golden.json", digests.golden, headers)), "golden.json");
}

async function checked(folder, name, digest, headers) {
  const response = await ask(`${folder}${name}`, headers);
  if (!response.ok)
    throw new ModelError(
      `The model's file ${name} is missing here (${response.status}). Export the model again and copy the whole folder.`,
    );
  const bytes = await response.arrayBuffer();
  const found = await sha256(bytes);
  if (found !== digest) {
    throw new ModelError(
      `The model's file ${name} is damaged or was changed: its digest should be ${String(digest).slice(0, 12)}…, is ${found.slice(0, 12)}…. Export the model again and copy the whole folder.`,
    );
  }
  return bytes;
}

async function json(folder, name, headers, optional) {
  const response = await ask(`${folder}${name}`, headers);
  if (response.status === 404 && optional) return null;
  if (response.status === 401 || response.status === 403)
    throw new ModelError(
      "This service keeps its model for people with a key: give yours on its acceptance page (/uat), then reload this page. Poses and teaching work without.",
    );
  if (!response.ok)
    throw new ModelError(`The model could not be read: ${name} answered ${response.status}. Reload the page.`);
  return parsed(await response.text(), name);
}

async function ask(url, headers) {
  try {
    return await fetch(url, { headers, cache: "no-cache" });
  } catch {
    throw new ModelError("The model could not be read: the connection failed. Reload the page when it is back.");
  }
}

function parsed(text, name) {
  try {
    return JSON.parse(text);
  } catch {
    throw new ModelError(`The model's file ${name} is not JSON. Export the model again and copy the whole folder.`);
  }
}

async function sha256(bytes) {
  if (!globalThis.crypto?.subtle)
    throw new ModelError(
      "This page checks its model's digests, which a browser does on https:// or localhost only: open it there.",
    );
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
