// Everything that is asked of the service. An error carries one sentence for the visitor.

const POLL_MS = 400;
const PATIENCE = 5; // polls in a row that may fail, as when a laptop wakes up
const NO_ANSWER = "The service cannot be reached. Is it still running, and are you connected to it?";

export class Refusal extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

/** Send this key with every request from now on, also with those of <video>; it is forgotten with the browser. */
export function useKey(value) {
  const { pathname, protocol } = new URL(".", location.href);
  const safe = protocol === "https:" ? "; Secure" : "";
  document.cookie = `posemill_key=${value.replaceAll(/[;\s]/g, "")}; path=${pathname}; SameSite=Strict${safe}`;
}

export const version = () => json("version");
export const gallery = () => json("gallery");
export const applications = () => json("apps");
export const skeletons = () => json("uat/skeletons.json");
export const cancelJob = (id) => json(`jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
export const jobFile = (id, name) => `jobs/${encodeURIComponent(id)}/${name}`;

export function sendFeedback(feedback) {
  return json("feedback", posted(feedback));
}

export const acceptance = () => json("acceptance");

export function sendVerdict(verdict) {
  return json("verdicts", posted(verdict));
}

export function predictTrack(track, signal) {
  return json("predict_track", { ...posted(track), signal });
}

/** A file of the service, in memory. */
export async function blob(url, signal) {
  return (await answered(url, { signal })).blob();
}

/** POST a form with progress of the upload (0..1), which fetch cannot say. */
export function upload(route, fields, signal, onProgress) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", route);
    request.upload.onprogress = (e) => e.lengthComputable && onProgress(e.loaded / e.total);
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status < 400 && body) resolve(body);
      else reject(refusal(request.status, body));
    };
    request.onerror = () => hungUp().then(reject);
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** Why an upload broke off: a service that still answers did not want more of it, and said so to a busy browser. */
async function hungUp() {
  try {
    await version();
    return new Refusal("The service stopped taking the file half-way; it is probably too large. Send a shorter piece.", 413);
  } catch (error) {
    return error;
  }
}

/** Wait for a job; `onStatus` gets every status. Refusal when it fails or was cancelled. */
export async function finished(id, signal, onStatus) {
  for (let misses = 0; ; ) {
    signal.throwIfAborted();
    try {
      const status = await json(`jobs/${encodeURIComponent(id)}`, { signal });
      misses = 0;
      onStatus(status);
      if (status.state === "done") return json(jobFile(id, "result"), { signal });
      if (status.state === "failed") throw new Refusal(status.error || "The analysis failed.", 500);
      if (status.state === "cancelled") throw new Refusal("The analysis was cancelled.", 499);
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 0 || ++misses > PATIENCE) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function json(url, options = {}) {
  const body = parsed(await (await answered(url, options)).text());
  if (body === null) throw new Refusal("What answered is not this service: no JSON came back.", 502);
  return body;
}

async function answered(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(NO_ANSWER, 0);
  }
  if (!answer.ok) throw refusal(answer.status, parsed(await answer.text()));
  return answer;
}

function refusal(status, body) {
  const says = typeof body?.error === "string" ? body.error : `The service answered with status ${status} and no reason.`;
  return new Refusal(says, status);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const posted = (value) => ({
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value),
});
