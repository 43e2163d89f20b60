// Calls to a worker: a message and its answer, by number.

export class Calls {
  /** @param {string} url of a module worker */
  constructor(url) {
    this.worker = new Worker(url, { type: "module" });
    this.waiting = new Map();
    this.last = 0;
    this.worker.onmessage = ({ data }) => this.settle(data);
    this.worker.onerror = (event) => this.fail(event.message || `${url} did not start`);
  }

  /** Send a message; resolves with its answer, rejects with the worker's error. */
  ask(type, fields = {}, transfer = []) {
    return new Promise((resolve, reject) => {
      if (this.broken) return reject(new Error(this.broken));
      const id = ++this.last;
      this.waiting.set(id, { resolve, reject, onProgress: fields.onProgress });
      const { onProgress, ...message } = fields;
      this.worker.postMessage({ id, type, ...message }, transfer);
    });
  }

  settle({ id, answer, error, progress }) {
    const call = this.waiting.get(id);
    if (!call) return;
    if (progress !== undefined) return call.onProgress?.(progress);
    this.waiting.delete(id);
    if (error !== undefined) call.reject(new Error(error));
    else call.resolve(answer);
  }

  fail(reason) {
    this.broken = `A part of this page stopped: ${reason}. Reload the page.`;
    for (const { reject } of this.waiting.values()) reject(new Error(this.broken));
    this.waiting.clear();
  }
}
