// This browser's answers to a model's golden clips, sent to the server of the page, for `posemill parity`.

import { Calls } from "./calls.js";

const folder = new URL("model/", document.baseURI).href;

async function answers() {
  const activity = new Calls("activity.worker.js");
  if (!(await activity.ask("load", { folder }))) throw new Error("There is no model beside this page.");
  return activity.ask("answers", { folder });
}

const content = await answers().then(
  (clips) => ({ clips }),
  (error) => ({ error: error.message }),
);
await fetch("answers", { method: "POST", body: JSON.stringify(content) });
document.getElementById("told").textContent = content.error ?? `${content.clips.length} clips answered.`;
